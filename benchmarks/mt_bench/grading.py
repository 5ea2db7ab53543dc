"""One judging of a run's answers, from the budget to judged.json."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.errors import SuiteError
from benchmarks.mt_bench import folder, judge, judgments, prompts, scores
from benchmarks.mt_bench.judge import Judge, Price
from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.prompts import Prompts
from benchmarks.mt_bench.questions import Questions
from benchmarks.records import files, schema, store


def grade(settings: dict[str, Any], asked: Questions) -> None:
    """Judge a run's answers as conf/mt_bench.yaml's ``judge`` says: print the budget, ask, write and print the scores.

    Nothing is sent without ``yes``. Raises SuiteError where answers are missing or judgments could not be had; what was
    there and what came stays.
    """
    chosen = dict(settings)
    place, yes, file_of_prompts = folder.find(chosen.pop("run")), chosen.pop("yes"), chosen.pop("prompts")
    asking = _judge(chosen)
    if not isinstance(yes, bool):
        raise SuiteError(f"judge.yes={yes} is neither true nor false")
    texts = prompts.read(file_of_prompts and Path(file_of_prompts))
    answers = folder.whole_answers(place, asked.asked)
    wanted = judge.requests(asking, texts, asked.asked, answers)
    file = place / "judgments.jsonl"
    kept = judgments.read(file)
    if kept.torn:
        print(f"{file} ends in half a judgment, which a kill left: it is asked for again")
    left = [request for request in wanted if request.key not in kept.judgments]
    print(f"judge: {asking.model} at {asking.base_url}, with the prompts of {texts.name} ({texts.sha256[:12]})")
    print(judge.budget(asking, wanted, left))
    if left and not yes:
        print("nothing was sent: the same command with judge.yes=true sends it")
        return
    if left:
        judge.ask_all(asking, left, file)
    found = judgments.read(file).judgments
    judged = _judged(asking, texts, asked, folder.answers_file(place), [found[request.key] for request in wanted])
    files.write_atomic(place / "judged.json", (judged.model_dump_json(indent=1) + "\n").encode())
    _show(judged, file, place / "judged.json")
    record = store.of_folder(place.parent)
    if record is not None:
        store.write(record, store.read(record).model_copy(update={"mt_bench": _in_short(judged)}))
        print(f"written: {record}, for the tables")


def _judge(chosen: dict[str, Any]) -> Judge:
    if (price := chosen["price"]) is not None:
        if not isinstance(price, dict) or set(price) != {"input", "output"}:
            raise SuiteError(f"judge.price={price} must be {{input: A, output: B}}, for a million tokens, or null")
        chosen["price"] = Price(**price)
    return Judge(**chosen)


def _judged(asking: Judge, texts: Prompts, asked: Questions, answers: Path, made: list[Judgment]) -> scores.Judged:
    read, written = ([getattr(one, name) for one in made] for name in ("prompt_tokens", "completion_tokens"))
    return scores.Judged(
        judge=asking.model,
        base_url=asking.base_url,
        served_by=sorted({one.served_by for one in made}),
        prompts=scores.Prompting(name=texts.name, sha256=texts.sha256),
        repeats=asking.repeats,
        temperature=asking.temperature,
        max_tokens=asking.max_tokens,
        source=asked.source,
        dataset=asked.dataset,
        fingerprint=asked.fingerprint,
        answers_sha256=hashlib.sha256(answers.read_bytes()).hexdigest(),
        questions=len(asked.asked),
        judgments=len(made),
        unscored=sum(one.rating is None for one in made),
        cut=sum(one.finish_reason == "length" for one in made),
        prompt_tokens=None if None in read else sum(read),
        completion_tokens=None if None in written else sum(written),
        scores=scores.turns(made, asking.repeats),
        categories=scores.by_category(made, asked.asked, asking.repeats),
        judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _in_short(judged: scores.Judged) -> schema.Judged:
    first = judged.scores.first
    return schema.Judged(
        judge=judged.judge,
        prompts=f"{judged.prompts.name} ({judged.prompts.sha256[:12]})",
        source=judged.source,
        questions=judged.questions,
        repeats=judged.repeats,
        unscored=judged.unscored,
        turn_1=first.median,
        turn_1_error=first.standard_error,
        both_turns=judged.scores.both.median,
        swing=first.swing,
    )


def _show(judged: scores.Judged, file: Path, result: Path) -> None:
    Console(highlight=False).print(scores.table(judged))
    if judged.source == "embedded":
        print("these questions are the suite's own and NOT MT-Bench: scores on them compare only with each other")
    if judged.unscored:
        print(
            f"{judged.unscored} of {judged.judgments} judgments give no score of 1 to 10 and are in no mean "
            f"({judged.cut} judgments were cut at judge.max_tokens={judged.max_tokens}); their texts are in {file}"
        )
    print(f"written: {result}")
