"""What exists before a run: tasks, backbones, methods, and published tables with how many of their rows have runs."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import conf
from benchmarks.analysis import sheets
from benchmarks.analysis.sheets import leaves
from benchmarks.markup import ABSENT, Column, Page, text_column
from benchmarks.papers import published
from benchmarks.papers.published import NO_TARGETS, PublishedRow, runnable, without
from benchmarks.records import store
from benchmarks.records.schema import LOG_LIKELIHOOD, Record
from benchmarks.report.notes import FORMULAS
from benchmarks.tasks.scoring.e2e import e2e
from methods import declared
from methods.errors import MethodError

_FORMATS = Path(__file__).parents[1] / "models" / "peft" / "formats"
_READINGS = ("paper", "script")  # ends of the names of recipes that a method's usual one on a backbone disagrees with


def tasks() -> Page:
    """Return the tasks of conf/task: their kind, what epochs are compared by, and their scores."""
    every = {name: conf.facts("task", name) for name in conf.options("task")}
    return Page(
        [
            text_column("task", list(every)),
            text_column("kind", [facts["kind"] for facts in every.values()]),
            text_column("best epoch by", [facts.get("primary", LOG_LIKELIHOOD) for facts in every.values()]),
            text_column("scores", [_scores(facts) for facts in every.values()]),
            text_column("data set", [facts["dataset"] for facts in every.values()]),
        ],
        "Tasks: task=NAME",
    )


def _scores(facts: dict[str, Any]) -> str:
    """Return the names of what a task is scored by, apart from what epochs are compared by."""
    if facts["kind"] == "classification":
        return facts["metric"]
    if facts["kind"] == "generation":
        return ", ".join(e2e.SCORES)
    exams = [name for name, exam in facts["exams"].items() if exam]
    return ", ".join(f"exam {name}" for name in exams) or "MT-Bench"


def backbones() -> Page:
    """Return the backbones of conf/backbone, with what conf/recipe has for each."""
    names, methods = conf.options("backbone"), conf.options("method")
    recipes = {name: [recipe.partition("/")[2] for recipe in _recipes(name)] for name in names}
    return Page(
        [
            text_column("backbone", names),
            text_column("path", [_path(conf.facts("backbone", name)) for name in names]),
            text_column("methods with a recipe", [_joined(set(recipes[name]) & set(methods)) for name in names]),
            text_column("more recipes", [_joined(set(recipes[name]) - set(methods)) for name in names]),
        ],
        "Backbones: backbone=NAME",
        [
            "A method without a recipe on a backbone has the settings of its file in conf/method. More recipes are "
            "chosen by recipe=BACKBONE/NAME."
        ],
    )


def conflicts() -> Page:
    """Return where a paper and its public script disagree, or a paper with itself, so that there are two recipes."""
    others = [name for name in conf.options("recipe") if name.rpartition("-")[2] in _READINGS]
    lines = [(name, *difference) for name in others for difference in _apart(name.rpartition("-")[0], name)]
    headings = ("recipe", "setting", "without it", "with it")
    columns = [text_column(name, [line[place] for line in lines]) for place, name in enumerate(headings)]
    return Page(columns, "Where sources disagree: recipe=NAME", [f"{name}: {_why(name)}" for name in others])


def _apart(usual: str, other: str) -> Iterable[tuple[str, str, str]]:
    """Give the settings in which one recipe departs from another, with both values."""
    own, its = (dict(leaves(conf.facts("recipe", name))) for name in (usual, other))
    for key in sorted(key for key in its if own.get(key) != its[key]):
        yield key, _value(own[key]) if key in own else "the default", _value(its[key])


def _why(recipe: str) -> str:
    """Return what the comment at the head of a recipe says."""
    lines = (conf.CONF / "recipe" / f"{recipe}.yaml").read_text().splitlines()[1:]
    return " ".join(line.removeprefix("# ") for line in itertools.takewhile(lambda line: line.startswith("#"), lines))


def _recipes(backbone: str) -> list[str]:
    return [recipe for recipe in conf.options("recipe") if recipe.startswith(f"{backbone}/")]


def _path(facts: dict[str, Any]) -> str:
    return "backbone.path=ID_OR_DIR" if facts["path"] == "???" else facts["path"]


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or ABSENT


def methods() -> Page:
    """Return the methods of conf/method: their hyperparameters, and the formula of how many numbers each stores."""
    every = {name: conf.facts("method", name) for name in conf.options("method")}
    facts = [_declared(name) for name in every]
    return Page(
        [
            text_column("method", list(every)),
            text_column("hyperparameters", [_hyperparameters(facts) for facts in every.values()]),
            text_column("numbers stored", [each if isinstance(each, str) else _formula(each) for each in facts]),
            text_column("starts at", [ABSENT if isinstance(each, str) else _start(each) for each in facts]),
            text_column("made again from", list(map(_origin, facts, every.values()))),
        ],
        "Methods: method=NAME",
        [
            FORMULAS,
            "A method starts at zero where the adapted model is the backbone before the first step. What is frozen is "
            "in no file: it is made again from a seed, or from the backbone's weights.",
        ],
    )


def _hyperparameters(facts: dict[str, Any]) -> str:
    return ", ".join(f"{key}={_value(value)}" for key, value in facts.items() if key != "name")


def _value(value: Any) -> str:
    """Write a setting as a command line has it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_value(inner)}" for key, inner in value.items()) + "}"
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _declared(name: str) -> dict[str, Any] | str:
    """Return what a method's file says of it, or why it does not."""
    try:
        return declared.facts(name)
    except MethodError as error:
        return str(error)


