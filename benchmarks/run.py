"""The experiment runner: ``python -m benchmarks.run task=glue/mrpc method=lora targets=qv seeds=[0,1,2]``."""

import os
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from benchmarks import command, conf
from benchmarks.command import BAD_INPUT
from benchmarks.conf import CONF
from benchmarks.errors import JobFailed, SuiteError, nearest


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="run")
def _job(config: DictConfig) -> None:
    from benchmarks.training.experiment import (
        run_experiment,  # here, so that --help and --cfg job do not wait for torch
    )

    try:
        run_experiment(config)
    except BAD_INPUT as error:
        command.say(error)
        if HydraConfig.get().mode is RunMode.RUN:
            sys.exit(2)
        raise JobFailed(str(error)) from error  # a sweep goes on with its other jobs, and fails in the end


def main() -> None:
    """Run the command line; bad input is said in one line, and the exit status is then 2."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to the lines below
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        _check(sys.argv[1:])
        if {"job", "--cfg=job"} & set(sys.argv):  # only --cfg takes that word; Hydra would show references in its place
            sys.argv.append("--resolve")
        _job()
    except JobFailed:
        sys.exit(2)
    except BAD_INPUT as error:
        command.say(error)
        sys.exit(2)


def _check(arguments: list[str]) -> None:
    """Raise SuiteError for what Hydra would pass over in silence, or answer with a traceback."""
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    flags = {argument.partition("=")[0] for argument in arguments}
    sweeps = bool(flags & {"--multirun", "-m"})
    if sweeps and flags & {"--cfg", "-c"}:
        raise SuiteError("--cfg shows one run: leave --multirun out, and give each setting one value")
    for recipe in given["recipe"].split(",") if "recipe" in given else []:
        if recipe == "null":
            raise SuiteError("recipe=null names no recipe: '~recipe' does without one")
        if recipe not in (known := conf.options("recipe")):
            raise SuiteError(
                f"recipe={recipe} is unknown; nearest: {nearest(recipe, known)}; {command.listed('recipe')}"
            )
    if flags & {"--help", "--hydra-help", "-h"} or (sweeps and "experiment" in given):
        return
    for group in ("task", "method"):
        if group not in given:
            sweep = (
                f", or --multirun for all that experiment={given['experiment']} names" if "experiment" in given else ""
            )
            raise SuiteError(f"no {group} was given: say {group}=NAME{sweep}; {command.listed(group)}")


if __name__ == "__main__":
    main()
