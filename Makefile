# Everything a newcomer and CI run. Needs only Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
NATIVE := $(wildcard src/whodid/native/*.[ch]) src/whodid/native/build.py

.PHONY: setup dev demo test test-all lint types contracts check bench bench-swap clean

setup: $(VENV)/.run-ready  ## make .venv/bin/whodid from the hash-pinned lock
dev: $(VENV)/.dev-ready  ## the same with what the tests and checks need

$(VENV)/.run-ready: requirements/run.lock pyproject.toml $(NATIVE)
	@PYTHON=$(PYTHON) sh requirements/install.sh $(VENV) requirements/run.lock
	@touch $@

$(VENV)/.dev-ready: requirements/dev.lock pyproject.toml $(NATIVE)
	@PYTHON=$(PYTHON) sh requirements/install.sh $(VENV) requirements/dev.lock
	@touch $@ $(VENV)/.run-ready

demo: setup  ## a month's story in a ledger, served on port 9460
	@$(BIN)/whodid demo

test: dev  ## all tests but the slow ones
	@$(BIN)/python -m pytest -q -n auto -m "not slow"

test-all: dev  ## all tests, those of minutes too
	@$(BIN)/python -m pytest -q -n auto

lint: dev
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .

types: dev
	@$(BIN)/mypy

contracts: dev
	@$(BIN)/lint-imports

check: lint types contracts test

bench: dev  ## benchmarks side by side with peers; minutes
	@$(BIN)/python -m benchmarks

$(BENCH_VENV)/.ready: requirements/bench.lock pyproject.toml $(NATIVE)
	@PYTHON=$(PYTHON) sh requirements/install.sh $(BENCH_VENV) requirements/bench.lock
	@touch $@

bench-swap: $(BENCH_VENV)/.ready  ## learning beside scikit-learn and PyOD (700 MB, in a venv of its own)
	@$(BENCH_VENV)/bin/python -m benchmarks.swap

clean:
	rm -rf src/whodid/native/*.so $(VENV) $(BENCH_VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache
