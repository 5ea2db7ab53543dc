"""python tests/mutation/mutants.py [MODULE ...] [--most N]

Changes one operator or number of a module at a time, in a copy of the tree, and says which changes the module's tests
do not notice. cosmic-ray makes the changes; modules.toml says which tests are a module's. Not for CI: it takes hours.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome, WorkResult

ROOT = Path(__file__).parents[2]
SECONDS = 240  # after which a mutant counts as killed: most of those hang
# Changes that mean something. Of a type written as A | B, and of what an except names, none does.
KEPT = {
    *(f"core/ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Pow_Mul")),
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt")),
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in ("Gt_GtE", "GtE_Gt", "Is_IsNot", "IsNot_Is")),
    *(f"core/ReplaceUnaryOperator_{pair}" for pair in ("USub_UAdd", "Delete_USub", "Delete_Not", "Delete_Invert")),
    *(f"core/{name}" for name in ("AddNot", "NumberReplacer", "ReplaceAndWithOr", "ReplaceOrWithAnd")),
    *(f"core/{name}" for name in ("ReplaceFalseWithTrue", "ReplaceTrueWithFalse", "ZeroIterationForLoop")),
    *(f"core/{name}" for name in ("ReplaceBreakWithContinue", "ReplaceContinueWithBreak")),
}


def main() -> None:
    """Mutate what the command line names, and print what lives."""
    tests = tomllib.loads(Path(__file__).with_name("modules.toml").read_text())["tests"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as methods/vb_lora.py; default: all")
    parser.add_argument("--most", type=int, default=30, metavar="N", help="mutants a module, a sample; default: 30")
    options = parser.parse_args()
    if unknown := sorted(set(options.modules) - set(tests)):
        parser.error(f"{unknown[0]} has no tests in modules.toml; known: {', '.join(tests)}")
    with tempfile.TemporaryDirectory() as scratch:
        tree = _copied(Path(scratch) / "tree")
        for module in options.modules or tests:
            lives, count = [], 0
            for diff, killed in _mutants(tree, module, tests[module], options.most):
                count += 1
                lives += [] if killed else [diff]
            print(f"{module}: {count - len(lives)} of {count} mutants killed", flush=True)
            for diff in lives:
                print(_shown(diff), flush=True)


def _copied(tree: Path) -> Path:
    """Copy what git tracks or would track, so that nothing that is killed leaves a mutant in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    return tree


def _mutants(tree: Path, module: str, tests: str, most: int) -> Iterator[tuple[str, bool]]:
    """Yield each mutant's diff, and whether a test failed. Raises CalledProcessError where one fails without any."""
    test = f"{sys.executable} -m pytest -x -q -p no:cacheprovider {tests}"
    config, session = tree / "mutants.toml", tree / "mutants.sqlite"
    config.write_text(
        f"[cosmic-ray]\nmodule-path = {json.dumps(module)}\ntimeout = {SECONDS}\nexcluded-modules = []\n"
        f"test-command = {json.dumps(test)}\n[cosmic-ray.distributor]\nname = 'local'\n"
    )
    session.unlink(missing_ok=True)
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*words: str) -> None:
        subprocess.run(words, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)

    run(*test.split())
    tool = str(Path(sys.executable).with_name("cosmic-ray"))
    run(tool, "init", config.name, session.name)
    with use_db(str(session), WorkDB.Mode.open) as work:
        _sample(work, most)
    run(tool, "exec", config.name, session.name)
    with use_db(str(session), WorkDB.Mode.open) as work:
        for _, result in work.results:
            if result.worker_outcome != WorkerOutcome.SKIPPED:
                yield result.diff or "", result.is_killed


def _sample(work: WorkDB, most: int) -> None:
    """Leave ``most`` of the changes to be made, the same ones each time."""
    items = sorted(work.work_items, key=lambda item: (item.mutations[0].start_pos, item.mutations[0].operator_name))
    meant = [item.job_id for item in items if item.mutations[0].operator_name in KEPT]
    chosen = set(random.Random(0).sample(meant, min(most, len(meant))))
    for item in items:
        if item.job_id not in chosen:
            work.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED))


def _shown(diff: str) -> str:
    """Return a diff's changed lines, with where they stand."""
    lines = [line for line in diff.splitlines() if line.startswith(("-", "+", "@@")) and line[:3] not in ("---", "+++")]
    return "\n".join(f"    {line}" for line in lines)


if __name__ == "__main__":
    main()
