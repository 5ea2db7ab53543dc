"""One judging of a run's answers, from the budget to judged.json."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.mt_bench import folder, judge, judgments, prompts, requests, scores
from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.prompts import Prompts
from benchmarks.mt_bench.questions import Questions
from benchmarks.mt_bench.requests import Request
from benchmarks.mt_bench.scores import Judged
from benchmarks.mt_bench.settings import Judging
from benchmarks.records import files, schema, store

Say = Callable[[str], None]


def grade(judging: Judging, asked: Questions, say: Say) -> Judged | None:
    """Judge a run's answers, keep the scores with the run and in its record, and return them.

    ``say`` is told the budget first. Without ``judging.yes`` nothing is sent, and None is returned if judgments are
    missing. Raises SuiteError where answers are missing or judgments could not be had; those that came are kept.
    """
    place = folder.find(judging.run)
    texts = prompts.read(judging.prompts and Path(judging.prompts))
    answers = folder.whole_answers(place, asked.asked)
    answered = hashlib.sha256(folder.answers_file(place).read_bytes()).hexdigest()
    wanted = requests.every(judging, texts, asked.asked, answers)
    file = place / "judgments.jsonl"
    say(f"judge: {judging.model} at {judging.base_url}, with the prompts of {_named(texts)}")
    made = _judgments(judging, wanted, file, say)
    if made is None:
        say("nothing was sent: the same command with judge.yes=true sends it")
        return None
    judged = _judged(judging, texts, asked, answered, made)
    _keep(judged, place, say)
    for note in _notes(judged, file):
        say(note)
    return judged


def _judgments(judging: Judging, wanted: list[Request], file: Path, say: Say) -> list[Judgment] | None:
    """Return the wanted judgments, asking for those that are not in the file; None where they may not be sent."""
    kept = judgments.read(file)
    if kept.torn:
        say(f"{file} ends in half a judgment, left by a kill: it is asked for again")
    left = [request for request in wanted if request.key not in kept.judgments]
    say(requests.budget(judging, wanted, left))
    if left and not judging.yes:
        return None
    if left:
        judge.ask_all(judging, wanted, file, say)
    by_key = judgments.read(file).judgments
    return [by_key[request.key] for request in wanted]


def _judged(judging: Judging, texts: Prompts, asked: Questions, answered: str, made: list[Judgment]) -> Judged:
    read, written = ([getattr(one, name) for one in made] for name in ("prompt_tokens", "completion_tokens"))
    return Judged(
        judge=judging.model,
        base_url=judging.base_url,
        served_by=sorted({one.served_by for one in made}),
        prompts=scores.Prompting(name=texts.name, sha256=texts.sha256),
        repeats=judging.repeats,
        temperature=judging.temperature,
        max_tokens=judging.max_tokens,
        source=asked.source,
        dataset=asked.dataset,
        fingerprint=asked.fingerprint,
        answers_sha256=answered,
        questions=len(asked.asked),
        judgments=len(made),
        unscored=sum(one.rating is None for one in made),
        cut=sum(one.finish_reason == "length" for one in made),
        prompt_tokens=None if None in read else sum(read),
        completion_tokens=None if None in written else sum(written),
        scores=scores.turns(made, judging.repeats),
        categories=scores.by_category(made, asked.asked, judging.repeats),
        judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _keep(judged: Judged, place: Path, say: Say) -> None:
    """Write judged.json, and the scores in short into the run's record if there is one."""
    result = place / "judged.json"
    files.write_atomic(result, (judged.model_dump_json(indent=1) + "\n").encode())
    say(f"written: {result}")
    record = store.of_folder(place.parent)
    if record is not None:
        store.write(record, store.read(record).model_copy(update={"mt_bench": _in_short(judged)}))
        say(f"written: {record}, for the tables")


def _in_short(judged: Judged) -> schema.Judged:
    first, both = judged.scores.first, judged.scores.both
    return schema.Judged(
        judge=judged.judge,
        prompts=_named(judged.prompts),
        source=judged.source,
        questions=judged.questions,
        repeats=judged.repeats,
        unscored=judged.unscored,
        turn_1=first.median,
        turn_1_error=first.standard_error,
        both_turns=both.median,
        both_turns_error=both.standard_error,
        swing=first.swing,
    )


def _named(texts: Prompts | scores.Prompting) -> str:
    return f"{texts.name} ({texts.sha256[:12]})"


def _notes(judged: Judged, file: Path) -> list[str]:
    """Return what a reader of the scores must know."""
    notes = []
    if judged.source == "embedded":
        notes.append(
            "these questions are the suite's own and NOT MT-Bench: compare scores on them only with each other"
        )
    if judged.unscored:
        notes.append(
            f"{judged.unscored} of {judged.judgments} judgments give no score from 1 to 10, and no mean includes them "
            f"({judged.cut} judgments were cut at judge.max_tokens={judged.max_tokens}); their texts are in {file}"
        )
    return notes
