"""The error that a method raises for settings that it cannot have."""


class MethodError(ValueError):
    """A method cannot be built as asked; the message is one line and says what would do."""
