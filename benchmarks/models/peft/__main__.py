"""Adapters leave the suite, and come in, as adapter folders of peft.

python -m benchmarks.export RUN --to peft          any method's factors as a plain LoRA
python -m benchmarks.export RUN --to peft-native   VeRA and VB-LoRA in peft's own format
python -m benchmarks.export --from peft DIR task=NAME backbone=NAME   LoRA, VeRA and VB-LoRA that peft has trained
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from benchmarks.conf import CONF
from benchmarks.errors import SuiteError
from benchmarks.models import saved
from benchmarks.models.peft import inward, outward
from methods.base import MethodError

_OUTWARD = {"peft": outward.to_peft, "peft-native": outward.to_peft_native}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, metavar="RUN|DIR", help="a run's record, folder or adapter; or peft's")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="task and backbone, as for benchmarks.run")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--to", choices=list(_OUTWARD))
    way.add_argument("--from", choices=["peft"], dest="origin")
    parser.add_argument("--out", type=Path, help="default: peft/ beside the run's adapter/; DIR/adapter/ for --from")
    parser.add_argument("--cache", type=Path, default=Path("results/local/cache"), help="default: %(default)s")
    options = parser.parse_intermixed_args(arguments)
    try:
        out = _read_in(options) if options.origin else _write_out(options)
    except (SuiteError, MethodError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(out)
    return 0


def _write_out(options: argparse.Namespace) -> Path:
    if options.overrides:
        raise SuiteError(f"{options.overrides[0]} says nothing to --to: the run's adapter names its task and backbone")
    run = saved.find(options.source)
    out = options.out or run.directory.parent / "peft"
    _OUTWARD[options.to](run, options.cache, out)
    return out


def _read_in(options: argparse.Namespace) -> Path:
    for group in ("task", "backbone"):
        if not any(override.startswith(f"{group}=") for override in options.overrides):
            raise SuiteError(f"no {group} was given: say {group}=NAME, as for benchmarks.run")
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra.compose("run", options.overrides)
    out = options.out or options.source / "adapter"
    inward.from_peft(options.source, config, options.cache, out)
    return out


if __name__ == "__main__":
    sys.exit(main())
