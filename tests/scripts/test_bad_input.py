"""Bad input to every command is one line that says what must hold and what was given, and nothing is written."""

import runpy
import sys
from pathlib import Path

import pytest
from support import tiny

SCRIPTS = {path.stem: path for path in (Path(__file__).parents[2] / "scripts").glob("*.py")}
RESULTS = str(Path(__file__).parents[2] / "results")
RECORD = next(str(path) for path in sorted(Path(RESULTS, "records").rglob("*.json")))
AT_LEAST = 3  # cases for each command

# A case is (arguments, what the line must hold). Arguments may name {bert}, {gpt2}, {glue} and {restaurants}, which are
# directories that the tests have; {tmp}, an empty one; {text}, {empty} and {binary}, files.
Case = tuple[list[str], list[str]]


def job(method: str, changes: dict[str, str | None]) -> list[str]:
    """Return a job's overrides with some added or replaced; one that is to be left out has the value None."""
    return _changed(tiny.job(method, Path("{bert}"), "{glue}", Path("{tmp}")), changes)


def writing(changes: dict[str, str | None]) -> list[str]:
    """Return the overrides of a job that writes text, on GPT-2."""
    return _changed(tiny.writing_job("lora", Path("{gpt2}"), "{restaurants}", Path("{tmp}")), changes)


def _changed(base: list[str], changes: dict[str, str | None]) -> list[str]:
    chosen = dict(part.split("=", 1) for part in base) | changes
    return [f"{key}={value}" if value else key for key, value in chosen.items() if value is not None]


