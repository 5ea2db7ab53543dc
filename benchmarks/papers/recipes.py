"""Every published row's run: the overrides that make it, from conf/recipe."""

from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.papers.published import NO_TARGETS, PublishedRow


def overrides(row: PublishedRow, task: str | None = None) -> list[str]:
    """Return what ``python -m benchmarks.run`` must be told for a row; ``task`` is one of a benchmark's several.

    Without ``task`` it is the first that the row prints a score of, or MRPC where it prints none.
    """
    if task is None:
        scored = next((name for name in row.scores if name != "avg"), "mrpc")
        task = f"glue/{scored}" if row.benchmark == "glue" else row.benchmark
    chosen = [f"experiment={row.experiment}", f"task={task}", f"backbone={row.backbone}", f"method={row.method}"]
    if row.method not in conf.options("method"):
        raise SuiteError(f"{row.source} {row.table} has a row of method {row.method}, and there is none of that name")
    targets = row.targets if isinstance(row.targets, str) else f"[{','.join(row.targets)}]"
    chosen.append(f"targets={'all' if targets == NO_TARGETS else targets}")
    if row.rank is not None:
        chosen.append(f"method.rank={row.rank}")
    return chosen
