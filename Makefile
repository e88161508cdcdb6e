PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STAMP_DEV := $(VENV)/.installed-dev
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: run test lint types fast models-test browser-test install dev clean

run: $(STAMP)
	$(BIN)/frontdesk models fetch --default
	$(BIN)/frontdesk serve

install: $(STAMP)

dev: $(STAMP_DEV)

$(BIN)/python:
	$$(command -v $(PYTHON) || command -v python3) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(STAMP_DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP) $@

test: $(STAMP_DEV) lint types
	sh tests/install_chromium.sh
	sh tests/install_postgres.sh
	$(BIN)/frontdesk models fetch --default
	$(BIN)/python -m pytest $(PARALLEL)

lint: $(STAMP_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python examples/check.py

types: $(STAMP_DEV)
	$(BIN)/mypy

fast: $(STAMP_DEV)
	$(BIN)/python -m pytest -m "not models and not browser"

models-test: $(STAMP_DEV)
	$(BIN)/python -m pytest -m "models and not browser"

browser-test: $(STAMP_DEV)
	sh tests/install_chromium.sh
	$(BIN)/python -m pytest -m browser

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