TRAIN: dict[str, Case] = {
    "unknown method": (job("lora", {"method": "loar"}), ["loar", "nearest: lora;", "vb_lora", "vera"]),
    "unknown task": (job("lora", {"task": "glue/mprc"}), ["glue/mprc", "nearest: glue/mrpc;", "glue/cola"]),
    "unknown backbone": (job("lora", {"backbone": "minilmm"}), ["minilmm", "nearest: minilm;", "roberta-base"]),
    "no recipe": (job("lora", {"recipe": "null"}), ["'~recipe'"]),
    "method null": (job("lora", {"method": "null", "method.rank": None}), ["method=null", "known: bitfit, dora"]),
    "no backbone": (job("lora", {"backbone": "null"}), ["backbone=null", "minilm"]),
    "unknown recipe": (
        job("lora", {"recipe": "minilm/loar"}),
        ["minilm/loar", "nearest: minilm/lora;", "minilm/vera"],
    ),
    "a sweep to show": (job("lora", {"--multirun": "", "--cfg": "", "job": ""}), ["--cfg", "--multirun"]),
    "unknown targets": (job("lora", {"targets": "qvv"}), ["targets=qvv", "nearest: qv;", "all"]),
    "targets that name no map": (job("lora", {"targets": "[quary]"}), ["'quary'", "query", "intermediate.dense"]),
    "unknown key": (job("lora", {"train.epoch": "3"}), ["train.epoch", "train.epochs"]),
    "unknown hyperparameter": (job("lora", {"+method.rang": "3"}), ["method.rang", "rank"]),
    "no method": (job("lora", {"method": None, "method.rank": None}), ["method", "vb_lora"]),
    "no task": (job("lora", {"task": None}), ["task", "glue/mrpc"]),
    "vector length that divides no side": (job("vb_lora", {"method.vector_length": "24"}), ["24", "16, 32"]),
    "rank beyond the SVD": (job("lora_xs", {"method.rank": "40"}), ["40", "at most 32"]),
    "topk beyond the bank": (job("vb_lora", {"method.topk": "13"}), ["topk must be from 1 to 12", "got 13"]),
    "a seed twice": (job("lora", {"seeds": "[0,1,0]"}), ["seeds", "0 twice"]),
    "no seed": (job("lora", {"seeds": "[]"}), ["seeds"]),
    "seeds that are no list": (job("lora", {"seeds": "3"}), ["seeds"]),
    "no such directory": (job("lora", {"data.root": "/nowhere"}), ["data.root=/nowhere", "glue"]),
    "no hub for data": (job("lora", {"data.root": "null"}), ["nyu-mll/glue", "data.root=DIR", "data.root=embedded"]),
    "no hub for weights": (
        job(
            "lora",
            {"backbone": "roberta-base", "backbone.path": None, "backbone.name": None, "backbone.targets": None},
        ),
        ["FacebookAI/roberta-base", "backbone.path=DIR", "backbone=minilm"],
    ),
    "another shape": (
        job("lora", {"backbone": "minilm", "backbone.name": None, "backbone.targets": None}),
        ["hidden_size", "32", "384", "backbone=encoder"],
    ),
    "a grid of other keys": (job("lora", {"grid": "{train.epochs:[1,2]}"}), ["train.epochs", "method.lr"]),
    "a rate twice": (job("lora", {"grid": "{method.lr:[1e-3,1e-3]}"}), ["0.001", "twice"]),
    "a grid that is no list": (job("lora", {"grid": "{method.lr:1e-3}"}), ["grid", "method.lr"]),
    "a tuning that is no grid": (job("lora", {"tune": "3"}), ["tune=3", "tune.grid={lr:[0.3,1,3]"]),
    "a tuning of what is not trained": (
        job("head", {"tune.grid": "{lr:[1,3],lr_head:[1,3]}"}),
        ["lr,", "head", "tune lr_head"],
    ),
    "factors that are one": (job("lora", {"tune.grid": "{lr:[1,3,3.00000000000001]}"}), ["lr x3", "twice"]),
    "unknown precision": (job("lora", {"precision": "fp8"}), ["fp8", "fp32", "bf16"]),
    "a kind without a rate": (job("vb_lora", {"method.lr": None, "~method.lr.logits": ""}), ["method.lr", "logits"]),
    "unknown schedule": (
        job("lora", {"train.schedule": "linaer"}),
        ["train.schedule must be 'linear'", "got linaer"],
    ),
    "a rank in words": (job("lora", {"method.rank": "abc"}), ["method.rank", "whole number", "got abc"]),
    "half a rank": (job("lora", {"method.rank": "2.5"}), ["method.rank", "whole number", "got 2.5"]),
    "a rate below zero": (job("lora", {"method.lr": "-1"}), ["rate must", "at least 0", "got -1"]),
    "no rate": (job("lora", {"method.lr": "null"}), ["rate must", "got None"]),
    "an unknown selection": (
        job("vb_lora", {"method.selection": "gumbel"}),
        ["selection must be noisy_topk, gumbel_softmax", "got gumbel"],
    ),
    "a rate in words": (job("vb_lora", {"method.lr": None, "method.lr.logits": "abc"}), ["rate must", "got abc"]),
    "a grid of words": (job("lora", {"grid": "foo"}), ["grid=foo", "method.lr"]),
    "a group of words": (job("lora", {"group_size": "abc"}), ["group_size must be a whole number, or null, got abc"]),
    "a warmup in words": (
        job("lora", {"train.warmup_ratio": "abc"}),
        ["train.warmup_ratio must be a number, got abc"],
    ),
    "nothing left by clipping": (
        job("lora", {"train.max_grad_norm": "0"}),
        ["train.max_grad_norm must be more than 0", "got 0"],
    ),
    "no dropout": (job("lora", {"backbone.dropout": "2"}), ["backbone.dropout must be less than 1", "got 2"]),
    "no vector length": (job("vb_lora", {"method.vector_length": "0"}), ["vector_length must be at least 1, got 0"]),
    "an experiment that is a sweep": (
        job("lora", {"experiment": "quickstart", "method": None, "method.rank": None}),
        ["method", "--multirun", "experiment=quickstart"],
    ),
    "a tuning without its grid": (
        job("lora", {"tune": "{lr:[1,3]}"}),
        ["tune.lr is not a setting", "nearest: tune.grid"],
    ),
    "a task that a recipe has not": (
        job("lora", {"method": "vera", "method.rank": None, "task": "glue/mnli", "recipe": "roberta-base/vera"}),
        ["recipe has no", "for mnli", "method.lr=VALUE", "'~recipe'"],
    ),
    "graphs that are asked for": (
        job("lora", {"train.cuda_graphs": "true"}),
        ["train.cuda_graphs must be false, or null, got true"],
    ),
    "no epochs": (job("lora", {"train.epochs": "0"}), ["train.epochs must be at least 1, got 0"]),
    "no rows in a batch": (job("lora", {"train.batch_size": "0"}), ["train.batch_size must be at least 1, got 0"]),
    "a seed that is true": (job("lora", {"seeds": "[true]"}), ["seeds.0 must be a whole number, got true"]),
    "a seed in words": (job("lora", {"seeds": "[one]"}), ["seeds.0 must be a whole number, got one"]),
    "a seed below zero": (job("lora", {"seeds": "[-1]"}), ["seeds.0 must be at least 0, got -1"]),
    "a huge seed": (job("lora", {"seeds": "[4294967296]"}), ["seeds.0 must be less than 4294967296, got 4294967296"]),
    "a number for results": (job("lora", {"results": "20261125"}), ["results must be a folder's path, got 20261125"]),
    "no results": (job("lora", {"results": "null"}), ["results must be a folder's path, got None"]),
    "no cache": (job("lora", {"cache": "null"}), ["cache must be a folder's path, got None"]),
    "a file for results": (job("lora", {"results": "{text}"}), ["{text}"]),
    "a number for data.root": (job("lora", {"data.root": "5"}), ["data.root must be text, or null, got 5"]),
    "no such directory at home": (job("lora", {"data.root": "~/nowhere"}), ["data.root=~/nowhere is not a directory"]),
    "a file for data.root": (job("lora", {"data.root": "{text}"}), ["data.root={text} is not a directory"]),
    "a number among targets": (
        job("lora", {"targets": "[1]"}),
        ["targets must be a name, or a list of modules' names, got [1]"],
    ),
    "no targets": (job("lora", {"targets": "null"}), ["targets must be a name, or a list of modules' names, got None"]),
    "an empty list of targets": (job("lora", {"targets": "[]"}), ["targets must name at least one map, got []"]),
    "an unknown metric": (
        job("lora", {"task.metric": "acuracy"}),
        ["task.metric=acuracy is unknown; nearest: accuracy"],
    ),
    "an unknown primary score": (job("lora", {"task.primary": "f2"}), ["task.primary", "f2", "accuracy"]),
    "labels that YAML reads as booleans": (
        job("lora", {"task.labels": "[false,true]"}),
        ["task.labels.0 must be text, got false", "put the word in quotes"],
    ),
    "labels that are no list": (job("lora", {"task.labels": "yes"}), ["task.labels must be a list", "got"]),
    "text that is no list": (job("lora", {"task.text": "sentence1"}), ["task.text must be a list, got sentence1"]),
    "a task without a key": (job("lora", {"~task.label": ""}), ["task.label is missing"]),
    "an unknown kind of task": (
        job("lora", {"task.kind": "regresion"}),
        ["task.kind=regresion is unknown; nearest: generation", "classification"],
    ),
    "a grid with an empty list": (job("lora", {"grid": "{method.lr:[]}"}), ["grid has method.lr: []"]),
    "a tuning with an empty list": (job("lora", {"tune.grid": "{lr:[]}"}), ["tune.grid", "lr", "[]"]),
    "more tokens than positions": (
        job("lora", {"train.max_length": "4096"}),
        ["train.max_length=4096 is more than the 130 tokens that {bert} can take"],
    ),
    "a whole number with a fraction": (
        job("lora", {"train.epochs": "1.5"}),
        ["train.epochs must be a whole number, got 1.5"],
    ),
    "a batch that is true": (
        job("lora", {"train.batch_size": "true"}),
        ["train.batch_size must be a whole number, got true"],
    ),
    "a yes that is a word": (job("lora", {"force": "maybe"}), ["force must be true or false, got maybe"]),
    "a yes that is a number": (job("lora", {"adapter.save": "1"}), ["adapter.save must be true or false, got 1"]),
    "a no in quotes": (job("lora", {"backbone.random": "'no'"}), ["backbone.random must be true or false, got no"]),
    "an alpha that is no number": (job("lora", {"method.alpha": "nan"}), ["method.alpha must be a finite number, got"]),
    "an endless rate": (job("lora", {"method.lr": "inf"}), ["rate must be a finite number", "got inf"]),
    "too few rows for a correlation": (
        job("lora", {"task": "glue/stsb", "data.validation_rows": "3"}),
        ["glue/stsb has no score on a half of dev with 1 rows", "raise data.validation_rows"],
    ),
    "more rows than there are": (job("lora", {"data.train_rows": "5000"}), ["data.train_rows must be from 1 to 43"]),
    "no rows": (job("lora", {"data.train_rows": "0"}), ["data.train_rows must be at least 1, or null, got 0"]),
    "an unknown mode of W&B": (job("lora", {"wandb.mode": "of"}), ["wandb.mode must be 'auto'", "got of"]),
    "a project's name that W&B refuses": (
        job("lora", {"wandb.project": "a/b", "wandb.mode": "offline"}),
        ["wandb.project must hold none of", "got a/b"],
    ),
    "a name that no folder may have": (job("lora", {"backbone.name": "../up"}), ["backbone.name", "../up"]),
    "a backbone that is a file": (job("lora", {"backbone.path": "{text}"}), ["{text}"]),
    "a backbone without files": (job("lora", {"backbone.path": "{tmp}"}), ["{tmp}"]),
    "a package that is not there": (
        job("lora", {"backbone.path": "package:no_such_package/x"}),
        ["no_such_package", "is not installed"],
    ),
    "an unknown quantization": (job("lora", {"backbone.quantization": "int3"}), ["backbone.quantization must be"]),
    "an unknown key of the backbone": (job("lora", {"+backbone.revison": "v1"}), ["backbone.revison is not a setting"]),
    "a start that is the task": (job("lora", {"start": "glue/mrpc"}), ["start=glue/mrpc is the task itself"]),
    "an unknown start": (job("lora", {"start": "glue/mnl"}), ["start must be a task", "nearest: glue/mnli"]),
    "an unknown optimizer": (job("lora", {"train.optimizer": "sgd"}), ["train.optimizer must be"]),
    "an encoder that writes": (job("lora", {"task": "e2e"}), ["task=e2e needs a causal language model"]),
    "GPT-2 as a classifier": (
        job("lora", {"backbone.path": "{gpt2}", "backbone.head": "[score]", "backbone.targets": "{qv:[c_attn]}"}),
        ["the tokenizer of {gpt2} has no pad token"],
    ),
    "a decoder that classifies": (
        ["task=glue/sst2", "backbone=smollm2-135m", "method=lora", "data.root={glue}", "results={tmp}", "cache={tmp}"],
        ["task=glue/sst2 trains a classification head, and backbone=smollm2-135m has none"],
    ),
    "a path with an equals sign": (job("lora", {"data.root": "/no=where"}), ["data.root=/no=where is not a directory"]),
    "no beams": (writing({"task.decode.beams": "0"}), ["task.decode.beams must be at least 1, got 0"]),
    "no new tokens": (writing({"task.decode.max_new_tokens": "0"}), ["max_new_tokens must be at least 1, got 0"]),
    "part of a fused map that it lacks": (writing({"targets": "[c_attn.w]"}), ["c_attn.w"]),
    "no arguments": ([], ["no task was given: say task=NAME", "glue/mrpc"]),
    "an unknown flag": (job("lora", {"--multirn": ""}), ["--multirn is not an option; nearest: --multirun"]),
}
OTHERS: dict[str, dict[str, Case]] = {
    "audit": {
        "an unknown row": (["--row", "gpt2-huge"], ["--row gpt2-huge: no row's name has these words"]),
        "an unknown format": (["--format", "xml"], ["invalid choice: 'xml'", "markdown"]),
        "text in a file": (["--out", "{tmp}/ledger"], ["needs --format markdown, json or latex"]),
        "no tables": (["--published", "{tmp}"], ["{tmp} holds no published tables"]),
        "an unknown flag": (["--rows", "lora"], ["--rows", "scripts/audit.py --help"]),
    },
    "compare": {
        "no records": (["--root", "{tmp}"], ["no records below {tmp}"]),
        "an unknown sheet": (["--root", RESULTS, "--sheet", "glue-huge"], ["glue-huge", "known: "]),
        "an unknown task": (["--root", RESULTS, "--sheet", "glue-minilm", "--tasks", "wnli"], ["no task wnli", "mrpc"]),
        "unknown targets": (
            ["--root", RESULTS, "--sheet", "glue-minilm", "--targets", "qvv"],
            ["has no targets qvv; it has all, qv"],
        ),
        "an unknown format": (["--format", "xml"], ["invalid choice: 'xml'"]),
    },
    "dashboard": {
        "an unknown flag": (["--open"], ["unrecognized arguments: --open"]),
        "no project": (["--project"], ["--project: expected one argument"]),
        "a folder for the spec": (["--root", "{tmp}", "--dry-run", "{tmp}"], ["{tmp}: Is a directory"]),
    },
    "export": {
        "no run": (["--to", "peft"], ["required: RUN|DIR"]),
        "no way": (["{tmp}"], ["one of the arguments --to --from is required"]),
        "two ways": (["{tmp}", "--to", "peft", "--from", "peft"], ["not allowed with argument"]),
        "a folder without an adapter": (["{tmp}", "--to", "peft"], ["{tmp} holds no adapter"]),
        "a file that is no record": (["{text}", "--to", "peft"], ["{text} is not a run's record"]),
        "nothing there": (["{tmp}/nowhere", "--to", "peft"], ["{tmp}/nowhere holds no adapter"]),
        "a task for a run, which has one": (["{tmp}", "--to", "peft", "task=e2e"], ["task=e2e does not go with --to"]),
        "no task": (["{tmp}", "--from", "peft", "backbone=decoder"], ["no task was given: say task=NAME", "glue/mrpc"]),
        "no backbone": (
            ["{tmp}", "--from", "peft", "task=e2e"],
            ["no backbone was given: say backbone=NAME", "minilm"],
        ),
        "an unknown backbone": (
            ["{tmp}", "--from", "peft", "task=e2e", "backbone=decodr"],
            ["backbone=decodr is unknown", "nearest: decoder", "smollm2-135m"],
        ),
        "an unknown setting": (
            ["{tmp}", "--from", "peft", "task=e2e", "backbone=decoder", "backbone.pth=x"],
            ["backbone.pth is not a setting", "nearest: backbone.path"],
        ),
        "no adapter of peft": (
            ["{tmp}", "--from", "peft", "task=e2e", "backbone=decoder"],
            ["pass an adapter of peft"],
        ),
    },
    "ls": {
        "an unknown section": (["models"], ["invalid choice: 'models'", "backbones"]),
        "an unknown format": (["--format", "xml"], ["invalid choice: 'xml'"]),
        "an unknown flag": (["--all"], ["unrecognized arguments: --all"]),
    },
    "mt_bench": {
        "no run": ([], ["answer=RUN", "judge=RUN"]),
        "no such run": (["judge={tmp}/nowhere", "data.root=embedded"], ["{tmp}/nowhere is not a run"]),
        "an unknown setting": (["judge={tmp}", "judge.modle=m"], ["judge.modle", "nearest: judge.model"]),
        "a sweep": (["judge={tmp}", "--multirun"], ["leave --multirun out"]),
        "no such questions": (["judge={tmp}", "data.root={tmp}/nowhere"], ["{tmp}/nowhere"]),
    },
    "report": {
        "no records": (["--root", "{tmp}"], ["no records below {tmp}"]),
        "an unknown flag": (["--open"], ["unrecognized arguments: --open"]),
        "a folder for the page": (["--root", RESULTS, "--out", "{tmp}"], ["{tmp}"]),
    },
    "download": {
        "unknown task": (["task=glue/mprc"], ["glue/mprc", "nearest: glue/mrpc;"]),
        "unknown table": (["--table", "vb_lora", "9"], ["table vb_lora 9 is unknown", "vb_lora 1"]),
        "unknown method of a table": (
            ["--table", "vb_lora", "1", "--method", "loar"],
            ["vb_lora 1 has no method loar that the suite can run", "vb_lora"],
        ),
        "a table without its number": (["--table", "vb_lora"], ["expected 2 arguments"]),
    },
    "provenance": {
        "an unknown method": (
            ["--method", "loar"],
            ["no paper here prints method loar; nearest: lora; known: ", "vera"],
        ),
        "an unknown backbone": (["--backbone", "bert"], ["backbone bert", "roberta-base"]),
        "a task that nobody prints for it": (
            ["--method", "vb_lora", "--task", "qqp"],
            ["prints task qqp for method vb_lora", "known: alpaca, avg, cola"],
        ),
        "an unknown metric": (["--task", "e2e", "--metric", "blue"], ["metric blue for task e2e; nearest: bleu"]),
        "a choice to write": (["--write", "--task", "rte"], ["--write writes all cells: leave out --method"]),
        "no tables": (["--published", "{tmp}"], ["{tmp} holds no published tables"]),
        "an unknown format": (["--format", "xml"], ["invalid choice: 'xml'"]),
        "an unknown flag": (["--paper", "vera"], ["unrecognized arguments: --paper"]),
    },
    "reproduce": {
        "no table": (["vb_lora"], ["TABLE"]),
        "an unknown paper": (["nobody", "1", "--plan"], ["table nobody 1 is unknown"]),
        "an unknown table": (["vb_lora", "9", "--plan"], ["vb_lora 9 is unknown"]),
        "a table without a recipe": (
            ["dora", "5", "--plan"],
            ["dora 5 has no row that the suite can run (the paper prints neither alpha"],
        ),
        "an unknown method": (["vb_lora", "1", "--method", "lor", "--plan"], ["no method lor", "vb_lora"]),
        "an unknown task": (["vb_lora", "1", "--task", "mnly", "--plan"], ["no task mnly", "cola"]),
        "an unknown backbone": (["vb_lora", "1", "--backbone", "bert", "--plan"], ["no backbone bert", "roberta-base"]),
        "an unknown launcher": (["vb_lora", "1", "--launcher", "slurm"], ["invalid choice: 'slurm'"]),
        "no processes": (
            ["vb_lora", "1", "--processes", "0"],
            ["--processes must be at least 1, and 1 with a launcher"],
        ),
        "a launcher's setting without one": (
            ["vb_lora", "1", "hydra.launcher.n_jobs=2"],
            ["say --launcher, one of joblib"],
        ),
        "an unknown setting": (["vb_lora", "1", "--plan", "train.epoch=3"], ["train.epoch", "nearest: train.epochs"]),
        "no epochs": (["vb_lora", "1", "--plan", "train.epochs=0"], ["train.epochs must be at least 1, got 0"]),
    },
    "rescore": {
        "no record": ([], ["RECORD"]),
        "nothing there": (["{tmp}/nowhere.json"], ["nowhere.json"]),
        "a file that is no JSON": (["{text}"], ["{text}"]),
        "a binary file": (["{binary}"], ["{binary}"]),
        "an empty file": (["{empty}"], ["{empty}"]),
        "an unknown format": ([RECORD, "--format", "xml"], ["invalid choice: 'xml'"]),
    },
    "score_e2e": {
        "no files": ([], ["--references, --predictions"]),
        "nothing there": (["--references", "{tmp}/nowhere", "--predictions", "{text}"], ["{tmp}/nowhere"]),
        "a folder": (["--references", "{tmp}", "--predictions", "{text}"], ["{tmp}"]),
        "a binary file": (["--references", "{binary}", "--predictions", "{text}"], ["{binary}"]),
        "an empty file": (
            ["--references", "{empty}", "--predictions", "{text}"],
            ["{empty} must hold at least one reference"],
        ),
        "an unknown score": (
            ["--references", "{text}", "--predictions", "{text}", "--metrics", "blue"],
            ["blue", "bleu"],
        ),
    },
    "speed": {
        "a method that trains nothing": (
            [*job("none", {"method": None, "targets": None}), "--methods", "none", "--targets", "qv"],
            ["none"],
        ),
        "no recipe": (
            [*job("lora", {"method": None, "targets": None, "recipe": "null"}), "--methods", "lora", "--targets", "qv"],
            ["'~recipe'"],
        ),
        "steps that are no number": (["--steps", "many"], ["--steps: must be a whole number of at least 1, got many"]),
        "no tokens": (["--tokens", "0"], ["--tokens: must be a whole number of at least 1, got 0"]),
        "more tokens than fit": (
            [
                *job("lora", {"method": None, "targets": None}),
                "--methods",
                "lora",
                "--targets",
                "qv",
                "--tokens",
                "999",
            ],
            ["tokens must be at most the ", ", got 999"],
        ),
        "more rows than there are": (
            [*job("lora", {"method": None, "targets": None}), "--methods", "lora", "--targets", "qv", "--rows", "99"],
            ["rows must be at most the 43 rows of train, got 99"],
        ),
        "unknown method": (["--methods", "loar", "data.root=embedded"], ["loar", "nearest: lora"]),
    },
    "tables": {
        "a level that is no number": (
            ["--root", RESULTS, "--reach", "mrpc=high"],
            ["--reach: must be TASK=SCORE, such as mrpc=85, got mrpc=high"],
        ),
        "a level of an unknown task": (["--root", RESULTS, "--reach", "mprc=85"], ["--reach mprc", "mrpc"]),
        "no records": (["--root", "{tmp}"], ["no records below {tmp}"]),
        "nothing there": (["--root", "{tmp}/nowhere", "--print"], ["no records below {tmp}/nowhere"]),
        "a file": (["--root", "{text}"], ["{text}"]),
        "an unknown format": (["--print", "--format", "xml"], ["invalid choice: 'xml'"]),
    },
    "verdicts": {
        "nothing there": (["--root", "{tmp}/nowhere"], ["{tmp}/nowhere"]),
        "an unknown flag": (["--paper", "vb_lora"], ["unrecognized arguments: --paper"]),
        "an unknown format": (["--format", "xml"], ["invalid choice: 'xml'"]),
    },
}
CASES = {"train": TRAIN} | OTHERS


