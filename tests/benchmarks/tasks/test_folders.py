"""A set is the same rows in each of the layouts that people have it in."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import datasets
import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf
from support import tiny

from benchmarks.errors import SuiteError
from benchmarks.tasks import folders
from benchmarks.tasks import rows as data
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build

CASES = Path(__file__).parents[3].parent / "shared" / "cases"
NAMES = ["not_equivalent", "equivalent"]
PAIRS = [
    {"sentence1": f'"Begins with a quote {n}.' if n % 3 else "null", "sentence2": f"Says it {n}.", "label": n % 2}
    for n in range(12)
]
SPLITS = {"train": PAIRS[:8], "validation": PAIRS[8:]}

pytestmark = pytest.mark.usefixtures("own_datasets_cache")


def task_of(name: str) -> Task:
    backbone = "minilm" if name.startswith("glue/") else "gpt2-tiny"
    return build(
        OmegaConf.to_container(tiny.compose([f"task={name}", "method=lora", f"backbone={backbone}"]).task, resolve=True)
    )


def columns(rows: list[dict]) -> dict[str, list]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def readme(place: Path, config: str, suffix: str, splits: dict[str, str] | None = None) -> None:
    splits = splits or {"train": "train", "validation": "validation"}
    files = [{"split": split, "path": f"{config}/{stem}.{suffix}"} for split, stem in splits.items()]
    facts = json.dumps([{"config_name": config, "data_files": files}])
    (place / "README.md").write_text(f"---\nconfigs: {facts}\n---\n")


def as_hub(place: Path) -> None:
    readme(place, "mrpc", "parquet")
    (place / "mrpc").mkdir()
    for split, rows in SPLITS.items():
        pq.write_table(pa.table(columns(rows)), place / "mrpc" / f"{split}.parquet")


def as_hub_without_readme(place: Path) -> None:
    as_hub(place)
    (place / "README.md").unlink()


def as_hub_with_classes_in_another_order(place: Path) -> None:
    readme(place, "mrpc", "parquet")
    (place / "mrpc").mkdir()
    texts = {"sentence1": datasets.Value("string"), "sentence2": datasets.Value("string")}
    features = datasets.Features(texts | {"label": datasets.ClassLabel(names=NAMES[::-1])})
    for split, rows in SPLITS.items():
        turned = columns([row | {"label": 1 - row["label"]} for row in rows])
        datasets.Dataset.from_dict(turned, features).to_parquet(place / "mrpc" / f"{split}.parquet")


def as_names_in_jsonl(place: Path) -> None:
    readme(place, "mrpc", "jsonl")
    (place / "mrpc").mkdir()
    for split, rows in SPLITS.items():
        lines = [json.dumps(row | {"label": NAMES[row["label"]]}) for row in rows]
        (place / "mrpc" / f"{split}.jsonl").write_text("\n".join(lines))


def as_tsv_with_readme(place: Path) -> None:
    readme(place, "mrpc", "tsv", {"train": "train", "validation": "dev"})
    tsv(place / "mrpc", ["sentence1", "sentence2", "label"], lambda row: row.values())


def as_glue_ships_it(place: Path) -> None:
    header = ["\ufeffQuality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
    tsv(place / "MRPC", header, lambda row: (row["label"], 1, 2, row["sentence1"], row["sentence2"]))


def tsv(folder: Path, header: list[str] | None, cells: Callable, splits: dict[str, list] | None = None) -> None:
    folder.mkdir()
    for split, rows in (splits or SPLITS).items():
        lines = [*([header] if header else []), *map(cells, rows)]
        text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
        (folder / f"{split.replace('validation', 'dev')}.tsv").write_text(text)


def as_saved_to_disk(place: Path) -> None:
    made = {split: datasets.Dataset.from_dict(columns(rows)) for split, rows in SPLITS.items()}
    datasets.DatasetDict(made).save_to_disk(place / "mrpc")


def as_a_snapshot(place: Path) -> None:
    """Lay a set out as the hub's cache does: links to files that are called by their hashes."""
    blobs = place.parent / "blobs"
    blobs.mkdir()
    as_hub(place)
    for number, file in enumerate(sorted(path for path in place.rglob("*") if path.is_file())):
        shutil.move(file, blobs / str(number))
        file.symlink_to(os.path.relpath(blobs / str(number), file.parent))


def as_a_snapshot_without_readme(place: Path) -> None:
    as_a_snapshot(place)
    (place / "README.md").unlink()


