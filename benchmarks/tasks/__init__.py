"""Tasks: what their rows are called, their loss, their scores; the facts lie in conf/task."""
