"""What peft saves is read into an adapter of the suite that gives peft's logits, or refused in one line."""

import json
from functools import partial
from pathlib import Path

import peft
import pytest
import safetensors.torch
import torch
import transformers
from omegaconf import OmegaConf
from support import adapter_factory, tiny
from support.adapter_factory import leave, logits, own_logits

from benchmarks.models import saved
from benchmarks.models.peft import formats
from benchmarks.tasks.base import Task
from benchmarks.tasks.build import build
from scripts import export

# peft 0.21.2 asks transformers for a property under its old name; nothing here can change that.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

VB_LORA = {"r": 2, "num_vectors": 12, "vector_length": 32, "topk": 3}
CONFIGS = {
    "lora": partial(peft.LoraConfig, r=3, lora_alpha=8),
    "lora, of another scale": partial(peft.LoraConfig, r=3, lora_alpha=8, use_rslora=True),
    "vera": partial(peft.VeraConfig, r=6, projection_prng_key=3),
    "fourierft": partial(peft.FourierFTConfig, n_frequency=50, scaling=60.0, random_loc_seed=3),
    "dora": partial(peft.LoraConfig, r=3, lora_alpha=6, use_dora=True),
    "ia3": partial(peft.IA3Config, feedforward_modules=r".*(attention\.output\.dense|down_proj|attn\.c_proj)"),
    "vera, without its projection": partial(peft.VeraConfig, r=6, save_projection=False),
    "vb_lora": partial(peft.VBLoRAConfig, **VB_LORA),
    "vb_lora, packed": partial(peft.VBLoRAConfig, **VB_LORA, save_only_topk_weights=True),
}
# A part of a name, one by its place, and a whole one; the second module to match has its own rank, or scale, or both.
PATTERNS = {
    "bert": {
        "rank_pattern": {"layer.0.attention.self.query": 1, r"layer\.\d\.intermediate.dense": 5},
        "alpha_pattern": {"(value|query)": 12, "^bert.encoder.layer.1.attention.output.dense": 2},
    },
    "llama": {
        "rank_pattern": {"q_proj": 5, "layers.1.mlp.down_proj": 2},
        "alpha_pattern": {"(v_proj|q_proj)": 4, "^model.layers.1.mlp.down_proj": 2},
    },
    "gpt2": {
        "rank_pattern": {r"h\.\d\.attn.c_attn": 2, "h.0.mlp.c_fc": 6},
        "alpha_pattern": {"c_attn": 3, "^transformer.h.1.mlp.c_fc": 2},
    },
}
ONE_OF_EACH = ["lora", "vera", "vb_lora"]
TARGETS = {
    "bert": ["query", "value", "intermediate.dense", "attention.output.dense"],
    "llama": ["q_proj", "v_proj", "down_proj"],
    "gpt2": ["c_attn", "attn.c_proj", "mlp.c_fc"],
}


def job(backbone: Path, *overrides: str) -> list[str]:
    """Return what the command line says of the task and of a tiny backbone."""
    wanted = ("task=", "backbone=", "backbone.path=", "backbone.shape=", "backbone.random=", "backbone.fused=")
    made = adapter_factory.job("lora", backbone, backbone, *overrides)
    return [override for override in made if override.startswith((*wanted, *(o.split("=")[0] for o in overrides)))]


def task_of(backbone: Path) -> Task:
    return build(OmegaConf.to_container(tiny.compose(job(backbone)).task, resolve=True))


def from_peft(kind: str, backbone: Path, out: Path, config, **more) -> torch.Tensor:
    """Save an adapter of peft with random numbers in it; return the logits that it gives in peft."""
    task = task_of(backbone)
    settings = {"target_modules": TARGETS[kind], "task_type": "SEQ_CLS" if task.has_head else "CAUSAL_LM"}
    settings |= {"fan_in_fan_out": True} if kind == "gpt2" else {}
    base = getattr(transformers, task.auto_class).from_pretrained(backbone, dtype=torch.float32, **task.model_settings)
    model = peft.get_peft_model(base, config(**settings | more))
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    model.save_pretrained(out, save_embedding_layers=False)
    return logits(model.eval())


def read_in(source: Path, overrides: list[str], *more: str) -> int:
    return export.main([str(source), "--from", "peft", "--cache", str(source), *more, *overrides])


