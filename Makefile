# The two commands are `make demo` and `make test`; both build the environment first.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 3) # more than cores: many tests wait for terminals and workers

.PHONY: env demo test format lint types contracts tests bench vid4 faults screens clean

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

# The tests need not wait for the other checks, which take one core and half a minute.
test: $(STAMP)
	@begun=$$(date +%s); $(MAKE) --no-print-directory --jobs 2 tests format lint types contracts; status=$$?; \
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

# Those left out want clips and hours, or a trained network.
bench: $(STAMP)
	@$(BIN)/python benchmarks/rig/every.py $(filter-out $(addprefix benchmarks/, players.py precision.py recipe.py tile_halo.py vid4.py), $(wildcard benchmarks/*.py))

# What two cores reach in 20 minutes and two hours: CLIPS is a folder of videos, VID4 one of Vid4's folders of frames.
VID4 ?= $(dir $(patsubst %/,%,$(CLIPS)))vid4
vid4: $(STAMP)
	@[ -n "$(CLIPS)" ] || { echo "name a folder of videos to learn from: make vid4 CLIPS=FOLDER [VID4=FOLDER]"; exit 2; }
	@$(BIN)/python benchmarks/vid4.py $(CLIPS) $(VID4)

faults: $(STAMP)
	$(BIN)/python -m tests.faults.every

screens: $(STAMP)
	$(BIN)/python -m docs.screens.make
	$(BIN)/python -m docs.keys

clean:
	rm -rf .venv
