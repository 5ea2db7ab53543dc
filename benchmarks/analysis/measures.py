"""What tables and figures show of runs: measures with their unit and digits, and which of them a kind of task has."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev
from typing import Any

from benchmarks.records.schema import LOG_LIKELIHOOD, Mark, Record

ABSENT = "-"
HELD_OUT = (
    "Held-out: it is chosen on one half of dev and scored on the other, both ways, averaged. Gap: best minus held-out."
)
PERCENT = ("bleu", "meteor", "rouge_l")  # papers print these x100 with one digit, and other scores of texts with two

JUDGED = "mt_bench_turn_1"

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

    ``average`` is over seeds; ``published`` is what the papers' tables call the figure. ``error`` is a standard error
    of the figure itself, which a run has beside it.
    """

    heading: str
    value: Getter
    scale: int = 100
    digits: int = 1
    average: Callable[[Iterable[float]], float] = median
    published: str = ""
    error: Getter | None = None

    def values(self, runs: Iterable[Record]) -> list[float]:
        """Return the figure of each run that has it, not scaled."""
        return [value for run in runs if (value := self.value(run)) is not None]

    def number(self, scaled: float) -> str:
        """Write a number that is in the measure's unit."""
        return f"{round(scaled, self.digits) + 0.0:.{self.digits}f}"  # adding nothing turns -0.0 into 0.0

    def cell(self, runs: Iterable[Record], most: int) -> str:
        """Write the average over seeds ± deviation [error], and the seeds' number where it is below ``most``."""
        values = [self.scale * value for value in self.values(runs)]
        if not values:
            return ABSENT
        spread = f" ± {stdev(values):.{self.digits}f}" if len(values) > 1 else ""
        errors = [] if self.error is None else [error for run in runs if (error := self.error(run)) is not None]
        beside = f" [{self.number(self.scale * mean(errors))}]" if errors else ""
        fewer = f" (n={len(values)})" if len(values) < most else ""
        return f"{self.number(self.average(values))}{spread}{beside}{fewer}"


@dataclass(frozen=True)
class Kind:
    """All that the tables of one kind of task do not share with those of another."""

    main: list[Measure]  # columns of the main table
    means: list[Measure]  # and of means over tasks
    chosen: list[Measure]  # columns of the second table: scores on dev, by how the epoch is chosen
    chosen_title: str
    drawn: Measure  # its mean over tasks is a mark's height in the figure
    axis: str
    scored: str  # notes on what is scored, and on the average over seeds
    average: str
    notes: list[str]

    @property
    def held_out(self) -> Measure:
        """Return the column of scores that nothing was chosen by."""
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
    """Show runs that give each row a class or a value: their scores on dev, by task."""
    metrics = dict(sorted((run.task, run.scores.primary) for run in finished))
    tasks = [key_of(task) for task in metrics]
    overall = Measure("mean", _best)
    return Kind(
        main=[Measure(key_of(task), _best_on(task), published=key_of(task)) for task in metrics],
        means=[overall, Measure("mean last", _last), Measure("mean held-out", _held_out), Measure("gap", _gap)],
        chosen=_chosen(),
        chosen_title="Best, last and held-out",
        drawn=overall,
        axis="best score on dev (x100), " + (tasks[0] if len(tasks) == 1 else f"mean over {len(tasks)} tasks"),
        scored="Scores, x100: " + ", ".join(f"{key_of(task)} {metric}" for task, metric in metrics.items()),
        average="median",
        notes=[
            f"Best: the epoch is chosen on the same dev set that is scored, as the papers do. {HELD_OUT}",
            "Means are over tasks, of medians over seeds, and only for rows that ran every task of the table.",
        ],
    )


def _best_on(task: str) -> Getter:
    return lambda run: run.scores.best if run.task == task else None