@pytest.mark.filterwarnings("ignore:Specified to not save vera_A and vera_B:UserWarning")
@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize("kind", TARGETS)
def test_what_is_read_gives_pefts_logits(
    case: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backbone = request.getfixturevalue(kind)
    expected = from_peft(kind, backbone, tmp_path / "theirs", CONFIGS[case])
    assert read_in(tmp_path / "theirs", job(backbone)) == 0
    directory = Path(capsys.readouterr().out.strip())
    assert directory == tmp_path / "theirs" / "adapter"
    run = saved.find(directory)
    assert (run.method, run.backbone["path"]) == (case.partition(",")[0], str(backbone))
    given, base = (own_logits(directory, tmp_path, adapted) for adapted in (True, False))
    assert (expected - base).abs().max() > 1e-2
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", PATTERNS)
def test_ranks_and_scales_of_several_kinds_give_pefts_logits(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    backbone = request.getfixturevalue(kind)
    expected = from_peft(kind, backbone, tmp_path, CONFIGS["lora"], **PATTERNS[kind])
    assert read_in(tmp_path, job(backbone)) == 0
    given, base = (own_logits(tmp_path / "adapter", tmp_path, adapted) for adapted in (True, False))
    assert (expected - base).abs().max() > 1e-2
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-5)


def test_unequal_ranks_that_the_suite_wrote_are_read_back(gpt2: Path, tmp_path: Path) -> None:
    """Two parts of one map become one LoRA of twice the rank, beside a map of the rank itself."""
    directory = leave("lora", gpt2, tmp_path, "targets=[c_attn.q,c_attn.v,mlp.c_fc]")
    out = tmp_path / "out"
    assert export.main([str(directory), "--to", "peft", "--out", str(out), "--cache", str(tmp_path)]) == 0
    assert set(json.loads((out / "adapter_config.json").read_text())["rank_pattern"].values()) in ({2}, {4})
    assert read_in(out, job(gpt2)) == 0
    torch.testing.assert_close(
        own_logits(out / "adapter", tmp_path), own_logits(directory, tmp_path), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("method", formats.find())
def test_there_and_back_is_the_same_adapter(method: str, llama: Path, tmp_path: Path) -> None:
    directory = leave(method, llama, tmp_path)
    to = "peft-native" if hasattr(formats.find()[method], "write") else "peft"
    assert export.main([str(directory), "--to", to, "--out", str(tmp_path / "out"), "--cache", str(tmp_path)]) == 0
    assert read_in(tmp_path / "out", job(llama), "--out", str(tmp_path / "back")) == 0
    torch.testing.assert_close(
        own_logits(tmp_path / "back", tmp_path), own_logits(directory, tmp_path), rtol=0, atol=1e-5
    )
    described = [json.loads((folder / "adapter.json").read_text()) for folder in (directory, tmp_path / "back")]
    assert described[0]["sites"] == described[1]["sites"]
    assert described[0]["frozen"] == described[1]["frozen"]
    if method not in ("lora", "ia3"):  # alpha is in B when it comes back; only maps that are there come back
        assert described[0]["hyperparameters"] == described[1]["hyperparameters"]


def test_a_backbone_without_a_path_is_the_one_that_the_adapter_names(llama: Path, tmp_path: Path) -> None:
    expected = from_peft("llama", llama, tmp_path, CONFIGS["lora"])
    assert read_in(tmp_path, ["task=e2e", "backbone=decoder"]) == 0
    assert saved.find(tmp_path).backbone["path"] == str(llama)
    torch.testing.assert_close(own_logits(tmp_path / "adapter", tmp_path), expected, rtol=0, atol=1e-5)


def refused(source: Path, overrides: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that the command line answers with; nothing is written then."""
    capsys.readouterr()  # what peft said
    assert read_in(source, overrides) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert not (source / "adapter").exists()
    return line


CANNOT = {
    "biases": ("lora", {"bias": "all"}, "has bias set"),
    "dora of several ranks": ("dora", {"rank_pattern": {"q_proj": 5}}, "has rank_pattern set, which the suite's dora"),
    "fourierft of several sizes": ("fourierft", {"n_frequency_pattern": {"q_proj": 5}}, "has n_frequency_pattern set"),
    "another backbone": ("lora", {"init_lora_weights": "pissa"}, "changes the backbone's weights"),
    "ia3 of one layer's": ("ia3", {"feedforward_modules": r".*0\.mlp\.down_proj"}, "and the input of the same map in"),
    "embeddings": ("lora", {"target_modules": ["embed_tokens", "q_proj"]}, "embed_tokens' names no linear map"),
    "more modules": ("lora", {"modules_to_save": ["lm_head"]}, "lm_head.weight"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_the_suites_method_cannot_hold_is_one_line(
    case: str, llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method, more, fragment = CANNOT[case]
    from_peft("llama", llama, tmp_path, CONFIGS[method], **more)
    assert fragment in refused(tmp_path, job(llama), capsys)


def test_a_type_that_is_not_read_is_one_line(llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from_peft("llama", llama, tmp_path, partial(peft.LoHaConfig, r=2))
    assert "of peft's type LOHA, which cannot be read: the types that can are LORA, FOURIERFT, IA3, VBLORA, VERA" in (
        refused(tmp_path, job(llama), capsys)
    )


def test_a_projection_of_another_seed_is_refused(
    llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from_peft("llama", llama, tmp_path, CONFIGS["vera"])
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"projection_prng_key": 4}))
    assert "vera_A is not what projection_prng_key=4 draws" in refused(tmp_path, job(llama), capsys)


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_a_tensor_that_is_missing_or_does_not_fit_is_refused(
    case: str, llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from_peft("llama", llama, tmp_path, CONFIGS[case])
    file = tmp_path / "adapter_model.safetensors"
    whole = safetensors.torch.load_file(file)
    for name in [name for name in whole if "layers.1." in name][:2]:
        safetensors.torch.save_file({key: tensor for key, tensor in whole.items() if key != name}, file)
        assert f"lacks {name}: the adapter is incomplete" in refused(tmp_path, job(llama), capsys)
    broken = {key: tensor.clone().fill_(torch.nan) if "layers.1." in key else tensor for key, tensor in whole.items()}
    safetensors.torch.save_file(broken, file)
    assert "must hold finite numbers, and base_model.model.model.layers.1." in refused(tmp_path, job(llama), capsys)
    cut = {key: tensor[..., :1].contiguous() if "layers.1." in key else tensor for key, tensor in whole.items()}
    safetensors.torch.save_file(cut, file)
    assert "say the task and backbone that the adapter was trained with" in refused(tmp_path, job(llama), capsys)


@pytest.mark.parametrize(("case", "key"), [("lora", "lora_alpha"), ("vera", "r"), ("vb_lora", "topk")])
def test_a_setting_that_is_missing_is_no_default(
    case: str, key: str, llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from_peft("llama", llama, tmp_path, CONFIGS[case])
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    for given, must in (
        ({}, "is missing"),
        ({key: "3"}, "must be a "),
        ({key: True}, "must be a "),
        ({key: -1}, "must "),
    ):
        (tmp_path / "adapter_config.json").write_text(json.dumps({k: config[k] for k in config if k != key} | given))
        assert f"adapter_config.json: {key} {must}" in refused(tmp_path, job(llama), capsys)


def test_a_pattern_that_is_no_regular_expression_is_one_line(
    llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from_peft("llama", llama, tmp_path, CONFIGS["lora"])
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"rank_pattern": {"q_proj(": 3}}))
    assert "rank_pattern must name modules by regular expressions, got 'q_proj('" in refused(
        tmp_path, job(llama), capsys
    )


def test_a_head_for_another_task_is_refused(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from_peft("bert", bert, tmp_path, CONFIGS["lora"])
    line = refused(tmp_path, job(bert, "task=glue/stsb"), capsys)
    assert "classifier.weight is [2, 32]" in line
    assert "it must be [1, 32]" in line
    assert "is for SEQ_CLS, and task=e2e is CAUSAL_LM" in refused(tmp_path, ["task=e2e", "backbone=decoder"], capsys)


def test_a_head_that_is_missing_is_refused(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from_peft("bert", bert, tmp_path, CONFIGS["lora"], task_type=None)
    assert "lacks base_model.model.classifier.weight" in refused(tmp_path, job(bert), capsys)


def test_an_adapter_that_is_not_there_or_names_no_backbone_is_one_line(
    llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "pass an adapter of peft, a folder with" in refused(tmp_path, job(llama), capsys)
    from_peft("llama", llama, tmp_path, CONFIGS["lora"])
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": None}))
    assert "does not name its backbone" in refused(tmp_path, ["task=e2e", "backbone=decoder"], capsys)
