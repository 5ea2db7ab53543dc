"""The GLUE-shaped sets: the hub's schema, the same rows everywhere, and no leak."""

import hashlib
import json

import pytest
from datasets import ClassLabel, Value, load_dataset

from benchmarks.errors import SuiteError
from benchmarks.tasks import embedded
from benchmarks.tasks.embedded import glue

FIRST = ("cola", "sst2", "mrpc", "qnli", "rte", "stsb")
CONFIGS = (*FIRST, "mnli")
# Of every row of the first six sets, and of mnli. A change here changes what scores mean: raise VERSION with it.
ROWS_SHA256 = "9c7c13806b14d7675334a7c638dfed658d6992356016c84cfb540ef00246d1a5"
MNLI_SHA256 = "f876bdd4bb5577b5c5b37fe0531e37efc1585756b507cf86406661a3943ec543"

HUB = {
    "cola": (("sentence",), ClassLabel(names=["unacceptable", "acceptable"])),
    "sst2": (("sentence",), ClassLabel(names=["negative", "positive"])),
    "mrpc": (("sentence1", "sentence2"), ClassLabel(names=["not_equivalent", "equivalent"])),
    "qnli": (("question", "sentence"), ClassLabel(names=["entailment", "not_entailment"])),
    "rte": (("sentence1", "sentence2"), ClassLabel(names=["entailment", "not_entailment"])),
    "stsb": (("sentence1", "sentence2"), Value("float32")),
    "mnli": (("premise", "hypothesis"), ClassLabel(names=["entailment", "neutral", "contradiction"])),
}


def texts(config: str, split: str) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in HUB[config][0]) for row in glue.rows(config, split)]


def hub_features(config: str) -> dict:
    columns, label = HUB[config]
    return {**dict.fromkeys(columns, Value("string")), "label": label, "idx": Value("int32")}


def digest(configs: tuple[str, ...]) -> str:
    everything = [glue.rows(config, split) for config in configs for split in glue.splits(config)]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()


def test_rows_are_pinned():
    assert digest(FIRST) == ROWS_SHA256
    assert digest(("mnli",)) == MNLI_SHA256


@pytest.mark.parametrize("config", CONFIGS)
def test_sizes_and_idx(config):
    for split, size in zip(glue.splits(config), (800, 300), strict=True):
        assert [row["idx"] for row in glue.rows(config, split)] == list(range(size))


@pytest.mark.parametrize("config", CONFIGS)
def test_no_text_is_twice_within_or_across_splits(config):
    train, dev = glue.splits(config)
    both = texts(config, train) + texts(config, dev)
    assert len(set(both)) == 1100


@pytest.mark.parametrize("config", CONFIGS)
def test_sentences_are_6_to_20_words(config):
    lengths = {len(text.split()) for split in glue.splits(config) for row in texts(config, split) for text in row}
    assert min(lengths) >= 6
    assert max(lengths) <= 20


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("config", CONFIGS)
def test_labels_are_balanced(config, part):
    labels = [row["label"] for row in glue.rows(config, glue.splits(config)[part])]
    if config == "stsb":
        assert 0 <= min(labels) < 0.5
        assert 4.5 < max(labels) <= 5
        assert 2 < sum(labels) / len(labels) < 3
    elif config == "mnli":
        assert set(labels) == {0, 1, 2}
        assert all(0.28 < labels.count(label) / len(labels) < 0.39 for label in range(3))
    else:
        assert set(labels) == {0, 1}
        assert 0.42 < sum(labels) / len(labels) < (0.65 if config == "cola" else 0.58)


def test_noise_flips_about_its_share_of_labels(monkeypatch):
    noisy = {text: row["label"] for text, row in zip(texts("rte", "train"), glue.rows("rte", "train"), strict=True)}
    monkeypatch.setattr(glue, "NOISE", 0.0)
    # The draws of the noise are kept, so the texts stay and only labels change back.
    clean = dict(zip(texts("rte", "train"), (row["label"] for row in glue.rows("rte", "train")), strict=True))
    assert clean.keys() == noisy.keys()
    assert 0.03 < sum(clean[text] != noisy[text] for text in clean) / 800 < 0.09


@pytest.mark.parametrize(("config", "split"), [("wnli", "train"), ("cola", "test")])
def test_unknown_set_is_an_error(config, split):
    with pytest.raises(SuiteError, match=f"the embedded split glue {config}/{split} is unknown; known: "):
        glue.rows(config, split)


@pytest.mark.parametrize("config", CONFIGS)
def test_written_folder_loads_with_the_hub_schema(config, tmp_path):
    loaded = load_dataset(str(embedded.write(tmp_path, "glue")), config, cache_dir=str(tmp_path))
    assert set(loaded) == set(glue.splits(config))
    for split, part in loaded.items():
        assert part.features == hub_features(config)
        rows = glue.rows(config, split)
        assert part.remove_columns("label").to_list() == [{k: v for k, v in r.items() if k != "label"} for r in rows]
        assert part["label"][:] == pytest.approx([row["label"] for row in rows])
