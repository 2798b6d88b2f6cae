# Thin names for the commands beneath. Each sets up what it needs in .venv; a second call starts at once.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
PORT ?=
PEERS := benchmarks/.venv
WORKS ?=
ENGINE ?= local
RAY := $(VENV)/.ray

# A moved or copied environment names the folder in which it was made: it is repaired without downloads.
ifneq ($(shell cd $(VENV) 2>/dev/null && pwd -P),$(shell cat $(READY) 2>/dev/null))
.PHONY: $(READY)
endif

.PHONY: help run restore test torture ui register serve bench check clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "In the activated environment, python -m commands lists more."

run: $(READY) $(if $(filter ray,$(ENGINE)),$(RAY))  ## download, tokenize, train, evaluate, compare: whatever is not up to date
	@python -m commands.run --engine $(ENGINE)
	@test -e reports/comparison.html || python -m pipelines.compare
	@echo "The report: reports/comparison.html   MLflow's pages: make ui"

restore: $(READY)  ## rebuild MLflow's runs from the outputs, if its store was lost
	@python -m commands.restore

test: $(READY)  ## the whole test suite
	@$(MAKE) --no-print-directory $(RAY) || echo "Ray cannot be installed: tests of the cluster are skipped"
	@python -m pytest -n auto --dist worksteal

torture: $(READY)  ## the long tests of docs/guarantees.md, half an hour or more
	@python -m pytest -s tests/torture

ui: $(READY)  ## MLflow's pages over the runs, at http://127.0.0.1:5000 (PORT=… for another)
	@python -m commands.ui --port $(or $(PORT),5000)

register: $(READY)  ## register the comparison's winner in MLflow, as champion
	@python -m commands.register

serve: $(READY) $(if $(filter ray,$(ENGINE)),$(RAY))  ## the registered model and a page to try it, at http://127.0.0.1:5001 (PORT=… for another)
	@python -m commands.serve --engine $(ENGINE) --port $(or $(PORT),5001)

bench: $(READY) $(PEERS)/.ready  ## speed beside other frameworks, on a quiet machine (WORKS="train grid" for a part)
	@python -m benchmarks.run $(WORKS)

check: $(READY)  ## style (ruff) and types (mypy, strict)
	@python -m ruff check .
	@python -m ruff format --check .
	@python -m mypy

clean:  ## remove all outputs of the pipeline, but neither .venv nor MLflow's runs
	rm -rf data/code data/evaluated data/pretrained data/raw data/settings data/tokens data/tuned data/variants data/.*.part data/.*.old results references reports checkpoints trials dvc.lock .dvc/cache .dvc/tmp

$(READY): requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"error: Python {sys.version.split()[0]} found, 3.11 or later needed: make PYTHON=python3.12 …")'
	@echo "Setting up $(VENV) (once, some minutes)"
	@$(VENV)/bin/python -c '' 2> /dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@$(VENV)/bin/python -m core.environment $(VENV)
	@-$(VENV)/bin/python -m engine.compiling  # the first training does what fails here
	@cd $(VENV) && pwd -P > .ready

$(RAY): requirements-ray.txt constraints.txt | $(READY)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< -c constraints.txt
	@touch $@

$(PEERS)/.ready: benchmarks/requirements.txt
	@echo "Setting up $(PEERS) (once, some minutes)"
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
