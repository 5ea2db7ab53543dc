"""What tables and figures show of runs: measures with their unit and digits, by the kind of task."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev
from typing import Any

from benchmarks.markup import ABSENT
from benchmarks.records.schema import LOG_LIKELIHOOD, Mark, Record, scale_and_digits
from benchmarks.tasks.scoring import shares

HELD_OUT = (
    "Held-out: the epoch is chosen on one half of dev and scored on the other half, both ways, averaged. "
    "Gap: best minus held-out."
)
PERCENT = ("bleu", "meteor", "rouge_l")  # papers print these x100 with one digit, and other scores of texts with two
JUDGED = ("mt_bench_turn_1", "mt_bench")  # a judge's score of the first turn, and of both, in the published tables

Getter = Callable[[Record], float | None]


def _best(run: Record) -> float:
    return run.scores.best


def _last(run: Record) -> float:
    return run.scores.last


def _held_out(run: Record) -> float:
    return run.scores.held_out


def _gap(run: Record) -> float:
    return run.scores.best - run.scores.held_out


@dataclass(frozen=True)
class Measure:
    """A figure of a run, and how it is written; ``value`` gives None for a run that lacks it.

    A figure is shown times ``scale``, with ``digits`` decimals. ``average`` is over seeds; ``published`` is what the
    papers' tables call the figure. ``error`` gives the standard error of one run's figure, and ``questions`` how many
    answers it is a share of, where it is one.
    """

    heading: str
    value: Getter
    scale: int = 100
    digits: int = 1
    average: Callable[[Iterable[float]], float] = median
    published: str = ""
    error: Getter | None = None
    questions: Callable[[Record], int] | None = None

    @property
    def unit(self) -> str:
        """Return what the figure is multiplied by where it is shown, for an axis."""
        return "" if self.scale == 1 else f" (x{self.scale})"

    def values(self, runs: Iterable[Record]) -> list[float]:
        """Return the figure of each run that has it, before scaling."""
        return [value for run in runs if (value := self.value(run)) is not None]

    def number(self, scaled: float) -> str:
        """Write a number that is already scaled."""
        return f"{round(scaled, self.digits) + 0.0:.{self.digits}f}"  # adding nothing turns -0.0 into 0.0

    def cell(self, runs: Iterable[Record], most: int) -> str:
        """Write the average over seeds ± deviation [error or interval], and how many seeds if fewer than ``most``."""
        values = [self.scale * value for value in self.values(runs)]
        if not values:
            return ABSENT
        spread = f" ± {stdev(values):.{self.digits}f}" if len(values) > 1 else ""
        fewer = f" (n={len(values)})" if len(values) < most else ""
        return f"{self.number(self.average(values))}{spread}{self._beside(runs)}{fewer}"

    def _beside(self, runs: Iterable[Record]) -> str:
        """Write the mean of the standard errors, or the interval of a share over its questions, in brackets."""
        runs = [run for run in runs if self.value(run) is not None]
        if self.questions is not None:
            # Seeds answer the same questions, so that they are no further sample of them.
            ends = shares.wilson(mean(self.values(runs)), min(self.questions(run) for run in runs))
            return f" [{', '.join(self.number(self.scale * end) for end in ends)}]"
        errors = [] if self.error is None else [error for run in runs if (error := self.error(run)) is not None]
        return f" [{self.number(self.scale * mean(errors))}]" if errors else ""


@dataclass(frozen=True)
class Kind:
    """What differs between the tables of one kind of task and those of another."""

    main: list[Measure]  # columns of the main table
    means: list[Measure]  # its columns of means over tasks
    chosen: list[Measure]  # columns of the second table: scores on dev, by how the epoch is chosen
    chosen_title: str
    drawn: Measure  # its mean over tasks is a mark's height in the figure
    axis: str  # what the figure's y axis is called
    scored: str  # a note on what is scored
    average: str  # what the average over seeds is called
    notes: list[str]

    @property
    def held_out(self) -> Measure:
        """Return the measure of scores on rows that no choice was made on."""
        return next(measure for measure in self.chosen if measure.value is _held_out)


def kind_of(finished: Sequence[Record]) -> Kind:
    """Return how a sheet's finished runs are shown."""
    if any(run.generation for run in finished):
        return _generating(finished)
    if any(run.scores.primary == LOG_LIKELIHOOD for run in finished):
        return _instructing(finished)
    return _labelling(finished)


