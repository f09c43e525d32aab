# `make demo` and `make test` need Python 3.10 or newer, make and the package index, nothing else.
# They set up .venv themselves; that is done again only after a change of the packaging.

VENV ?= .venv
BIN := $(VENV)/bin
PACKAGING := setup.cfg setup.py pyproject.toml

.PHONY: help demo test check bench soak compat clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run the flights example on a local Dask cluster"
	@echo "make test    lint, type check, and run the tests"
	@echo "make check   lint and type check only"
	@echo "make bench   measure beside hand-written Dask  (ONLY='map chain' for a part of it)"
	@echo "make soak    500 random runs that are hurt  (ARGS='--seed N --runs N --only KIND', '--minutes N')"
	@echo "make compat  compare with Prefect 1.4.1  (PREFECT1_PYTHON: a Python that has it)"
	@echo "make clean   remove what these made"
	@echo "PYTHON=... names the Python to use; else python3, or the newest python3.N from 3.10 on."

demo: $(VENV)/.demo
	$(BIN)/python -m examples.flights $(ARGS)

# A source archive, and a checkout on a system without links, lack prefectlite/executors.
check: $(VENV)/.dev
	@test -e prefectlite/executors/__init__.py || ln -sf ../executors prefectlite/executors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS) $(ONLY)

soak: $(VENV)/.dev
	$(BIN)/python -m soak $(ARGS)

compat: $(VENV)/.dev
	$(BIN)/python -m compat $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf .hypothesis .coverage htmlcov .venv-prefect1 compat/.cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@python=$$(PYTHON='$(PYTHON)' sh .ci/find-python) && \
	echo "Setting up $(VENV) with $$("$$python" --version)" && \
	{ "$$python" -m venv --clear $(VENV) || { \
	  echo "$$python cannot make virtual environments: install its venv module (on Debian" >&2; \
	  echo "and Ubuntu the package python3-venv), or name another one: make PYTHON=..." >&2; \
	  rm -rf $(VENV); exit 1; }; }
	@touch $@

# The package itself is installed editable: a change of its code needs no second installation.
$(VENV)/.demo: $(VENV)/.made $(PACKAGING)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made $(PACKAGING)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.demo
