"""A workspace and a report of a W&B project, made of ``panels``; and how they are saved."""

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import wandb
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces import expr

from benchmarks import markup
from benchmarks.errors import SuiteError
from benchmarks.markup import Page
from benchmarks.report import names
from benchmarks.report.dashboard import panels

TITLE = "Methods compared"


def workspace(entity: str, project: str, tuned: bool) -> ws.Workspace:
    """Return a workspace whose runs are the finished ones, grouped by task and backbone, method and targets."""
    return ws.Workspace(
        entity=entity,
        project=project,
        name=TITLE,
        sections=[
            ws.Section(name=section.title, panels=section.panels, is_open=True) for section in panels.sections(tuned)
        ],
        runset_settings=ws.RunsetSettings(
            filters=expr.And(ws.Metric("State") == "finished", ws.Summary(panels.STATUS) == panels.FINISHED),
            groupby=[ws.Metric(panels.GROUP), ws.Metric(panels.METHOD), ws.Config(panels.TARGETS)],
            pinned_columns=[f"summary:{value}" for value in (panels.HELD_OUT, panels.STORED)],
        ),
    )


def report(entity: str, project: str, methods: Sequence[str], pages: Sequence[Page], tuned: bool) -> wr.Report:
    """Return a report with one run set a method, its panels, and our own tables as text.

    One run set for all methods could not be grouped by a setting that some of them lack (wandb#9046).
    """
    runsets = [_runset(project, method) for method in methods]
    blocks: list[Any] = [wr.TableOfContents()]
    for section in panels.sections(tuned):
        grid = wr.PanelGrid(runsets=runsets, panels=section.panels)
        blocks += [wr.H2(text=section.title), wr.P(text=section.note), grid]
    for page in pages:
        notes = "\n".join(f"- {note}" for note in page.notes)
        blocks += [wr.H2(text=page.title), wr.MarkdownBlock(text="\n".join(markup.markdown(page.columns)))]
        blocks += [wr.MarkdownBlock(text=notes)] if notes else []
    return wr.Report(entity=entity, project=project, title=TITLE, blocks=blocks, width="fluid")


def _runset(project: str, method: str) -> wr.Runset:
    return wr.Runset(
        project=project,
        name=names.title(method),
        filters=f"Metric('JobType') == '{method}' and SummaryMetric('{panels.STATUS}') == '{panels.FINISHED}'",
        groupby=[panels.GROUP, panels.METHOD],
    )


def spec(entity: str, project: str, methods: Sequence[str], pages: Sequence[Page], tuned: bool) -> dict[str, Any]:
    """Return what would be saved, offline and the same each time."""
    with _same_names():
        built = workspace(entity, project, tuned)._to_model().spec
        made = report(entity, project, methods, pages, tuned)._to_model().spec
    return {
        name: json.loads(part.model_dump_json(by_alias=True)) for name, part in (("workspace", built), ("report", made))
    }


@contextmanager
def _same_names() -> Iterator[None]:
    """Let the client draw the names of its blocks from a seed of ours."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)


def logged_in() -> str:
    """Return the entity that the person's key stands for. Raises SuiteError without a key that the server takes."""
    try:
        return wandb.Api(timeout=30).default_entity
    except Exception as error:  # W&B raises its own errors, requests' and plain ones
        raise SuiteError(_refused(error)) from error


def save(board: ws.Workspace | wr.Report) -> str:
    """Save a workspace or a report, and return its address. Raises SuiteError where the server does not take it."""
    try:
        board.save()
    except Exception as error:  # as above
        raise SuiteError(_refused(error)) from error
    return board.url


def _refused(error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"W&B did not take it ({reason}): log in with `wandb login`, or write the spec with --dry-run FILE"
