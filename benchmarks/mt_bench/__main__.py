"""MT-Bench of a trained run: ``python -m benchmarks.mt_bench answer=RUN``, then ``judge=RUN judge.yes=true``."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import hydra
from omegaconf import DictConfig, OmegaConf

from benchmarks import command
from benchmarks.command import BAD_INPUT
from benchmarks.conf import CONF
from benchmarks.errors import SuiteError


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="mt_bench")
def _job(config: DictConfig) -> None:
    try:
        _run(config)
    except BAD_INPUT as error:  # here, before Hydra adds lines of its own
        _refuse(error)


def _run(config: DictConfig) -> None:
    from benchmarks.mt_bench import grading, questions  # here, so that --cfg job does not wait for datasets

    if not config.answer.run and not config.judge.run:
        raise SuiteError("nothing to do: say answer=RUN or judge=RUN, where RUN is a run's record or its folder")
    asked = questions.load(config.data.root, Path(config.cache), OmegaConf.to_container(config)["questions"])
    if config.answer.run:
        from benchmarks.mt_bench import answer

        answer.write(config, asked)
    if config.judge.run:
        grading.grade(OmegaConf.to_container(config.judge, resolve=True), asked)


def main() -> None:
    """Run the command line; bad input is said in one line, and the exit status is then 2."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to the line below
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        if {"--multirun", "-m"} & set(sys.argv):
            raise SuiteError("one run is answered or judged at a time: leave --multirun out")
        sys.argv[1:] = [_nested(argument) for argument in sys.argv[1:]]
        _job()
    except BAD_INPUT as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    command.say(error, "mt_bench")
    sys.exit(2)


def _nested(argument: str) -> str:
    """Turn ``judge=RUN`` into ``judge.run='RUN'``: for Hydra a key is a value or has keys below it, never both."""
    key, _, value = argument.partition("=")
    if key not in ("answer", "judge"):
        return argument
    escaped = value.replace("'", r"\'")
    return f"{key}.run='{escaped}'"


if __name__ == "__main__":
    main()