def _formula(facts: dict[str, Any]) -> str:
    return "all of the backbone" if facts["trains_backbone"] else facts["formula"]


def _start(facts: dict[str, Any]) -> str:
    if not facts["adapts_sites"]:
        return ABSENT
    return "zero" if facts["starts_at_zero"] else "not zero"


def _origin(facts: dict[str, Any] | str, settings: dict[str, Any]) -> str:
    if isinstance(facts, dict) and facts["frozen_from_weights"]:
        return "the weights"
    return ", ".join(key for key in settings if key.endswith("_seed")) or ABSENT


def capabilities() -> Page:
    """Return what each method can do, by what its file says of it and by which formats of peft there are."""
    facts = {name: declared.facts(name) for name in conf.options("method") if isinstance(_declared(name), dict)}
    columns = {
        "runs in one pass": lambda name, has: not has["trains_backbone"],
        "over nf4": lambda name, has: not has["trains_backbone"],
        "merges": lambda name, has: has["adapts_sites"],
        "as a plain LoRA": lambda name, has: has["adapts_sites"] and has["low_rank"] and not has["scales"],
        "in peft's own format": lambda name, has: has["adapts_sites"] and _has_format(name),
        "needs W": lambda name, has: bool(has["frozen_from_weights"]) or has["reads_weights"],
        "starts at zero": lambda name, has: has["adapts_sites"] and has["starts_at_zero"],
    }
    answers = {head: ["yes" if can(*each) else ABSENT for each in facts.items()] for head, can in columns.items()}
    return Page(
        [text_column("method", list(facts)), *(text_column(head, cells) for head, cells in answers.items())],
        "What methods can do",
        [
            "Exports are `python scripts/export.py RUN --to peft` and `--to peft-native`, of maps that are modules of "
            "their own. Merging is exact in float32, and a bias goes into a map that has one. "
            "A method that needs W computes with it: over nf4, with what the "
            "integers stand for."
        ],
    )


def _has_format(method: str) -> bool:
    """Say whether a file of ``models/peft/formats`` writes the method; a LoRA's own format is the plain one."""
    file = _FORMATS / f"{method}.py"
    return file.exists() and "def write(" in file.read_text()


def tables() -> Page:
    """Return the published tables, with how many of their rows have some of their runs, and all of them."""
    by_table: dict[str, list[PublishedRow]] = {}
    for row in published.load():
        by_table.setdefault(f"{row.source} {row.table}", []).append(row)
    counts = {name: _counts(rows) for name, rows in by_table.items()}
    return Page(
        [
            text_column("table", list(by_table)),
            text_column("benchmark", [rows[0].benchmark for rows in by_table.values()]),
            text_column("experiment", [_experiments(rows) for rows in by_table.values()]),
            Column("rows", [str(len(rows)) for rows in by_table.values()]),
            Column("with a recipe", [str(len(runnable(rows))) for rows in by_table.values()]),
            Column("begun", [str(begun) for begun, _ in counts.values()]),
            Column("done", [str(done) for _, done in counts.values()]),
        ],
        "Published tables: python scripts/reproduce.py TABLE",
        [
            "A row has a recipe where the suite has an experiment for it. It is begun where a run of its backbone, "
            "method, targets, rank and settings has finished on real data, and done where each of its tasks has as "
            "many such seeds as its experiment. A recipe's settings are not compared here: "
            "python scripts/verdicts.py does that.",
            "Why the other rows of a table have no recipe:",
            *(f"{name}: {'; '.join(why)}" for name, rows in by_table.items() if (why := without(rows))),
        ],
    )


def _experiments(rows: Sequence[PublishedRow]) -> str:
    return _joined({row.experiment for row in runnable(rows)})


def _counts(rows: Sequence[PublishedRow]) -> tuple[int, int]:
    """Return how many rows of a table are begun, and how many are done."""
    begun = done = 0
    for row in runnable(rows):
        asked = len(conf.facts("experiment", row.experiment)["seeds"])
        counts = [len(_seeds(row, task)) for task in _tasks_of(row)]
        begun += any(counts)
        done += min(counts) >= asked
    return begun, done


def _tasks_of(row: PublishedRow) -> set[str]:
    return {row.task_of(score) for score in row.scored or row.train_rows}


def _seeds(row: PublishedRow, task: str) -> set[int]:
    """Return the seeds of a row's finished runs on a task."""
    folders = (
        store.record_path(root, task, row.backbone, row.method, targets, seed=0, identity="").parent
        for root in sheets.roots()
        for targets in {row.target_names, NO_TARGETS}
    )
    runs = (store.read(path) for folder in folders for path in store.files(folder))
    return {run.seed for run in runs if _is_of(run, row)}


def _is_of(run: Record, row: PublishedRow) -> bool:
    """Say whether a run has finished on real data, and with a row's rank and settings."""
    ranked = row.rank is None or run.config["method"].get("rank") == row.rank
    return run.stands and run.data.source != "embedded" and ranked and row.fits(run.config)


SECTIONS = {
    "tasks": tasks,
    "backbones": backbones,
    "methods": methods,
    "capabilities": capabilities,
    "tables": tables,
    "conflicts": conflicts,
}
