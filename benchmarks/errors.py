"""The one error a person is shown as a line instead of a traceback."""

import difflib
from collections.abc import Iterable


class SuiteError(Exception):
    """Bad input: the message says what was wrong and what would be right, in one line."""

    status = 2  # the exit status of a command that meets it


class RunsFailed(SuiteError):
    """Runs that were trained ended failed; the exit status is then 1."""

    status = 1


class JobFailed(SuiteError):
    """A job of a sweep was refused, and has said why; it travels back from the process that a launcher gave it."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def nearest(wanted: str, existing: Iterable[str]) -> str:
    """Return the one of ``existing`` that is most like what was wanted, or "none" where there are none."""
    return next(iter(difflib.get_close_matches(wanted, list(existing), n=1, cutoff=0.0)), "none")
