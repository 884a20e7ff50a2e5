# `make run` starts the application, `make test` proves it. Both install what they need into .venv first.

SHELL := bash
.PHONY: run test coverage check screenshots bench clean help

PORT ?= 8501
PYTHON ?= python3.11 python3.12 python3.13 python3

VENV := .venv
BENCH := .bench
PY := $(VENV)/bin/python
# In two processes, file by file, as the tests of a file share what they start or export; in alphabetical order,
# which has the long ones early.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
PIP_INSTALL := $(PY) -m pip install --quiet --no-input --disable-pip-version-check

run: $(VENV)/serve.done  ## start the application on 127.0.0.1 (PORT=8501)
	@exec $(PY) -m streamlit run streamlit_app.py --server.port $(PORT)

# pytest comes last, so that its summary closes the output.
test: $(VENV)/dev.done check  ## run every check: style, types, and the tests
	@.ci/chromium
	$(PY) -m pytest $(PARALLEL) -rfEs

coverage: $(VENV)/dev.done  ## run the tests, slower, and show which lines of rag/ they never reach
	@.ci/chromium
	$(PY) -m pytest $(PARALLEL) -rfEs --cov --cov-report=term:skip-covered

check: $(VENV)/dev.done  ## check only style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

screenshots: $(VENV)/dev.done  ## take a picture of every page into docs/screenshots/, to be looked at
	@.ci/chromium
	$(PY) -m docs.screenshots

bench: $(BENCH)/bench.done  ## measure speed and memory, against FlashRank; writes benchmarks/RESULTS.md
	@.ci/chromium
	$(BENCH)/bin/python -m benchmarks.run

clean:  ## remove .venv, .bench and all caches; your documents, in .rag, stay
	rm -rf $(VENV) $(BENCH) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list these targets
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

# A stamp is written only after its installation succeeded. An environment that is broken, too old, or whose
# installation was cut off is not mended: it is made anew, because pip believes half-copied packages whole.
IS_USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ifneq ($(shell [ ! -e $(VENV)/unfinished ] && $(PY) -c 'import pip; $(IS_USABLE)' 2>/dev/null && echo usable),usable)
.PHONY: $(VENV)/pyvenv.cfg
endif

$(VENV)/pyvenv.cfg:
	@for python in $(PYTHON); do \
	    "$$python" -c '$(IS_USABLE)' 2>/dev/null || continue; \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    exec "$$python" -m venv --clear $(VENV); \
	done; \
	{ echo "RerankLens needs Python 3.11 or newer with its venv module. Found:"; \
	for python in $(PYTHON); do \
	    echo "  $$python: $$("$$python" --version 2>/dev/null || echo nothing that runs)"; \
	done; \
	echo "Install one (on Debian: apt-get install python3 python3-venv), or name yours:"; \
	echo "  make $(MAKECMDGOALS) PYTHON=/path/to/python3"; } >&2; exit 1

$(VENV)/serve.done: requirements-serve.txt $(VENV)/pyvenv.cfg
	@echo "Installing what the application needs: half a minute or more"
	@touch $(VENV)/unfinished
	$(PIP_INSTALL) -r requirements-serve.txt
	@rm $(VENV)/unfinished
	@touch $@

$(VENV)/dev.done: requirements-dev.txt requirements.txt $(VENV)/serve.done
	@echo "Installing what the tests need besides, PyTorch among it: one minute or more"
	@touch $(VENV)/unfinished
	$(PIP_INSTALL) -r requirements-dev.txt
	@rm $(VENV)/unfinished
	@touch $@

# FlashRank stays out of .venv: the application and its tests never see it.
$(BENCH)/bench.done: requirements-bench.txt requirements.txt requirements-serve.txt $(VENV)/pyvenv.cfg
	@echo "Installing the application once more, with what it is measured against, into $(BENCH)"
	$(PY) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --no-input --disable-pip-version-check -r requirements-bench.txt
	@touch $@
