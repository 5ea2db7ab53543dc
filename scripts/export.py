"""python scripts/export.py RUN --to peft                                  any product of low rank, as a plain LoRA
python scripts/export.py RUN --to peft-native                           DoRA, FourierFT, (IA)3, VB-LoRA, VeRA as in peft
python scripts/export.py RUN --to peft --license mit --push me/my-adapter   and send it to the hub
python scripts/export.py DIR --from peft task=NAME backbone=NAME        LoRA and those five, trained by peft

Writes a run's adapter as an adapter folder of peft with a model card, or reads one of peft's into an adapter folder of
the suite. RUN is a run's record, its folder or its adapter folder. Prints the folder that was written.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from benchmarks import command, conf
from benchmarks.errors import SuiteError

_EXAMPLES = """examples:
  python scripts/export.py results/local/runs/glue/mrpc/minilm/vera-qv/seed0-ID --to peft --out my-adapter
  python scripts/export.py my-peft-adapter --from peft task=glue/mrpc backbone=minilm
"""


@command.entry
def main(arguments: Sequence[str] | None = None) -> int:
    """Write or read the adapter that the command line names, and print the folder that was written."""
    options = parser().parse_intermixed_args(arguments)
    if options.origin and (options.license or options.push):
        raise SuiteError("--license and --push go with --to, which writes what others can load")
    if options.private and not options.push:
        raise SuiteError("--private goes with --push REPO")
    print(_read_in(options) if options.origin else _write_out(options))
    return 0


def _write_out(options: argparse.Namespace) -> Path:
    if options.overrides:
        raise SuiteError(f"{options.overrides[0]} does not go with --to: the run's adapter names its task and backbone")
    with command.importing():
        from benchmarks.models import saved  # here, so that --help does not wait for torch
        from benchmarks.models.peft import card, outward, upload

    write = {"peft": outward.to_peft, "peft-native": outward.to_peft_native}[options.to]
    run = saved.find(options.source)
    out = options.out or run.directory.parent / "peft"
    for caution in write(run, options.cache, out):
        print(f"note: {caution}", file=sys.stderr)
    card.write(out, run, options.license, options.push)
    if options.push:
        print(upload.push(out, options.push, options.private))
    return out


def _read_in(options: argparse.Namespace) -> Path:
    for group in ("task", "backbone"):
        if not any(override.startswith(f"{group}=") for override in options.overrides):
            raise SuiteError(f"no {group} was given: say {group}=NAME; {conf.listed(group)}")
    from benchmarks.models.peft import inward

    config = conf.composed(options.overrides)
    out = options.out or options.source / "adapter"
    task, backbone, train = (_facts(config[group]) for group in ("task", "backbone", "train"))
    inward.from_peft(options.source, task, backbone, train, options.cache, out)
    return out


def _facts(node: DictConfig) -> dict[str, Any]:
    """Return a part of a config as plain values; None where a value is still missing."""
    values = OmegaConf.to_container(node, resolve=True)
    return {key: None if OmegaConf.is_missing(node, key) else value for key, value in values.items()}


def parser() -> command.Parser:
    """Return the command line's parser."""
    made = command.Parser("export", __doc__, _EXAMPLES)
    made.add_argument("source", type=Path, metavar="RUN|DIR", help="what to export; with --from, peft's folder")
    made.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="with --from: task and backbone, as for scripts/train.py"
    )
    way = made.add_mutually_exclusive_group(required=True)
    way.add_argument("--to", choices=["peft", "peft-native"], help="write a run's adapter for peft")
    way.add_argument("--from", choices=["peft"], dest="origin", help="read an adapter of peft")
    made.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the folder to write; default: peft/ beside the run's adapter/, and with --from adapter/ in peft's folder",
    )
    made.add_argument("--license", metavar="ID", help="with --to: the licence that the model card names, such as mit")
    made.add_argument("--push", metavar="REPO", help="with --to: send what was written to this repository on the hub")
    made.add_argument("--private", action="store_true", help="with --push: make the repository private if it is new")
    made.add_argument(
        "--cache",
        type=Path,
        default=conf.LOCAL / "cache",
        metavar="DIR",
        help="for backbones that are unpacked: %(default)s",
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
