"""The suite's own data sets, most of them made from grammars and word lists, for machines without a hub.

Each has the schema of a set on the hub, so that the same code runs on both, but it is not that set. A data set is a
module here that defines three names:

VERSION: its folder is named after it; raise it when any row changes.
IMITATES: the name that people know the hub's set by; the data card says that this is not it.
tables(): config -> split -> ``pa.Table``.
"""

import os
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.errors import SuiteError, nearest
from benchmarks.tasks.embedded import alpaca_cleaned, e2e_nlg, glue, gsm8k, metamathqa, mt_bench_prompts

# By the last part of the name on the hub.
SETS = {
    "glue": glue,
    "e2e_nlg": e2e_nlg,
    "MetaMathQA": metamathqa,
    "gsm8k": gsm8k,
    "alpaca-cleaned": alpaca_cleaned,
    "mt_bench_prompts": mt_bench_prompts,
}


def write(root: Path, name: str) -> Path:
    """Write a data set to ``root/embedded-v<version>/<name>`` in the hub's layout, if it is not there; return that.

    Several processes may do so at once: each writes to a separate folder and renames it; the first one stays. Raises
    SuiteError for an unknown data set, and if something else is in its place.
    """
    if name not in SETS:
        known = ", ".join(SETS)
        raise SuiteError(f"the embedded data set {name} is unknown; nearest: {nearest(name, SETS)}; known: {known}")
    chosen = SETS[name]
    target = root / f"embedded-v{chosen.VERSION}" / name
    if (target / "README.md").is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
        made = Path(scratch) / name
        tables = chosen.tables()
        for config, splits in tables.items():
            (made / config).mkdir(parents=True)
            for split, table in splits.items():
                pq.write_table(table, made / config / f"{split}-00000-of-00001.parquet")
        (made / "README.md").write_text(_readme(tables, chosen.IMITATES, chosen.VERSION), encoding="utf-8")
        try:
            os.replace(made, target)
        except OSError as error:
            # A folder that is not empty cannot be replaced: another process was first, or something else is there.
            if not (target / "README.md").is_file():
                raise SuiteError(f"{target} is in the way of an embedded data set; remove it") from error
    return target


def _readme(tables: dict[str, dict], imitated: str, version: int) -> str:
    """Return the data card, whose front matter tells ``datasets`` the configs and their files."""
    lines = ["---", "configs:"]
    for config, splits in tables.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*"]
    lines += ["---", "", f"This is NOT {imitated}: these rows are the suite's own, version {version}, in {imitated}'s"]
    lines += ["schema. Scores on them compare only with each other.", ""]
    return "\n".join(lines)
