"""Sends an adapter that was exported to the hub."""

from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalTokenNotFoundError

from benchmarks.errors import SuiteError, first_line

_FILES = ["README.md", "adapter_config.json", "adapter_model.safetensors"]


def push(directory: Path, repository: str, private: bool) -> str:
    """Send an exported folder to ``repository`` on the hub, which is made if it is not there; return its address.

    Raises SuiteError where the hub refuses it or cannot be reached.
    """
    hub = huggingface_hub.HfApi()
    try:
        made = hub.create_repo(repository, private=private, exist_ok=True)
        hub.upload_folder(repo_id=made.repo_id, folder_path=directory, allow_patterns=_FILES)
    except (HTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        raise SuiteError(f"cannot send {directory} to {repository}: {_why(error)}; the folder is whole") from error
    return str(made)


def _why(error: Exception) -> str:
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status == 401 or isinstance(error, LocalTokenNotFoundError):
        return "the hub asks who you are: log in with `hf auth login`, or set HF_TOKEN to a token that has not expired"
    if status == 403:
        return "your token may not write there: take one with the right to write, or another name before the /"
    return f"{type(error).__name__}: {first_line(error)}"
