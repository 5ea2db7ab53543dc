"""Every file in conf/ that names a task, a method or a backbone is found, composed and built."""

import itertools
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob
from omegaconf import OmegaConf
from support import tiny

import methods
from benchmarks import conf
from benchmarks.conf import CONF
from benchmarks.models import backbones
from benchmarks.papers import published
from benchmarks.records import store
from benchmarks.tasks.build import build
from benchmarks.tasks.classification import Classification
from benchmarks.tasks.generation import Generation
from benchmarks.tasks.instruction import Instruction
from benchmarks.training import job, plan
from methods.base import Method
from methods.sites import find_sites


def names(group: str) -> list[str]:
    return sorted(str(path.relative_to(CONF / group).with_suffix("")) for path in (CONF / group).rglob("*.yaml"))


# What a backbone leaves to the command line.
OPEN = {"backbone.path": "SOMEWHERE", "backbone.targets": "{qv:[query,value]}"}


def composed(backbone: str = "minilm", method: str = "head", task: str = "glue/mrpc", *more: str):
    missing = [f"backbone.{key}" for key, value in conf.facts("backbone", backbone).items() if value == "???"]
    assert set(missing) <= OPEN.keys()
    opened = [f"{key}={OPEN[key]}" for key in missing]
    return tiny.compose([f"task={task}", f"method={method}", f"backbone={backbone}", *opened, *more])


def built(config) -> Method:
    cls = methods.find()[config.method.name]
    settings = OmegaConf.to_container(config.method, resolve=True)
    return cls(**{key: value for key, value in settings.items() if key not in ("name", "lr", "lr_head")})


def test_as_many_are_found_as_there_are_files() -> None:
    counts = {group: len(names(group)) for group in ("task", "method", "backbone")}
    assert all(counts[group] >= least for group, least in {"task": 7, "method": 8, "backbone": 9}.items())
    assert counts["task"] == len([*Path(CONF).glob("task/*.yaml"), *Path(CONF).glob("task/*/*.yaml")])
    assert counts["method"] == len(list(Path(CONF).glob("method/*.yaml")))
    assert counts["backbone"] == len(list(Path(CONF).glob("backbone/*.yaml")))
    assert list(methods.find()) == names("method")


@pytest.mark.parametrize("name", [name for name in names("task") if name.startswith("glue/")])
def test_a_classification_task_composes_and_builds(name: str) -> None:
    task = build(OmegaConf.to_container(composed(task=name).task, resolve=True))
    assert isinstance(task, Classification)
    assert (task.name, task.benchmark) == (name, "glue")
    classes = torch.tensor([0, 1, 1, 0])
    logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 3.0], [1.0, 2.0]])[:, : task.model_settings["num_labels"]]
    labels = classes if task.labels else classes.float()
    assert task.loss(logits, labels).shape == (4,)
    scores = task.score(task.predict(logits, labels).numpy(), classes.numpy())
    assert task.primary in scores
    perfect = task.score(classes.numpy(), classes.numpy())
    assert all(value == pytest.approx(1.0) for value in perfect.values())


@pytest.mark.parametrize("name", [name for name in names("task") if not name.startswith("glue/")])
def test_a_task_of_text_composes_and_builds(name: str) -> None:
    task = build(OmegaConf.to_container(composed("gpt2-medium", "lora", name).task, resolve=True))
    asked = {"e2e": {"test"}, "alpaca": set(), "gsm8k": {"gsm8k"}, "math": {"gsm8k", "math"}}[name]
    assert isinstance(task, Generation if name == "e2e" else Instruction)
    assert (task.name, task.benchmark) == (name, name)
    assert set(task.sources) == {"train", "validation"} | asked


