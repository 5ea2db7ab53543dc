"""The one error a person is shown as a line instead of a traceback."""


class SuiteError(Exception):
    """Bad input: the message says what was wrong and what would be right, in one line."""
