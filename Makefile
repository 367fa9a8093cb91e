# rdb: every job of a user or a contributor by name.  `make` alone lists them.
#
#   PYTHON=...   the interpreter to build .venv with (default: the first of the machine's that is 3.10 or newer)
#   N=...        how many executions `make fuzz` makes
#   TESTS=...    what `make test` is to run (default: all)

PYTHON ?= $(shell for each in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	$$each -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && { command -v $$each; break; }; done)
BIN = .venv/bin
N ?= 100000
TESTS ?=
JOBS ?= 2

# What ruff looks for, and what is left to the author's taste (zip(strict=), ?: for if/else, contextlib.suppress, old unions).
RULES = E,F,W,I,B,UP,C4,SIM,RUF100
TASTE = B905,SIM105,SIM108,UP007

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check lint fuzz bench docs wheel clean debian multilib

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST) | awk -F': +' '{ printf "make %-10s %s\n", $$1, $$2 }'

demo: .venv/rdb  ## build an example, record it, and find the culprit backwards
	@$(BIN)/python examples/play.py smashed_return

test: .venv/test  ## set everything up and run the tests
	@$(BIN)/python -m pytest -q -n $(JOBS) $(TESTS)

test-long: .venv/test  ## run the tests, those that take minutes too
	@$(BIN)/python -m pytest -q -n $(JOBS) -m "long or not long" $(TESTS)

check: lint .venv/test  ## types (mypy --strict), style (ruff) and the import table
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_packaging.py

lint: .venv/check  ## style only
	$(BIN)/ruff check --line-length 130 --target-version py310 --select $(RULES) --ignore $(TASTE) rdb arch tests benchmarks examples

fuzz: .venv/test  ## execute N random instructions of 64 and of 32 bits; every change must have been declared
	$(BIN)/python -m tests.oracle.instructions $(N)
	$(BIN)/python -m tests.oracle.instructions --bits 32 $(N)

bench: .venv/rdb  ## measure rdb, gdb where present, and the physical limit
	@for each in startup step_recording compiled_recording translation_cache reverse_continue far_back interrupt; do $(BIN)/python -m benchmarks.$$each || exit 1; done

docs: .venv/rdb  ## write docs/commands.md anew from the command registry
	$(BIN)/python -m rdb.commands.reference > docs/commands.md

wheel: .venv/rdb  ## build the wheel into dist/
	@rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:  ## remove what was built, and .venv
	rm -rf .venv .build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# The virtual environment.  Each stamp stands for a set of requirements that setup.cfg names.

.venv/rdb .venv/test .venv/check: setup.cfg pyproject.toml | debian
	@test -n "$(PYTHON)" || { echo "rdb needs Python 3.10 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || { echo "Creating .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "Installing rdb and what it needs into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(if $(filter-out rdb,$(@F)),[$(@F)])'
	@touch $@

# What Debian must have: a compiler for the examples and the tests, and a Python that can make virtual environments.

debian:
	@missing=; \
	echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1 || missing="gcc libc6-dev"; \
	echo '#include <string>' | g++ -x c++ -E - >/dev/null 2>&1 || missing="$$missing g++"; \
	test -x $(BIN)/python -o -n "$(PYTHON)" || missing="$$missing python3-venv"; \
	test -n "$$missing" || exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	    echo "Installing with apt:" $$missing; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
	    echo "Some Debian packages are missing. Run this line, then make again:"; \
	    echo "    sudo apt-get install -y" $$missing; exit 1; \
	fi

# What the tests of 32-bit programs need; where it cannot be had, they are skipped.  Tried once, before .venv/test is made.

.venv/test: | multilib

multilib: | debian
	@test -e .venv/test -o "$$(uname -m)" != x86_64 && exit 0; \
	echo '#include <stdio.h>' | gcc -m32 -E - >/dev/null 2>&1 && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc-multilib >/dev/null; then exit 0; fi; \
	echo "There is no gcc-multilib: the tests of 32-bit programs will be skipped."