@pytest.mark.parametrize("name", names("method"))
def test_a_method_composes_and_builds(name: str) -> None:
    config = composed(method=name)
    assert config.method.name == name
    method = built(config)
    assert isinstance(method, methods.find()[name])
    assert {f.name for f in fields(method)} == set(config.method) - {"name", "lr", "lr_head"}
    assert (config.method.lr_head > 0) == method.trains_head
    rates = OmegaConf.to_container(config.method).get("lr")
    assert all(rate >= 0 for rate in (rates.values() if isinstance(rates, dict) else [rates]))


@cache
def usual(method: str) -> Method:
    """Return a method with the settings that it has on every backbone that has no recipe of its own."""
    return built(composed("encoder", method))


@pytest.mark.parametrize("name", names("backbone"))
def test_a_backbone_composes_and_every_method_fits_it(name: str) -> None:
    config = composed(backbone=name)
    if config.backbone.shape is None:
        assert config.backbone.path == OPEN["backbone.path"]
        return
    assert config.backbone.name == name
    head = list(config.backbone.head)
    model = backbones.on_meta(config.backbone.shape, Classification if head else Generation)
    assert all(model.get_submodule(part) is not None for part in head)
    layers = config.backbone.shape.num_hidden_layers
    recipes = [path.removeprefix(f"{name}/") for path in names("recipe")]
    made = [built(composed(name, method)) if method in recipes else usual(method) for method in methods.find()]
    for targets in config.backbone.targets.values():
        sites = find_sites(model, list(targets), head, config.backbone.fused)
        assert len(sites) == layers * len(targets)
        for method in made:
            with torch.device("meta"):
                method.init(sites, None)


def test_a_recipe_changes_what_its_method_needs_on_its_backbone() -> None:
    recipes = [path.split("/") for path in names("recipe")]
    assert recipes
    usual = composed().train
    for backbone, method in recipes:
        assert backbone in names("backbone")
        if method in names("method"):  # and not what several methods' recipes share
            plain = OmegaConf.load(CONF / "method" / f"{method}.yaml")
            config = composed(backbone, method)
            settings = [OmegaConf.to_container(each, resolve=True) for each in (config, plain)]  # each can be read
            assert settings[0]["method"] != settings[1] or config.train != usual


COMMITTED = [
    path
    for path in sorted((CONF.parent / "results" / "records" / "glue").rglob("seed0-*.json"))
    if store.read(path).tuning is None
]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: "/".join(path.parts[-4:-1]))
def test_a_committed_record_has_the_identity_that_its_command_gives(path: Path) -> None:
    """What a setting is called when it is new must not make old runs others."""
    record = store.read(path)
    chosen = [f"task={record.task}", f"method={record.method}"]
    chosen += [] if record.targets == "-" else [f"targets={record.targets}"]
    settings = tiny.settings(["experiment=glue-minilm", "backbone=minilm", *chosen])
    targets = settings.target_names() if record.targets != "-" else []
    resolved = settings.run_config(settings.method, targets) | {"precision": record.environment.precision, "seed": 0}
    assert resolved == record.config
    fingerprints = [record.backbone.fingerprint, record.data.fingerprint]
    assert store.identity_of(resolved | {"fingerprints": fingerprints}) == record.identity == path.stem[6:]


def test_there_are_committed_records() -> None:
    assert len(COMMITTED) == 72


def run_config(config) -> dict:
    settings = job.read(config)
    return settings.run_config(settings.method, settings.target_names())


def test_a_hyperparameter_that_is_not_null_is_part_of_a_run() -> None:
    plain, noisy = (
        run_config(composed("roberta-large", "vb_lora", "glue/cola", f"method.selection={selection}"))
        for selection in ("null", "noisy_topk")
    )
    assert noisy.pop("method") == plain.pop("method") | {"selection": "noisy_topk"}
    assert noisy == plain


# The papers' learning rates on E2E (VeRA's table 10, VB-LoRA's table 8, the LoRA paper's appendix).
E2E_RATES = {
    ("gpt2-medium", "lora"): 2e-4,
    ("gpt2-large", "lora"): 2e-4,
    ("gpt2-medium", "vera"): 1e-1,
    ("gpt2-large", "vera"): 2e-2,
    ("gpt2-medium", "vb_lora"): {"vector_bank": 1e-3, "logits": 1e-2},
    ("gpt2-large", "vb_lora"): {"vector_bank": 1e-3, "logits": 1e-2},
}


