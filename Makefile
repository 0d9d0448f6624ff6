# The two commands are `make demo` and `make test`; both build the environment first.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 3) # more than cores: many tests wait for terminals and workers

.PHONY: env demo test format lint types contracts tests bench faults screens clean

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "VSR++ needs Python 3.11 or newer; name one with make PYTHON=...")'
	@echo "making the environment in .venv: a minute or two"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

# In a terminal the application opens; without one the same run trains headless and prints its result.
demo: $(STAMP)
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/vsrpp-tui --demo; else $(BIN)/vsrpp demo; fi

test: $(STAMP)
	@begun=$$(date +%s); $(MAKE) --no-print-directory format lint types contracts tests; status=$$?; \
	echo "make test: $$(($$(date +%s) - begun)) s"; exit $$status

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

tests: $(STAMP)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

# benchmarks/adaptive_weights.py wants a dataset and clips, and an hour; benchmarks/tile_halo.py a trained network and a clip.
bench: $(STAMP)
	@$(BIN)/python benchmarks/rig/every.py $(filter-out benchmarks/adaptive_weights.py benchmarks/tile_halo.py, $(wildcard benchmarks/*.py))

faults: $(STAMP)
	$(BIN)/python -m tests.faults.kills
	$(BIN)/python -m tests.faults.films
	$(BIN)/python -m tests.faults.prepare_kills

screens: $(STAMP)
	$(BIN)/python -m docs.screens.make
	$(BIN)/python -m docs.keys

clean:
	rm -rf .venv