def key_of(task: str) -> str:
    """Return the task's name within its benchmark: "mrpc" of "glue/mrpc"."""
    return task.partition("/")[2] or task


def _labelling(finished: Sequence[Record]) -> Kind:
    """Return what is shown of runs that give each row a class or a value: their scores on dev, by task."""
    metrics = dict(sorted((run.task, run.scores.primary) for run in finished))
    tasks = [key_of(task) for task in metrics]
    held_out = Measure("mean held-out", _held_out)
    return Kind(
        main=[Measure(key_of(task), _best_on(task), published=key_of(task)) for task in metrics],
        means=[Measure("mean", _best), Measure("mean last", _last), held_out, Measure("gap", _gap)],
        chosen=_chosen(),
        chosen_title="Best, last and held-out",
        drawn=held_out,
        axis="held-out score (x100), " + (tasks[0] if len(tasks) == 1 else f"mean over {len(tasks)} tasks"),
        scored="Scores, x100: " + ", ".join(f"{key_of(task)} {metric}" for task, metric in metrics.items()),
        average="median",
        notes=[
            f"Best: the epoch is chosen on the dev set that it is scored on, as the papers do. {HELD_OUT}",
            "A mean is over tasks, of the medians over seeds; rows that did not run every task have none.",
        ],
    )


def _best_on(task: str) -> Getter:
    return lambda run: run.scores.best if run.task == task else None


def _generating(finished: Sequence[Record]) -> Kind:
    """Return what is shown of runs that write a text for each instance of a test split: the texts' scores."""
    # The order of scores is taken from the runs that have most of them.
    fullest = sorted((run.generation.scores for run in finished if run.generation), key=len, reverse=True)
    main = [_of_texts(name) for name in dict.fromkeys(name for scores in fullest for name in scores)]
    units = [measure.heading + (" x100" if measure.scale == 100 else "") for measure in main]
    notes = [
        "Nothing was chosen on the test split. Epochs are compared by dev's mean log-likelihood per target token, in "
        "nats: at most 0, higher is better. The second table shows it.",
    ]
    if "nist_p" in units:
        notes.append(
            "nist is computed as in the official Perl script, nist_p as in its Python port, which the LoRA paper's "
            "code uses, so a paper's NIST stands beside nist_p."
        )
    scored = f"Scores of what a run wrote for the test split after its last epoch: {', '.join(units)}"
    return _of_text(main, f"{units[0]} on the test split", scored, notes)


def _of_text(main: list[Measure], axis: str, scored: str, notes: list[str]) -> Kind:
    """Return what is shown of runs on a task of text; the second table shows dev's log-likelihood."""
    scale, digits = scale_and_digits(LOG_LIKELIHOOD)
    return Kind(
        main=main,
        means=[],
        chosen=_chosen(scale=scale, digits=digits, average=mean),
        chosen_title="Log-likelihood on dev: best, last and held-out",
        drawn=main[0],
        axis=axis,
        scored=scored,
        average="mean",
        notes=[
            *notes,
            f"Best: the epoch is chosen on the dev set that it is scored on. {HELD_OUT} Both halves count the same, "
            "however many tokens they hold, so the gap of a run with one epoch need not be 0.",
        ],
    )