def as_a_linked_folder(place: Path) -> None:
    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir()
    as_hub(elsewhere)
    (place / "mrpc").symlink_to(elsewhere / "mrpc")
    shutil.copy(elsewhere / "README.md", place)


LAYOUTS = [
    as_hub,
    as_hub_without_readme,
    as_hub_with_classes_in_another_order,
    as_names_in_jsonl,
    as_tsv_with_readme,
    as_glue_ships_it,
    as_saved_to_disk,
    as_a_snapshot,
    as_a_snapshot_without_readme,
    as_a_linked_folder,
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_the_rows_are_those_that_were_written(layout: Callable[[Path], None], tmp_path: Path) -> None:
    place = tmp_path / "data" / "glue"
    place.mkdir(parents=True)
    layout(place)
    rows = data.load(task_of("glue/mrpc"), str(tmp_path / "data"), tmp_path / "cache")
    assert {split: list(part) for split, part in rows.splits.items()} == SPLITS
    assert rows.fingerprint == "8eb0d15bd3e713f1"  # as of the hub's layout before there were others


def test_glues_own_files_are_read_as_the_hubs_columns(tmp_path: Path) -> None:
    def of(config: str, header: list[str] | None, line: list, splits: dict[str, list]) -> list[dict]:
        folder = {"cola": "CoLA", "stsb": "STS-B", "mnli": "MNLI", "qnli": "QNLI"}[config]
        tsv(tmp_path / folder, header, lambda row: row, dict.fromkeys(splits, [line] * 3))
        return list(data.load(task_of(f"glue/{config}"), str(tmp_path), tmp_path / "cache").splits["train"])

    two = {"train": [], "validation": []}
    cola = of("cola", None, ["gj04", 1, "", 'He said "so.'], two)
    assert cola == [{"sentence": 'He said "so.', "label": 1}] * 3
    stsb = of("stsb", ["index", "genre", "sentence1", "sentence2", "score"], [0, "main", "A.", "B.", 3.8], two)
    assert stsb == [{"sentence1": "A.", "sentence2": "B.", "label": 3.8}] * 3
    header = ["index", "sentence1_parse", "sentence1", "sentence2", "label1", "gold_label"]
    mnli = of(
        "mnli", header, [0, "( A )", "A.", "B.", "neutral", "contradiction"], {"train": [], "validation_matched": []}
    )
    assert mnli == [{"premise": "A.", "hypothesis": "B.", "label": 2}] * 3
    qnli = of("qnli", ["index", "question", "sentence", "label"], [0, "A?", "B.", "not_entailment"], two)
    assert qnli == [{"question": "A?", "sentence": "B.", "label": 1}] * 3


def test_e2es_own_files_are_read_as_the_hubs_columns(tmp_path: Path) -> None:
    for split, stem in (("train", "trainset"), ("validation", "devset"), ("test", "testset_w_refs")):
        with (tmp_path / f"{stem}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["mr", "ref"], [f"name[{split}], area[x]", 'A "nice" pub, in x.']])
    rows = data.load(task_of("e2e"), str(tmp_path), tmp_path / "cache")
    for split, part in rows.splits.items():
        wanted = {"meaning_representation": f"name[{split}], area[x]", "human_reference": 'A "nice" pub, in x.'}
        assert list(part) == [wanted]


def test_an_input_that_is_null_or_absent_is_empty(tmp_path: Path) -> None:
    task, prints = task_of("alpaca"), set()
    for name, empty in {"empty": {"input": ""}, "null": {"input": None}, "absent": {}, "never": {}}.items():
        full = {} if name == "never" else {"input": "of kind 1"}
        lines = [{"instruction": f"Name {n}.", "output": "No."} | (full if n == 1 else empty) for n in range(200)]
        (tmp_path / name).mkdir()
        (tmp_path / name / "alpaca.jsonl").write_text("\n".join(map(json.dumps, lines)))
        rows = data.load(task, str(tmp_path / name), tmp_path / "cache")
        assert rows.splits["train"]["input"][:3] == ["", "" if name == "never" else "of kind 1", ""]
        prints.add(rows.fingerprint)
    assert len(prints) == 2  # where no row has an input, it is another set


@pytest.mark.parametrize("linked", [False, True], ids=["in its place", "behind a link"])
def test_other_contents_are_other_rows_whatever_their_size_and_time(linked: bool, tmp_path: Path) -> None:
    place = tmp_path / "data" / "glue"
    place.mkdir(parents=True)
    as_names_in_jsonl(place)
    if linked:
        (place / "mrpc").rename(tmp_path / "elsewhere")
        (place / "mrpc").symlink_to(tmp_path / "elsewhere")
    file = (place / "mrpc" / "train.jsonl").resolve()
    stat = file.stat()

    def text() -> str:
        return data.load(task_of("glue/mrpc"), str(place), tmp_path / "cache").splits["train"][0]["sentence2"]

    assert text() == "Says it 0."
    file.write_text(file.read_text().replace("Says it 0.", "Told it 0."))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert text() == "Told it 0."


def test_a_link_of_another_folder_is_another_copy(tmp_path: Path) -> None:
    (tmp_path / "linked.jsonl").write_text('{"instruction": "Say it.", "input": "", "output": "It."}\n')
    for folder in ("a", "b"):
        (tmp_path / folder / folder).mkdir(parents=True)
        (tmp_path / folder / folder / "train.jsonl").symlink_to(tmp_path / "linked.jsonl")
        copy = folders._without_links(tmp_path / folder, tmp_path / "cache")
        assert [str(file.relative_to(copy)) for file in copy.rglob("*.jsonl")] == [f"{folder}/train.jsonl"]


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (["alpaca_v1/train.json", "alpaca_v2/train.json"], "alpaca_v1, alpaca_v2"),
        (["alpaca_v1.json", "alpaca_v2.json"], "alpaca_v1.json, alpaca_v2.json"),
        (["train.json", "train.jsonl"], "train.json, train.jsonl"),
    ],
)
def test_two_sets_are_not_read_as_one(files: list[str], named: str, tmp_path: Path) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text('{"instruction": "Say it.", "input": "", "output": "It."}\n')
    with pytest.raises(SuiteError, match=f"holds several sets.* as train: {named}; pass"):
        data.load(task_of("alpaca"), str(tmp_path), tmp_path / "cache")


