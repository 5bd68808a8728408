# Each target sets itself up in .venv, from the versions in constraints.txt.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[digits,dev]'
	touch $@

.PHONY: setup
setup: $(READY) ## Install everything into .venv

.PHONY: demo
demo: $(READY) ## Search a network for handwritten digits, from the start (minutes)
	rm -rf runs/demo
	$(BIN)/nas search digits --store runs/demo --workers 2

.PHONY: test
test: lint ## Lint and run the whole test suite
	$(BIN)/pytest

.PHONY: lint
lint: $(READY) ## ruff, mypy --strict on nas_lib, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## Rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(READY) ## Measure speeds (minutes, on an idle machine)
	$(BIN)/python -m benchmarks

.PHONY: clean
clean: ## Remove the environment and all caches, but no searches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