def _instructing(finished: Sequence[Record]) -> Kind:
    """Return what is shown of runs that learnt instructions: exams, a judge's scores, dev's log-likelihood."""
    sat = dict.fromkeys(
        (name, extractor) for run in finished for name in run.exams for extractor in run.exams[name].marks
    )
    # A reading that finds nothing in most answers says least, so it comes last.
    exams = [of_exam(*pair) for pair in sorted(sat, key=lambda pair: _mostly_unread(finished, *pair))]
    scale, digits = scale_and_digits(LOG_LIKELIHOOD)
    on_dev = Measure("dev log-likelihood", _last, scale, digits, average=mean)
    main = [*exams, *_of_judge(finished), on_dev]
    notes = ["Dev: the mean log-likelihood per token that is learnt, in nats: at most 0, higher is better."]
    if exams:
        notes.append(
            "An exam's score is the share of questions answered right after the last epoch, x100, for each way to read "
            "an answer; in brackets its 95% interval over questions (Wilson's). An answer that cannot be read "
            "counts as wrong."
        )
    units = [measure.heading + (" x100" if measure.scale == 100 else "") for measure in main]
    return _of_text(main, units[0], f"Scores: {', '.join(units)}", notes)


def _mostly_unread(finished: Sequence[Record], name: str, extractor: str) -> bool:
    solved = [run.exams[name] for run in finished if name in run.exams and extractor in run.exams[name].marks]
    return sum(exam.marks[extractor].unread for exam in solved) > sum(len(exam.answers) for exam in solved) / 2


def of_exam(name: str, extractor: str) -> Measure:
    """Return the share of an exam's questions that are answered right, as ``extractor`` reads the answers."""

    def mark(run: Record) -> Mark | None:
        return run.exams[name].marks.get(extractor) if name in run.exams else None

    def accuracy(run: Record) -> float | None:
        return marked.accuracy if (marked := mark(run)) else None

    def questions(run: Record) -> int:
        return len(run.exams[name].answers)

    published = name if extractor == "paper" else ""
    return Measure(f"{name} ({extractor})", accuracy, average=mean, published=published, questions=questions)


def _of_judge(finished: Sequence[Record]) -> list[Measure]:
    """Return the two columns of each judge; another judge, or other prompts, give another score."""
    judges = dict.fromkeys(judge for run in finished if (judge := _judge(run)) is not None)
    return [measure for judge in judges for measure in _of_one_judge(judge, finished)]


def _of_one_judge(judge: str, finished: Sequence[Record]) -> list[Measure]:
    def turn_1(run: Record) -> float | None:
        return run.mt_bench.turn_1 if _judge(run) == judge else None

    def both(run: Record) -> float | None:
        return run.mt_bench.both_turns if _judge(run) == judge else None

    def turn_1_error(run: Record) -> float | None:
        return run.mt_bench.turn_1_error if _judge(run) == judge else None

    def both_error(run: Record) -> float | None:
        return run.mt_bench.both_turns_error if _judge(run) == judge else None

    comparable = all(run.mt_bench.as_published for run in finished if _judge(run) == judge)
    first, whole = JUDGED if comparable else ("", "")
    return [
        Measure(f"MT-Bench turn 1 ({judge})", turn_1, 1, 2, mean, first, turn_1_error),
        Measure(f"both turns ({judge})", both, 1, 2, mean, whole, both_error),
    ]


def _judge(run: Record) -> str | None:
    """Return who judged a run, with which prompts and on which questions; None for a run that was not judged."""
    if (judged := run.mt_bench) is None:
        return None
    questions = f"{judged.questions} questions" + (" of the suite's own" if judged.source == "embedded" else "")
    return f"{judged.judge}, {judged.prompts}, {questions}"


def _of_texts(name: str) -> Measure:
    scale, digits = (100, 1) if name in PERCENT else (1, 2)
    published = {"nist": "", "nist_p": "nist"}.get(name, name)
    return Measure(name, lambda run: run.generation and run.generation.scores.get(name), scale, digits, mean, published)


def _chosen(**unit: Any) -> list[Measure]:
    """Return the scores on dev, by how the epoch is chosen."""
    values = {"best": _best, "last": _last, "held-out": _held_out, "gap": _gap}
    return [Measure(heading, value, **unit) for heading, value in values.items()]