def _generating(finished: Sequence[Record]) -> Kind:
    """Show runs of one task that write a text for each instance of its test split: the texts' scores."""
    # A run that lacks a score says nothing of its place among the others: those that lack fewest come first.
    fullest = sorted((run.generation.scores for run in finished if run.generation), key=len, reverse=True)
    main = [_of_texts(name) for name in dict.fromkeys(name for scores in fullest for name in scores)]
    units = [measure.heading + (" x100" if measure.scale == 100 else "") for measure in main]
    notes = [
        "Nothing was chosen on the test split. Epochs are compared by dev's mean log-likelihood per target token, in "
        "nats, at most 0, higher is better; the second table is of it.",
    ]
    if "nist_p" in units:
        notes.append(
            "nist is as the official Perl script has it, nist_p as its Python port, which the LoRA paper's code scores "
            "with: a paper's NIST stands beside that."
        )
    scored = f"Scores of what a run wrote for the test split after its last epoch: {', '.join(units)}"
    return _of_text(main, f"{units[0]} on the test split", scored, notes)


def _of_text(main: list[Measure], axis: str, scored: str, notes: list[str]) -> Kind:
    """Show runs of one task of text, whose second table is of dev's log-likelihood."""
    return Kind(
        main=main,
        means=[],
        chosen=_chosen(scale=1, digits=3, average=mean),
        chosen_title="Log-likelihood on dev: best, last and held-out",
        drawn=main[0],
        axis=axis,
        scored=scored,
        average="mean",
        notes=[
            *notes,
            f"Best: the epoch is chosen on the same dev set that is scored. {HELD_OUT} The halves count alike, however "
            "many tokens they hold, so that with one epoch the gap is not 0.",
        ],
    )


def _instructing(finished: Sequence[Record]) -> Kind:
    """Show runs that learnt to follow instructions: the exams they sat, what a judge gave, their log-likelihood."""
    sat = dict.fromkeys(
        (name, extractor) for run in finished for name in run.exams for extractor in run.exams[name].marks
    )
    # A reading that finds nothing in most answers, which were learnt in other words, says the least: it comes last.
    exams = [_of_exam(*pair) for pair in sorted(sat, key=lambda pair: _mostly_unread(finished, *pair))]
    on_dev = Measure("dev log-likelihood", _last, scale=1, digits=3, average=mean)
    main = [*exams, *_of_judge(finished), on_dev]
    notes = ["Dev: the mean log-likelihood per token of a response, in nats, at most 0, higher is better."]
    if exams:
        notes.append(
            "An exam's score is the share of right answers of the last epoch, x100, by each reading of what an answer "
            "is; beside it [the standard error over its questions]. An answer that cannot be read is wrong."
        )
    units = [measure.heading + (" x100" if measure.scale == 100 else "") for measure in main]
    return _of_text(main, units[0], f"Scores: {', '.join(units)}", notes)


def _mostly_unread(finished: Sequence[Record], name: str, extractor: str) -> bool:
    solved = [run.exams[name] for run in finished if name in run.exams and extractor in run.exams[name].marks]
    return sum(own.marks[extractor].unread for own in solved) > sum(len(own.answers) for own in solved) / 2


def _of_exam(name: str, extractor: str) -> Measure:
    def mark(run: Record) -> Mark | None:
        return run.exams[name].marks.get(extractor) if name in run.exams else None

    return Measure(
        heading=f"{name} ({extractor})",
        value=lambda run: (own := mark(run)) and own.accuracy,
        average=mean,
        published=name if extractor == "paper" else "",
        error=lambda run: (own := mark(run)) and own.standard_error,
    )


def _of_judge(finished: Sequence[Record]) -> list[Measure]:
    """Return both columns of each judge: what two judges give, or one with other prompts, is not one score."""
    judges = dict.fromkeys(judge for run in finished if (judge := _judge(run)) is not None)
    return [measure for judge in judges for measure in _of_one_judge(judge, finished)]


def _of_one_judge(judge: str, finished: Sequence[Record]) -> list[Measure]:
    def turn_1(run: Record) -> float | None:
        return run.mt_bench.turn_1 if _judge(run) == judge else None

    def both(run: Record) -> float | None:
        return run.mt_bench.both_turns if _judge(run) == judge else None

    def error(run: Record) -> float | None:
        return run.mt_bench.turn_1_error if _judge(run) == judge else None

    comparable = all(run.mt_bench.as_published for run in finished if _judge(run) == judge)
    return [
        Measure(f"MT-Bench turn 1 ({judge})", turn_1, 1, 2, mean, JUDGED if comparable else "", error),
        Measure(f"both turns ({judge})", both, 1, 2, mean),
    ]


def _judge(run: Record) -> str | None:
    """Return by whom a run was judged, with what prompts and on which questions."""
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
