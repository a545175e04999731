# The README's two commands are `make demo` and `make test`; each makes what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup-stamp
# torch and its CUDA libraries need about 7 GB: say so before the download, not in the middle of it.
NEED_GB := 9
# Processes of the tests: these wait for Ray, databases and sockets, so that three keep two cores busy; with four, Ray's
# own processes crowd each other. A file of tests stays in one process: what it shares is made once.
WORKERS ?= 3
PYTEST  := $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder
ON_HOSTS := $(BIN)/python -m tests.clusters.inside $(BIN)/python -m pytest -q -p no:xdist

.PHONY: help setup demo test test-quick test-cluster test-cluster-faults lint style types every-test check format docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## make .venv from constraints.txt (about 7 GB, once)

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, and {sys.executable} is {v.major}.{v.minor}; name another with: make PYTHON=python3.12 $@")'
	@free=$$(df -Pk . | awk 'NR==2 {print int($$4/1048576)}'); \
	if [ ! -d $(VENV) ] && [ "$$free" -lt $(NEED_GB) ]; then \
	  echo "make setup needs about $(NEED_GB) GB and this disk has $$free GB free; free some and run it again."; exit 2; fi
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# uv unpacks and compiles in parallel: two minutes here, where pip alone takes four.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup  ## the main job: prune a real model to its budget on Ray, with MLflow beside it
	$(BIN)/python launch.py

test: setup style  ## lint, types, and every test
	@# Beside each other: the tests leave a third of two cores idle, and the types take a minute of one.
	@$(MAKE) --no-print-directory --jobs 2 types every-test

every-test: setup
	$(PYTEST)

test-quick: setup  ## the tests that take less than five seconds each
	$(PYTEST) -m 'not slow'

test-cluster: setup  ## hosts in network namespaces of this machine (root, openssh-server, rsync); a database that stops
	$(ON_HOSTS) tests/clusters/test_on_hosts.py
	ESPALIER_TEST_DATABASE=1 $(BIN)/python -m pytest -q -p no:xdist tests/cli/test_database_loss.py

test-cluster-faults: setup  ## such hosts: two searches at once, a slow host, a full disk, a head that loses its power
	$(ON_HOSTS) tests/clusters/test_faults.py

lint: style types  ## lint and types

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	@# In one process: mypy gives its workers half a minute to answer, which a busy machine needs, and ends without them.
	$(BIN)/mypy

check: lint  ## lint, types, the picture of the house and the names that tests replace
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_replaced_names.py

format: setup  ## rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## the pages as a site, in site/; a warning is an error
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --requirements pyproject.toml --extra docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean:  ## remove what was generated, but not .venv nor runs/
	rm -rf site .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
