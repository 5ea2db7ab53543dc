"""The experiment runner: ``python -m benchmarks.run task=glue/mrpc method=lora targets=qv seeds=[0,1,2]``."""

import difflib
import os
import sys
from pathlib import Path

import hydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from benchmarks.errors import SuiteError
from methods.base import MethodError

CONF = Path(__file__).parents[1] / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="run")
def _job(config: DictConfig) -> None:
    from benchmarks.experiment import run_experiment  # here, so that --help and --cfg job do not wait for torch

    run_experiment(config)


def main() -> None:
    """Run the command line; bad input ends it with one line and exit status 2."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to the lines below
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        _job()
    except (SuiteError, MethodError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {_line(error)}", file=sys.stderr)
        sys.exit(2)


def _line(error: Exception) -> str:
    """Say in one line what was wrong and what would be right."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return _unknown(group, name)
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) and error.__cause__ else error
    text = f"{error} {cause}" if cause is not error else str(error)
    return " ".join(text.split())


def _unknown(group: str, name: str) -> str:
    root = next(CONF / part for part in [group, *map(str, Path(group).parents)] if (CONF / part).is_dir())
    existing = sorted(str(file.relative_to(root).with_suffix("")) for file in root.rglob("*.yaml"))
    wanted = str(Path(group, name).relative_to(root.relative_to(CONF)))
    nearest = difflib.get_close_matches(wanted, existing, n=1, cutoff=0.0)
    return f"{root.name}={wanted} is unknown; nearest: {nearest[0]}; there are: {', '.join(existing)}"


if __name__ == "__main__":
    main()
