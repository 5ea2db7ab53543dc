"""Rows are the same wherever they are read from."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf
from support import tiny

from benchmarks.conf import CONF
from benchmarks.errors import SuiteError
from benchmarks.models import backbones
from benchmarks.tasks import embedded, tokens
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build

ALL = sorted(str(path.relative_to(CONF / "task").with_suffix("")) for path in (CONF / "task").rglob("*.yaml"))
TASKS = [name for name in ALL if name.startswith("glue/")]
REAL = Path(__file__).parents[3].parent / "shared" / "data"

pytestmark = pytest.mark.usefixtures("own_datasets_cache")


def task_of(name: str) -> Task:
    config = tiny.compose([f"task={name}", "method=lora", f"backbone={'minilm' if name in TASKS else 'gpt2-tiny'}"])
    return build(OmegaConf.to_container(config.task, resolve=True))


@pytest.mark.parametrize("name", TASKS)
def test_a_directory_and_the_embedded_source_hold_the_same_rows(name: str, tmp_path: Path) -> None:
    task = task_of(name)
    copy = embedded.write(tmp_path / "copy", "glue")
    here, there = data.load(task, "embedded", tmp_path), data.load(task, str(copy), tmp_path)
    assert (here.source, there.source) == ("embedded", "directory")
    assert here.fingerprint == there.fingerprint
    assert here.dataset == there.dataset
    assert {split: len(rows) for split, rows in here.splits.items()} == {"train": 800, "validation": 300}
    for rows in here.splits.values():
        assert rows.column_names == [*task.text, task.label]


def test_a_folder_can_be_named_itself_or_by_the_one_that_holds_it(glue: Path, tmp_path: Path) -> None:
    task = task_of("glue/rte")
    assert data.load(task, str(glue), tmp_path).fingerprint == data.load(task, str(glue / "glue"), tmp_path).fingerprint


def test_two_directories_of_one_name_are_two_sets(glue: Path, tmp_path: Path) -> None:
    task = task_of("glue/mrpc")
    few, whole = (data.load(task, str(root), tmp_path) for root in (glue, embedded.write(tmp_path, "glue")))
    assert len(few.splits["train"]) == 43
    assert len(whole.splits["train"]) == embedded.glue.TRAIN
    assert few.fingerprint != whole.fingerprint


@pytest.mark.parametrize("column", ["sentence1", "label"])
def test_one_changed_cell_changes_the_fingerprint(column: str, tmp_path: Path) -> None:
    task = task_of("glue/mrpc")
    folder = embedded.write(tmp_path, "glue")
    before = data.load(task, str(folder), tmp_path).fingerprint
    file = next((folder / "mrpc").glob("validation*"))
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[7][column] = 1 - rows[7]["label"] if column == "label" else rows[7][column] + " "
    pq.write_table(table.from_pylist(rows, schema=table.schema), file)
    assert data.load(task, str(folder), tmp_path).fingerprint != before


def test_fingerprints_tell_tasks_apart(glue: Path, tmp_path: Path) -> None:
    assert len({data.load(task_of(name), str(glue), tmp_path).fingerprint for name in TASKS}) == len(TASKS)


@pytest.mark.skipif(not (REAL / "glue").is_dir(), reason="the real GLUE rows are not beside this checkout")
@pytest.mark.parametrize("name", TASKS)
def test_the_real_sets_load_with_the_columns_their_task_names(name: str, tmp_path: Path) -> None:
    task = task_of(name)
    if not (REAL / "glue" / task.config).is_dir():
        pytest.skip(f"the real rows of {name} are not beside this checkout")
    rows = data.load(task, str(REAL), tmp_path)
    assert rows.source == "directory"
    assert rows.fingerprint != data.load(task, "embedded", tmp_path).fingerprint
    for split in rows.splits.values():
        assert split.column_names == [*task.text, task.label]
        assert len(split) > 100
        label = split.features[task.label]
        assert task.labels is None or label.names == task.labels
        assert all(isinstance(text, str) and text for column in task.text for text in split[:50][column])


@pytest.mark.parametrize(("labels", "refused"), [([0, 5], False), ([0.5, 4.2], False), ([0.5, float("nan")], True)])
def test_a_score_is_any_finite_number(labels: list[float], refused: bool, tmp_path: Path) -> None:
    task = task_of("glue/stsb")
    folder = tmp_path / "glue" / "stsb"
    folder.mkdir(parents=True)
    (tmp_path / "glue" / "README.md").write_text(
        "---\nconfigs:\n- config_name: stsb\n  data_files:\n"
        "  - {split: train, path: stsb/train-*}\n  - {split: validation, path: stsb/validation-*}\n---\n"
    )
    for split in ("train", "validation"):
        columns = {"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": labels}
        pq.write_table(pa.table(columns), folder / f"{split}-00000-of-00001.parquet")
    if refused:
        with pytest.raises(SuiteError, match="row 1 has the label nan"):
            data.load(task, str(tmp_path), tmp_path / "cache")
    else:
        assert data.load(task, str(tmp_path), tmp_path / "cache").splits["train"]["label"][:] == labels


def test_another_setting_of_a_task_is_tokenised_anew(llama: Path, sums: Path, tmp_path: Path) -> None:
    """In one cache: a limit, or another template, must not give the tokens of the run before."""
    job = ["task=alpaca", "backbone=decoder", "backbone.path=x", "method=lora", 'task.train="train[:75%]"']
    tokenizer = backbones.tokenizer(llama)

    def tokenised(*settings: str) -> list[dict]:
        config = tiny.compose([*job, 'task.validation="train[75%:]"', *settings])
        task = build(OmegaConf.to_container(config.task, resolve=True))
        task.ready(tokenizer)
        rows = data.load(task, str(sums), tmp_path, {})
        return tokens.tokenise(rows, "train", task, tokenizer, "backbone", 320)

    whole, cut = tokenised(), tokenised("task.source_max_length=16")
    short = tokenised("task.target_max_length=2")
    other = tokenised("task.templates=['{instruction}']")
    assert whole == tokenised()
    assert all(row["labels"][:16] == [-100] * 16 and row["labels"][16] != -100 for row in cut)
    assert all(sum(label != -100 for label in row["labels"]) == 2 for row in short)
    assert max(len(row["input_ids"]) for row in other) < min(len(row["input_ids"]) for row in whole)


def test_halves_are_fixed_by_the_row_alone(glue: Path, tmp_path: Path) -> None:
    task = task_of("glue/mrpc")
    rows = data.load(task, "embedded", tmp_path).splits["validation"]
    halves = data.halves(task, rows)
    assert set(halves.tolist()) == {0, 1}
    assert 0.4 < halves.mean() < 0.6
    order = np.random.default_rng(0).permutation(len(rows))
    assert data.halves(task, rows.select(order)).tolist() == halves[order].tolist()
    other = data.load(task, str(glue), tmp_path).splits["validation"]
    assert data.halves(task, other).tolist() == halves[: len(other)].tolist()
