"""python scripts/train.py task=glue/mrpc backbone=roberta-large method=vb_lora targets=qv seeds=[0,1,2,3,4]
python scripts/train.py --multirun task=glue/rte,glue/mrpc method=lora,vb_lora targets=qv,all seeds=[0,1,2]
python scripts/train.py task=glue/mrpc method=lora --cfg job      # shows the resolved run and trains nothing

Trains the runs that conf/run.yaml and the command line ask for, and leaves a record of each. Runs that are done are not
trained again, and a command that was stopped goes on from its last epoch.
"""

import os
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from benchmarks import command, conf
from benchmarks.errors import JobFailed

# What a worker must not outlive: the sweep, of which a launcher's worker keeps a copy of this number, or torchrun.
_COMMAND = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else os.getpid()


@hydra.main(version_base="1.3", config_path=str(conf.CONF), config_name="run")
def _job(config: DictConfig) -> int:
    command.end_with(_COMMAND)
    try:
        with command.importing():
            from benchmarks.training import job, runner  # here, so that --help and --cfg job do not wait for torch

        return runner.run_job(job.read(config))
    except (*command.bad_input(), OSError) as error:
        command.say(error)
        if HydraConfig.get().mode is RunMode.RUN:
            sys.exit(command.status_of(error))
        raise JobFailed(str(error)) from error  # a sweep goes on with its other jobs, and fails in the end


@command.entry
def main() -> None:
    """Run the command line."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to command.entry
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    conf.check(sys.argv[1:])
    sys.argv[1:] = conf.quoted(sys.argv[1:])
    if {"job", "--cfg=job"} & set(sys.argv):  # only --cfg takes that word; Hydra would show references in its place
        sys.argv.append("--resolve")
    _job()


if __name__ == "__main__":
    sys.exit(main())
