# Two commands matter: `make demo` and `make test`. Both set up everything they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 3
# Tests start the product over a hundred times: it must not be compiled anew each time.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test lint format run benchmarks clean

demo: $(VENV)/.installed
	$(BIN)/outage demo

test: $(VENV)/.installed-test lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

run: $(VENV)/.installed
	$(BIN)/outage run

benchmarks: $(VENV)/.installed-test
	$(BIN)/pytest tests/benchmarks -s

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python setup.cfg constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/bin/python setup.cfg constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(VENV)/.installed $@
