"""The settings that make each published row's runs, from conf/experiment and conf/recipe."""

from benchmarks import conf
from benchmarks.errors import SuiteError, nearest
from benchmarks.papers.published import NO_TARGETS, PublishedRow


def overrides(row: PublishedRow, task: str | None = None) -> list[str]:
    """Return the arguments of ``scripts/train.py`` for a row; ``task`` is one of its benchmark's tasks.

    Without ``task`` it is the first that the row prints a score of, or MRPC where it prints none. Raises SuiteError for
    a row of an unknown method, or without targets. The row must have an experiment.
    """
    if task is None:
        task = row.task_of(next(iter(row.scored), "mrpc"))
    known = conf.options("method")
    if row.method not in known:
        raise SuiteError(
            f"a row of {row.source} {row.table} has method {row.method}, which is unknown; "
            f"nearest: {nearest(row.method, known)}; {conf.listed('method')}"
        )
    if row.targets is None:
        raise SuiteError(f"a row of {row.source} {row.table} has an experiment, so it must have targets")
    targets = "all" if row.targets == NO_TARGETS else row.targets  # a method that adapts no maps takes any
    names = targets if isinstance(targets, str) else f"[{','.join(targets)}]"
    rank = {} if row.rank is None else {"method.rank": row.rank}
    more = [f"{key}={_written(value)}" for key, value in (rank | row.settings).items()]
    chosen = {"experiment": row.experiment, "task": task, "backbone": row.backbone, "method": row.method}
    return [f"{key}={value}" for key, value in chosen.items()] + [f"targets={names}", *more]


def _written(value: str | int | float | bool | None) -> str:
    """Return a setting as a command line has it; Hydra would take a text with a comma for several."""
    if value is None:
        return "null"
    return f"'{value}'" if "," in str(value) else str(value)
