"""What the suite writes for peft gives in peft the logits that the run gives here.

The tolerance is 1e-5 on logits between 1 and 6: the products are taken in another order, in float32.
"""

import ast
import json
from pathlib import Path

import peft
import pytest
import safetensors.torch
import torch
import transformers
from support import tiny
from support.adapter_factory import ADAPTING, PRODUCTS, leave, logits, own_logits
from support.hub import Hub, files_of

import methods
from benchmarks.models import saved
from benchmarks.models.peft import formats, outward
from benchmarks.models.peft.formats import vb_lora
from benchmarks.report import inventory
from benchmarks.tasks.base import Task
from methods.adapter import Adapter
from methods.base import Method
from methods.dropout import Rows
from scripts import export

NATIVE = [name for name, form in formats.find().items() if hasattr(form, "write")]
FILES = ["README.md", "adapter_config.json", "adapter_model.safetensors"]
CONV1D = "targets=[attn.c_proj,mlp.c_fc,mlp.c_proj]"  # GPT-2's maps that are not several in one

# peft 0.21.2 asks transformers for a property under its old name; nothing here can change that.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.fixture(params=["bert", "llama", "gpt2"])
def backbone(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def exported(directory: Path, to: str, root: Path) -> Path:
    out = root / "exported"
    assert export.main([str(directory), "--to", to, "--out", str(out), "--cache", str(root / "cache")]) == 0
    return out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that the command line answers with."""
    assert export.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def with_peft(directory: Path, task: Task) -> tuple[peft.PeftModel, torch.Tensor]:
    """Load what was exported as its reader would; return the model and its logits."""
    base = json.loads((directory / "adapter_config.json").read_text())["base_model_name_or_path"]
    model = peft.PeftModel.from_pretrained(
        getattr(transformers, task.auto_class).from_pretrained(base, dtype=torch.float32, **task.model_settings),
        directory,
    )
    return model, logits(model.eval())


def assert_same(directory: Path, out: Path, root: Path) -> peft.PeftModel:
    expected, base = (own_logits(directory, root / "cache", adapted) for adapted in (True, False))
    model, given = with_peft(out, saved.find(directory).task)
    assert (expected - base).abs().max() > 1e-2
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-5)
    return model


@pytest.mark.parametrize("method", PRODUCTS)
def test_peft_gives_a_plain_loras_logits_of_every_method(method: str, backbone: Path, tmp_path: Path) -> None:
    directory = leave(method, backbone, tmp_path)
    out = exported(directory, "peft", tmp_path)
    model = assert_same(directory, out, tmp_path)
    assert sorted(file.name for file in out.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    layers = [module for module in model.modules() if isinstance(module, peft.tuners.lora.LoraLayer)]
    adapted = {site.module or site.name for site in saved.load(saved.find(directory), tmp_path).sites}
    assert len(layers) == len(adapted)
    assert {layer.scaling["default"] for layer in layers} == {1.0}


PARTS = "[c_attn.v,mlp.c_fc]"


@pytest.mark.parametrize(
    ("method", "targets"),
    [("lora", "[c_attn.q,c_attn.v]"), ("lora", "[c_attn.k]"), *((method, PARTS) for method in PRODUCTS)],
)
def test_some_parts_of_a_fused_map(method: str, targets: str, gpt2: Path, tmp_path: Path) -> None:
    directory = leave(method, gpt2, tmp_path, f"targets={targets}")
    assert_same(directory, exported(directory, "peft", tmp_path), tmp_path)


@pytest.mark.parametrize("method", NATIVE)
@pytest.mark.parametrize("kind", ["bert", "llama", "gpt2"])
def test_pefts_own_format_gives_the_same_logits(
    method: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    more = [CONV1D] if kind == "gpt2" else []
    directory = leave(method, request.getfixturevalue(kind), tmp_path, *more)
    out = exported(directory, "peft-native", tmp_path)
    model = assert_same(directory, out, tmp_path)
    assert model.active_peft_config.peft_type == formats.find()[method].PEFT_TYPE


@pytest.mark.parametrize("method", [name for name in ADAPTING if methods.find()[name].pack is not Method.pack])
@pytest.mark.parametrize("to", ["peft", "peft-native"])
def test_what_was_packed_gives_the_logits_of_what_was_trained(
    method: str, to: str, llama: Path, tmp_path: Path
) -> None:
    directory = leave(method, llama, tmp_path)
    opened = saved.load(saved.find(directory), tmp_path)
    trained = safetensors.torch.load_file(directory / "trained.safetensors")
    Adapter(opened.model, opened.method, opened.sites, [trained], opened.frozen, Rows())
    _, given = with_peft(exported(directory, to, tmp_path), saved.find(directory).task)
    torch.testing.assert_close(given, logits(opened.model), rtol=0, atol=1e-5)


@pytest.mark.parametrize("topk", [1, 3])
def test_vb_lora_with_another_k(topk: int, bert: Path, tmp_path: Path) -> None:
    directory = leave("vb_lora", bert, tmp_path, f"method.topk={topk}")
    for to in ("peft", "peft-native"):
        assert_same(directory, exported(directory, to, tmp_path), tmp_path)


def test_weights_that_rounding_makes_more_than_one_leave_peft_a_number() -> None:
    above = torch.tensor([[0.75, 0.25 + 2**-23], [0.5, 0.25]])
    assert above.sum(-1)[0] > 1
    within = vb_lora._within_one(above)
    assert (1 - within.sum(-1) >= 0).all()
    torch.testing.assert_close(within, above, rtol=0, atol=1e-6)
    assert torch.equal(within[1], above[1])


def test_the_last_export_is_the_one_that_is_there(bert: Path, tmp_path: Path) -> None:
    first, second = leave("vera", bert, tmp_path), leave("lora", bert, tmp_path)
    for directory, to in ((first, "peft-native"), (second, "peft"), (first, "peft")):
        out = exported(directory, to, tmp_path)
        assert_same(directory, out, tmp_path)
        assert sorted(file.name for file in out.iterdir()) == [
            "README.md",
            "adapter_config.json",
            "adapter_model.safetensors",
        ]


def test_an_export_that_is_refused_leaves_the_earlier_one(
    bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(leave("lora", bert, tmp_path), "peft", tmp_path)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    head = leave("head", bert, tmp_path)
    refused([str(head), "--to", "peft", "--out", str(out), "--cache", str(tmp_path)], capsys)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


@pytest.mark.parametrize("method", [name for name in methods.find() if name not in ADAPTING])
@pytest.mark.parametrize("to", ["peft", "peft-native"])
def test_a_method_without_factors_is_one_line(
    method: str, to: str, bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([str(leave(method, bert, tmp_path)), "--to", to], capsys)
    trains_backbone = methods.find()[method].trains_backbone
    assert ("save_pretrained" if trains_backbone else "adapts no linear map") in line


@pytest.mark.parametrize("method", [name for name in ADAPTING if name not in NATIVE])
def test_a_method_that_peft_has_no_format_for_is_one_line(
    method: str, bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([str(leave(method, bert, tmp_path)), "--to", "peft-native"], capsys)
    assert "only for dora, fourierft, ia3, vb_lora, vera" in line
    assert ("--to peft writes it" if method in PRODUCTS else "save_pretrained") in line


@pytest.mark.parametrize("method", NATIVE)
def test_parts_of_a_fused_map_have_no_native_format(
    method: str, gpt2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([str(leave(method, gpt2, tmp_path)), "--to", "peft-native"], capsys)
    instead = "--to peft" if method in PRODUCTS else "open the run with"
    assert f"parts of one, such as transformer.h.0.attn.c_attn.q: {instead}" in line


@pytest.mark.parametrize("method", [name for name in ADAPTING if name not in PRODUCTS])
def test_what_is_more_than_a_product_is_no_plain_lora(
    method: str, bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([str(leave(method, bert, tmp_path)), "--to", "peft"], capsys)
    is_a = methods.find()[method]
    does = "scales what a map computes" if is_a.scales else "changes a map by a dense matrix"
    does = does if is_a.scales or is_a.dense else "changes biases alone"
    instead = "--to peft-native" if method in NATIVE else "open the run with"
    assert f"method {method} {does}, which a plain LoRA cannot: {instead}" in line


def test_random_weights_are_refused(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = leave("lora", bert, tmp_path)
    described = json.loads((directory / "adapter.json").read_text())
    described["backbone"]["random"] = True
    (directory / "adapter.json").write_text(json.dumps(described))
    assert "are not in any file that peft could load" in refused([str(directory), "--to", "peft"], capsys)


def test_merging_into_a_shared_weight_is_warned_of(
    gpt2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GPT-2's lm_head is its embedding."""
    exported(leave("lora", gpt2, tmp_path, "targets=[attn.c_proj]"), "peft", tmp_path)
    assert "note" not in capsys.readouterr().err
    exported(leave("lora", gpt2, tmp_path, "targets=[lm_head,attn.c_proj]"), "peft", tmp_path)
    assert (
        "note: lm_head shares its weight with transformer.wte, which merging this adapter would change too: "
        "use it unmerged" in capsys.readouterr().err
    )


def test_a_hub_id_stays_one(gpt2: Path, tmp_path: Path, loopback: Hub) -> None:
    loopback.repositories["models/some/model"].commit(files_of(gpt2))
    directory = leave("lora", gpt2, tmp_path)
    described = json.loads((directory / "adapter.json").read_text())
    described["backbone"]["path"] = "some/model"
    (directory / "adapter.json").write_text(json.dumps(described))
    out = exported(directory, "peft", tmp_path)
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "some/model"


def test_pefts_merged_weights_are_the_runs(gpt2: Path, tmp_path: Path) -> None:
    """Conv1D's weights are transposed, which shows where peft merges, and not where it adds."""
    directory = leave("lora", gpt2, tmp_path)
    model, unmerged = with_peft(exported(directory, "peft", tmp_path), saved.find(directory).task)
    torch.testing.assert_close(logits(model.merge_and_unload()), unmerged, rtol=1e-4, atol=1e-4)


def test_the_tensors_are_float32_and_the_head_is_among_them(bert: Path, tmp_path: Path) -> None:
    directory = leave("lora", bert, tmp_path)
    out = exported(directory, "peft", tmp_path)
    tensors = safetensors.torch.load_file(out / "adapter_model.safetensors")
    head = safetensors.torch.load_file(directory / "head.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    for name, tensor in head.items():
        assert torch.equal(tensors[f"base_model.model.{name}"], tensor)


def test_peft_is_the_version_written_for() -> None:
    assert peft.__version__ == "0.21.2"


def test_the_exporter_needs_no_peft() -> None:
    for file in [*Path(outward.__file__).parent.rglob("*.py"), Path(export.__file__)]:
        nodes = list(ast.walk(ast.parse(file.read_text())))
        named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        named += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
        assert "peft" not in {name.partition(".")[0] for name in named}


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_the_adapter_of_a_quantised_backbone_has_the_shapes_of_its_maps(
    kind: str, llama: Path, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny.instructing_job("lora", llama, sums, tmp_path, f"backbone.quantization={kind}", "adapter.save=true")
    assert tiny.command_line(monkeypatch, job) == 0
    (directory,) = tmp_path.rglob("adapter")
    out = exported(directory, "peft", tmp_path)
    task = saved.find(directory).task
    model = getattr(transformers, task.auto_class).from_pretrained(llama, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(model, out)  # refuses other shapes
    layers = [module for module in model.modules() if isinstance(module, peft.tuners.lora.LoraLayer)]
    assert len(layers) == 14


@pytest.mark.parametrize("method", ADAPTING)
def test_ls_says_which_exports_a_method_has(method: str, llama: Path, tmp_path: Path, capsys) -> None:
    page = inventory.capabilities()
    answers = {column.heading: dict(zip(page.columns[0].cells, column.cells, strict=True)) for column in page.columns}
    run = leave(method, llama, tmp_path)
    for to, heading in {"peft": "as a plain LoRA", "peft-native": "in peft's own format"}.items():
        words = [str(run), "--to", to, "--out", str(tmp_path / to), "--cache", str(tmp_path / "cache")]
        assert (export.main(words) == 0) == (answers[heading][method] == "yes"), heading