def swept(file: Path) -> dict[str, list[str]]:
    """Return what an experiment sweeps, as Hydra reads it."""
    params = OmegaConf.load(file).hydra.sweeper.params
    found = {}
    for parsed in OverridesParser.create().parse_overrides([f"{group}={values}" for group, values in params.items()]):
        value = parsed.value()
        if isinstance(value, Glob):
            found[parsed.key_or_group] = value.filter(names(parsed.key_or_group))
        else:
            values = value.list if isinstance(value, ChoiceSweep) else [value]
            found[parsed.key_or_group] = ["null" if value is None else str(value) for value in values]
    return found


@pytest.mark.parametrize("file", sorted(Path(CONF).glob("experiment/*.yaml")), ids=lambda file: file.stem)
def test_an_experiment_composes_for_whatever_it_sweeps(file: Path) -> None:
    groups = swept(file)
    groups.setdefault("backbone", ["minilm"])
    groups.pop("targets", None)
    own = OmegaConf.load(file)
    for number in range(max(map(len, groups.values()))):  # every value of each group, and not every product of them
        chosen = {group: values[number % len(values)] for group, values in groups.items()}
        config = tiny.compose([f"experiment={file.stem}", *(f"{group}={value}" for group, value in chosen.items())])
        task = build(OmegaConf.to_container(config.task, resolve=True))
        plan._check_fit(job.read(config), task, built(config))  # refuses what cannot go together
        assert config.seeds == own.seeds
        assert config.train.epochs == own.get("train", {}).get("epochs", config.train.epochs)


@pytest.mark.parametrize(
    ("table", "more", "number"),
    [
        (5, [], 4 * 2),
        (5, ["method.selection=null", "method.topk=3,6,90"], 3),
        (6, [], 4),
    ],
)
def test_every_ablation_builds_on_its_backbone(table: int, more: list[str], number: int) -> None:
    file = CONF / "experiment" / f"vb_lora-table{table}.yaml"
    groups = swept(file) | {key: values.split(",") for key, _, values in (each.partition("=") for each in more)}
    told = [line.rpartition("--multirun ")[2] for line in file.read_text().splitlines()]
    assert " ".join([f"experiment={file.stem}", *more]) in told
    found = set()
    for values in itertools.product(*groups.values()):
        config = tiny.compose([f"experiment={file.stem}", *map("=".join, zip(groups, values, strict=True))])
        assert (config.task.name, config.backbone.name, config.targets) == ("glue/cola", "roberta-large", "qv")
        assert (config.train.epochs, config.method.lr_head) == (40, 3e-3)  # by the recipe of table 1's row
        settings = job.read(config)
        method = plan.method_of(settings)
        with torch.device("meta"):
            model = backbones.on_meta(config.backbone.shape, Classification)
            sites = find_sites(model, settings.target_names(), list(config.backbone.head))
            trained = method.init(sites, None)
        assert len(trained["logits"]) == 24 * 2 * 4 * 2 * 1024 // method.vector_length
        assert trained["vector_bank"].numel() == {5: 90 * 256, 6: 30_720}[table]
        found.add((method.selection, method.topk, method.vector_length))
    assert len(found) == number


@pytest.mark.parametrize("stem", ["quickstart", "quickstart-e2e", "quickstart-instruct"])
def test_a_quickstart_has_the_five_that_the_readme_names_first(stem: str) -> None:
    chosen = swept(CONF / "experiment" / f"{stem}.yaml")["method"]
    adapting = {name for name in chosen if methods.find()[name].adapts_sites}
    assert adapting == {"lora", "lora_xs", "tied_lora", "vb_lora", "vera"}


