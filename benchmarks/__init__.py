"""Experiments, in rooms; each imports only those below it, as pyproject.toml's contracts say."""
