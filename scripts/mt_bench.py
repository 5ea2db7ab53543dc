"""python scripts/mt_bench.py answer=RUN                     write a run's answers to MT-Bench's questions
python scripts/mt_bench.py judge=RUN                      say how many requests and tokens judging them takes
python scripts/mt_bench.py judge=RUN judge.yes=true       judge them, and print the scores

RUN is a run's record, its folder or its adapter folder. The settings are those of conf/mt_bench.yaml.
"""

import os
import sys
from functools import partial
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from benchmarks import command, conf
from benchmarks.errors import SuiteError
from benchmarks.markup import Page
from benchmarks.mt_bench import settings
from benchmarks.mt_bench.settings import Command


@hydra.main(version_base="1.3", config_path=str(conf.CONF), config_name="mt_bench")
def _job(config: DictConfig) -> None:
    try:
        _run(settings.read(OmegaConf.to_container(config, resolve=True)))
    except (*command.bad_input(), OSError) as error:  # here, before Hydra adds lines of its own
        command.say(error, "mt_bench")
        sys.exit(command.status_of(error))


def _run(chosen: Command) -> None:
    with command.importing():
        from benchmarks.mt_bench import grading, questions, scores  # here, so that --help does not wait for torch

    cache = Path(chosen.cache)
    asked = questions.load(chosen.data.root, cache, chosen.questions)
    # Only the table goes to standard output where it is to be read by a program.
    say = print if chosen.format == "text" else partial(print, file=sys.stderr)
    if chosen.answer:
        with command.importing():
            from benchmarks.mt_bench import answer  # here, so that judging loads nothing that trains

        answer.write(chosen.answer, asked, cache, say)
    if chosen.judge and (judged := grading.grade(chosen.judge, asked, say)):
        command.show([Page(scores.columns(judged))], chosen.format, judged.model_dump())


@partial(command.entry, config="mt_bench")
def main() -> None:
    """Run the command line."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to command.entry
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if {"--multirun", "-m"} & set(sys.argv):
        raise SuiteError("one run is answered or judged at a time: leave --multirun out")
    sys.argv[1:] = conf.quoted([_nested(argument) for argument in sys.argv[1:]])
    _job()


def _nested(argument: str) -> str:
    """Turn ``judge=RUN`` into ``judge.run='RUN'``: for Hydra a key has either a value or keys below it."""
    key, _, value = argument.partition("=")
    if key not in ("answer", "judge"):
        return argument
    escaped = value.replace("'", r"\'")
    return f"{key}.run='{escaped}'"


if __name__ == "__main__":
    sys.exit(main())