@pytest.mark.parametrize("stem", ["glue-minilm", "e2e-smollm2"])
def test_an_experiment_of_the_suites_own_has_every_method(stem: str) -> None:
    chosen = swept(CONF / "experiment" / f"{stem}.yaml")["method"]
    assert {name for name, method in methods.find().items() if method.adapts_sites} <= set(chosen)


def test_the_reproduction_has_every_row_of_its_table_by_its_recipe() -> None:
    rows = [row for row in published.load() if (row.source, row.table) == ("vb_lora", 2)]
    groups = swept(CONF / "experiment" / "vb_lora-table2.yaml")
    pairs = list(itertools.product(groups["backbone"], groups["method"]))
    assert sorted(pairs) == sorted((row.backbone, row.method) for row in rows)
    for row in rows:
        config = composed(row.backbone, row.method, "e2e")
        assert row.targets in ("-", config.targets)
        assert (config.train.epochs, config.train.batch_size, config.train.warmup_steps) == (5, 8, 500)
        assert config.method.lr == E2E_RATES.get((row.backbone, row.method), config.method.lr)
        assert config.task.decode.length_penalty == {"gpt2-medium": 0.8, "gpt2-large": 0.9}[row.backbone]


# What the papers print of their runs on Alpaca and MetaMathQA (VB-LoRA's table 9 and section 4.4, VeRA's, LoRA-XS's).
RATES = {
    ("alpaca", "lora"): 4e-4,
    ("alpaca", "vera"): 4e-3,
    ("alpaca", "vb_lora"): {"vector_bank": 1e-3, "logits": 1e-2},
    ("math", "lora_xs"): 4e-3,
    ("math", "vb_lora"): {"vector_bank": 1e-3, "logits": 1e-2},
}


@pytest.mark.parametrize(("table", "task"), [(3, "alpaca"), (4, "math")])
def test_so_have_the_reproductions_of_instructions(table: int, task: str) -> None:
    rows = [row for row in published.load() if (row.source, row.table) == ("vb_lora", table)]
    groups = swept(CONF / "experiment" / f"vb_lora-table{table}.yaml")
    assert groups["task"] == [task]
    pairs = list(itertools.product(groups["backbone"], groups["method"]))
    assert sorted(pairs) == sorted({(row.backbone, row.method) for row in rows})
    for row in rows:
        config = composed(row.backbone, row.method, task, f"experiment=vb_lora-table{table}")
        assert config.targets == "all" or not methods.find()[row.method].adapts_sites
        assert config.method.lr == RATES.get((task, row.method), config.method.lr)
        train = config.train
        if task == "alpaca":
            assert (train.epochs, train.batch_size, train.accumulate, train.max_grad_norm) == (1, 16, 4, 0.3)
            assert train.schedule == ("cosine" if row.method == "vera" else "linear")
            assert (train.optimizer, train.gradient_checkpointing) == ("paged_adamw_32bit", True)
            assert (config.task.source_max_length, config.task.target_max_length) == (16, 512)
            assert (config.backbone.quantization, config.adapter.save) == ("nf4", True)
        else:
            assert (train.epochs, train.batch_size, train.schedule, train.warmup_ratio) == (2, 128, "cosine", 0.02)
            assert config.backbone.quantization is None


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("data.root=~/x", "data.root='~/x'"),
        ("data.root=/a/lr=3/b", "data.root='/a/lr=3/b'"),
        ("+backbone.path=./b=c", "+backbone.path='./b=c'"),
        ("data.root='~/x'", "data.root='~/x'"),
        ("method=glob(*, exclude=none)", "method=glob(*, exclude=none)"),
        ("tune.grid={lr:[0.3,1]}", "tune.grid={lr:[0.3,1]}"),
        ("lr=1e-3", "lr=1e-3"),
        ("--multirun", "--multirun"),
    ],
)
def test_a_path_that_hydra_cannot_read_is_put_in_quotes_and_nothing_else(given: str, read: str) -> None:
    assert conf.quoted([given]) == [read]
