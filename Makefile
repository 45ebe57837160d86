# Everything a newcomer needs. `make demo` and `make test` set up all that they use.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := $(BIN)/python -m pytest
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo notebooks dev test test-slow test-browser test-all audit check docs clean

help: ## list the targets
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

demo: $(VENV)/.demo ## three data nodes and a tour; ARGS=--exit ends at once
	@$(BIN)/jali demo $(ARGS)

notebooks: $(VENV)/.demo ## the tutorials in JupyterLab; they start the nodes that they need
	@$(INSTALL) ipykernel jupyterlab
	@$(BIN)/jupyter lab docs/notebooks $(ARGS)

dev: $(VENV)/.dev ## everything for working on Jali, in .venv

test: $(VENV)/.dev ## the tests, under 10 minutes
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: $(VENV)/.dev ## kill loops, audits and real engines, under 30 minutes
	$(PYTEST) -m slow -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-browser: $(VENV)/.dev ## the portal in a real browser; installs Debian's Chromium where it is missing
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || [ -n "$$JALI_CHROMIUM" ] || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  { echo "there is no Chromium, and it takes root on Debian to install it here: set JALI_CHROMIUM to one"; exit 1; }
	$(PYTEST) -m browser tests/browser $(ARGS)

test-all: $(VENV)/.dev ## every test, those in a browser too, and 500 kills instead of 50
	$(PYTEST) -m "slow or not slow" --kills 500 $(ARGS)

audit: $(VENV)/.dev ## what an attacker learns of training, held against what is charged; the short part is in make test
	$(PYTEST) -m "slow or not slow" tests/node/training/test_audit.py $(ARGS)

check: $(VENV)/.dev ## style, types and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-%: $(VENV)/.dev ## one benchmark, side by side with its peers
	$(BIN)/python -m benchmarks.$* $(ARGS)

docs: $(VENV)/.dev ## the SDK's reference, into site/
	$(BIN)/pdoc --output-directory site jali '!jali.demo'

clean: ## forget the virtual environment and all caches
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Jali needs Python 3.11 or newer; set PYTHON= to one"; exit 1; }
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing the demo; the first time this takes about a minute"
	@$(INSTALL) -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing everything for development; the first time this takes about a minute"
	@$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.demo
