# Every target that needs Python packages makes .venv itself, once for each state of pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check bench report peers gpu format clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/demo.installed ## train on handwritten digits
	$(BIN)/fusegrad train digits

test: .venv/dev.installed ## run the tests
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest --numprocesses=auto --dist=worksteal  # the workers share the cores

check: .venv/dev.installed ## check format, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict src

bench: .venv/dev.installed ## run the benchmarks
	mkdir -p build
	$(BIN)/pytest benchmarks -p no:xdist --override-ini=python_files='bench_*.py' --benchmark-only --benchmark-max-time=0.2 --benchmark-json=build/bench.json

report: .venv/dev.installed ## make tables and charts of what the benchmarks found
	$(BIN)/python benchmarks/report.py $(wildcard build/bench.json benchmarks/results/*.json)

peers: .venv/fast.installed .venv/peers.installed ## time steps beside PyTorch and JAX
	$(BIN)/python benchmarks/peers.py

gpu: ## check and time every kernel on the GPU of this machine, with .venv or else the Python packages that are there
	$(firstword $(wildcard $(BIN)/python) $(PYTHON)) benchmarks/gpu.py

format: .venv/dev.installed ## format the code and apply safe fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove .venv, builds and caches
	rm -rf .venv build dist *.egg-info src/*.egg-info .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/%.installed: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --editable '.[$*]'
	touch $@

$(BIN)/pip:
	$(PYTHON) -m venv .venv
