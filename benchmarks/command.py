"""What all commands share: bad input as one line, and how wide they print."""

import argparse
import functools
import gc
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from benchmarks import conf, markup
from benchmarks.errors import JobFailed, SuiteError, nearest
from methods.errors import MethodError

_STOPPED = "stopped; the same command goes on from where it was"
_PIPE_WIDTH = 200  # a pipe has no width of its own, and nobody reads a table that is folded at 80 columns


class Parser(argparse.ArgumentParser):
    """The command line of scripts/``script``.py, described by its docstring; what is wrong with it is one line."""

    def __init__(self, script: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"python scripts/{script}.py",
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise SuiteError, where argparse would print how the command is used above its message."""
        raise SuiteError(f"{message}: see {self.prog} --help")


def entry(main: Callable[..., int | None], config: str = "run") -> Callable[..., int]:
    """Wrap a command's ``main``: what stops it is one line on standard error, and an exit status.

    ``config`` names the file in conf/ that the command reads, if it reads one. The status is 2 for bad input, 1 where
    runs failed or a file could not be read or written, and for a signal what a shell would give: 130 for Ctrl-C, 143
    for SIGTERM.
    """

    @functools.wraps(main)
    def wrapped(*arguments) -> int:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _terminated)
        try:
            return main(*arguments) or 0
        except (*bad_input(), OSError) as error:
            if not isinstance(error, JobFailed):  # which has said why
                say(error, config)
            return status_of(error)
        except KeyboardInterrupt as stop:
            print(_STOPPED, file=sys.stderr)
            return 143 if isinstance(stop, _Terminated) else 130

    return wrapped


@contextmanager
def importing() -> Iterator[None]:
    """Import large packages, torch and its like, in four fifths of the time.

    They make half a million objects and no garbage, so collections would only walk through them: here, and after each
    job of a sweep.
    """
    known = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        if len(sys.modules) > known:
            gc.freeze()


def names(text: str) -> list[str]:
    """Read an option's names with commas between them."""
    return [name for name in text.split(",") if name]


def bad_input() -> tuple[type[Exception], ...]:
    """Return the errors that bad input raises, for an ``except``: only an error makes a command wait for Hydra."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    return SuiteError, MethodError, HydraException, OmegaConfBaseException


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which stops a command as Ctrl-C does."""


def status_of(error: Exception) -> int:
    """Return the exit status of a command that an error stopped."""
    if isinstance(error, SuiteError):
        return error.status
    return 2 if isinstance(error, bad_input()) else 1  # Hydra's own for an unknown file is an OSError too


def _terminated(signal_number: int, frame: object) -> NoReturn:
    raise _Terminated


def end_with(parent: int) -> None:
    """End this process once its parent is gone, if ``parent`` is that: a worker would go on alone."""
    if os.getppid() == parent:
        threading.Thread(target=_wait_for_orphaning, args=[parent], daemon=True).start()


def _wait_for_orphaning(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(143)


def say(error: Exception, config: str = "run") -> None:
    """Print an error as one line; of several processes one speaks. ``config`` names the file in conf/ that was read."""
    if os.environ.get("RANK", "0") == "0":
        print(f"error: {line_of(error, config)}", file=sys.stderr)


def console() -> Console:
    """Return a console as wide as the terminal, or as a table needs where the output goes elsewhere."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def show(pages: Sequence[markup.Page], form: str, facts: Any = None) -> None:
    """Print tables with their notes in one of ``markup.FORMATS``; see ``markup.document`` for ``facts``."""
    if form != "text":
        print(markup.document(pages, form, facts), end="")
        return
    printer = console()
    for page in pages:
        if any(column.cells for column in page.columns):
            printer.print(markup.terminal(page.columns, page.title or None))
        elif page.title:
            printer.print(Text(page.title))
        for note in page.notes:
            printer.print(Text(note))  # Text: a "[" is not markup


def line_of(error: Exception, config: str = "run") -> str:
    """Say in one line what was wrong and what would be right."""
    from hydra.errors import MissingConfigException

    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename2 or error.filename}: {error.strerror}"
    if unknown := re.match(r"Could not override '([^']+)'", text):
        return _unknown_setting(unknown[1], error, config)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, wanted = error.missing_cfg_file.partition("/")
        if group in conf.GROUPS:
            return f"{group}={wanted} is unknown; nearest: {nearest(wanted, conf.options(group))}; {conf.listed(group)}"
    if lacking := re.match(r"Interpolation key 'by_task\.(\w+)\.(\w+)' not found full_key: (\S+)", text):
        setting, task, key = lacking.groups()
        return f"the recipe has no {setting} for {task}: say {key}=VALUE; '~recipe' does without the recipe"
    return text


def _unknown_setting(key: str, error: Exception, config: str) -> str:
    known = conf.settings(config)
    inner = getattr(error.__cause__, "full_key", None)  # what a mapping holds, such as tune={lr:[1,3]}
    if inner and inner.startswith(f"{key}.") and inner not in known:
        return f"{inner} is not a setting; nearest: {nearest(inner, known)}"
    if key in known:
        return f"{key} is a setting of another task, backbone or method than the chosen ones"
    return f"{key} is not a setting; nearest: {nearest(key, known)}"
