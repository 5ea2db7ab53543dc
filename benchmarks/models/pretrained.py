"""What transformers reads from a directory; what it cannot read is one line."""

from pathlib import Path
from typing import Any

import safetensors
import transformers

from benchmarks.errors import SuiteError, first_line


def read(auto_class: Any, directory: Path, **settings: Any) -> Any:
    """Return what a class of transformers reads from a directory, without running code that lies there.

    Raises SuiteError where it cannot.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        return auto_class.from_pretrained(directory, trust_remote_code=False, **settings)
    except KeyError as error:  # a model that looks its attention up in a list of its own
        raise SuiteError(f"{directory} is a model whose attention the suite cannot replace ({error})") from error
    except (OSError, ValueError, ImportError, safetensors.SafetensorError) as error:
        if "trust_remote_code" in str(error):
            raise SuiteError(
                f"{directory} needs code of its own (auto_map), and no code of a model's directory is run: choose a "
                "model that transformers has a class for"
            ) from error
        raise SuiteError(f"{directory} is not a backbone that transformers can read: {first_line(error)}") from error
