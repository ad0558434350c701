# `make demo` shows everything; `make test` checks everything. Both install into .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := .stamps/install

.PHONY: install test lint unit demo bench clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[worker,test]'
	mkdir -p $(dir $(STAMP)) && touch $(STAMP)

test: install lint unit

lint: install
	$(BIN)/ruff check sdk workers tests $(wildcard examples)
	$(BIN)/mypy

unit: install
	$(BIN)/pytest

# Personalises an example person, makes, edits and restores pictures of them, and writes demo/report.html.
demo: install
	$(BIN)/python -m portraitist demo

# The tables under docs/benchmarks; `make bench ARGS=--quick` in about 25 minutes.
bench: install
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean:
	rm -rf .stamps demo build dist .pytest_cache .mypy_cache .ruff_cache