def test_a_git_lfs_pointer_says_what_it_is(tmp_path: Path) -> None:
    as_hub(tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90868376\n"
    (tmp_path / "mrpc" / "validation.parquet").write_text(pointer)
    with pytest.raises(SuiteError, match=r"validation.parquet is a Git LFS pointer.*git lfs pull"):
        data.load(task_of("glue/mrpc"), str(tmp_path), tmp_path / "cache")


def test_classes_of_other_names_are_refused(tmp_path: Path) -> None:
    as_names_in_jsonl(tmp_path)
    file = tmp_path / "mrpc" / "validation.jsonl"
    file.write_text(file.read_text().replace("not_equivalent", "different"))
    with pytest.raises(SuiteError, match="row 0 has the label 'different', which must be not_equivalent or "):
        data.load(task_of("glue/mrpc"), str(tmp_path), tmp_path / "cache")
    features = datasets.Features(
        {"sentence1": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    named = datasets.Dataset.from_dict({"sentence1": ["a", "b"], "label": [0, 1]}, features)
    with pytest.raises(SuiteError, match="here names its classes no, yes: they must have the task's names, not_equ"):
        data._settled(task_of("glue/mrpc").sources["train"], named, "here")


def test_without_the_hub_its_cache_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "hub" / "datasets--nyu-mll--glue"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    (kept / "snapshots" / "abc").mkdir(parents=True)
    as_a_snapshot(kept / "snapshots" / "abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    rows = data.load(task_of("glue/mrpc"), None, tmp_path / "cache")
    assert rows.source == "hub"
    assert {split: list(part) for split, part in rows.splits.items()} == SPLITS
    with pytest.raises(SuiteError, match=r"cannot read nyu-mll/glue .* pass data.root=DIR that holds glue/"):
        data.load(task_of("glue/rte"), None, tmp_path / "cache")


@pytest.mark.skipif(not CASES.is_dir(), reason="the inputs that failed are not beside this checkout")
@pytest.mark.parametrize(
    ("case", "task"), [("02", "mrpc"), ("03", "mrpc"), ("04", "sst2"), ("05", "rte"), ("06", "mrpc")]
)
def test_inputs_that_failed_are_read(case: str, task: str, tmp_path: Path) -> None:
    rows = data.load(task_of(f"glue/{task}"), str(CASES / case), tmp_path)
    assert {split: len(part) for split, part in rows.splits.items()} == {"train": 48, "validation": 40}
    assert rows.splits["train"]["label"][:4] == [0, 1, 0, 1]
