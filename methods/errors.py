"""The error that methods raise."""


class MethodError(ValueError):
    """A method cannot work with its settings or its model. The message is one line, and says what would be right."""