@pytest.mark.parametrize(("script", "case"), [(script, case) for script, cases in CASES.items() for case in cases])
def test_bad_input_is_one_line(
    script: str,
    case: str,
    places: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments, fragments = CASES[script][case]
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # so that what a command sets is undone
    monkeypatch.setattr(sys, "argv", [str(SCRIPTS[script]), *(_filled(part, places) for part in arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPTS[script]), run_name="__main__")
    said = capsys.readouterr().err
    assert end.value.code in (1, 2), said
    (line,) = said.splitlines()
    assert line.startswith("error: ")
    for fragment in fragments:
        assert _filled(fragment, places) in line
    assert not [path for path in places["tmp"].rglob("*") if path.name in ("records", "runs", "tables", "figures")]


@pytest.fixture
def places(
    bert: Path, gpt2: Path, glue: Path, restaurants: Path, tmp_path: Path, own_datasets_cache: None
) -> dict[str, Path]:
    """Return the directories and files that the cases name."""
    (tmp_path / "tmp").mkdir()
    files = {"text": b"a line\n", "empty": b"", "binary": b"\xff\x00\xfe"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    paths = {name: tmp_path / name for name in ("tmp", *files)}
    return paths | {"bert": bert, "gpt2": gpt2, "glue": glue, "restaurants": restaurants}


def _filled(part: str, places: dict[str, Path]) -> str:
    for name, place in places.items():
        part = part.replace(f"{{{name}}}", str(place))
    return part


def test_every_command_has_cases() -> None:
    assert CASES.keys() == SCRIPTS.keys()
    assert all(len(cases) >= AT_LEAST for cases in CASES.values())
