# Everything one does here is one of these words; each sets up what it needs by itself.
# PYTHON=python3.13 chooses the interpreter, ARGS="-k name -x" goes to pytest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
.PHONY: help setup demo test check bench soak docs pins clean

export NO_MKDOCS_2_WARNING := 1

BIN := .venv/bin
# One process more than there are cores: many tests wait for servers, leases and disks.
PROCESSES := $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.logicalcpu); echo $$((n < 8 ? n + 1 : 8)))
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile
ARGS ?=

help:            ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

setup:           ## make .venv with everything pinned; nothing to do the second time
	@scripts/bootstrap
	@scripts/bootstrap-web

demo: setup      ## import real DICOM, read it back, look at it in a browser, print what happened
	@scripts/bootstrap-debian requirements/debian-demo.txt
	@$(BIN)/python -m iryo.demo

test: setup      ## the whole test suite
	@scripts/bootstrap-debian
	@$(PYTEST) $(ARGS)

check: setup     ## lint, types, import law, tests with coverage floors, docs
	@scripts/bootstrap-debian
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	web/node_modules/.bin/tsc --project web
	$(PYTEST) --cov --cov-report= $(ARGS)
	$(BIN)/python scripts/coverage_floors.py
	$(BIN)/mkdocs build --strict --quiet

bench: setup     ## each benchmark in turn: ours, the peer, the limit, the ratio
	@scripts/bootstrap-debian requirements/debian-bench.txt
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python "$$file"; done

# A test may take hours here: where one hangs is shown, after six of them.
soak: setup      ## the tests that run for minutes or hours; writes docs/reference/soak.md
	@scripts/bootstrap-debian
	@$(BIN)/python -m pytest -m soak -o faulthandler_timeout=21600 --soak-report=docs/reference $(ARGS)

docs: setup      ## build the documentation into site/
	@$(BIN)/mkdocs build --strict
	@echo "site/index.html; to see it while you write: $(BIN)/mkdocs serve"

# Releases younger than a week are not taken: most that are withdrawn are withdrawn by then.
PIN := uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --upgrade \
	--exclude-newer "1 week" --no-emit-index-url --no-emit-find-links --custom-compile-command "make pins"

pins:            ## remake requirements/*.txt from pyproject.toml
	@scripts/bootstrap || test -x $(BIN)/uv  # what pyproject.toml newly asks for is not there yet
	@$(BIN)/$(PIN) pyproject.toml --all-extras --group dev --output-file requirements/dev.txt
	@$(BIN)/$(PIN) pyproject.toml --constraint requirements/dev.txt --output-file requirements/runtime.txt
	@git --no-pager diff --stat -- requirements

clean:           ## remove what make made, but .venv
	@rm -rf site build dist iryo-demo .coverage .coverage.* .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	@find src tests benchmarks scripts docs -name __pycache__ -type d -prune -exec rm -rf {} +
