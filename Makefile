# The two commands of the README, and what they are made of. Each does its own set-up on a fresh machine.
# OMP_NUM_THREADS: the tests run side by side; each with as many threads as the machine has would wait for the others.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := out
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup

.PHONY: report test test-core check bench-truth bench-scale bench-site bench-next bench-train bench-page gpu-check sample picture plotly-bundle browser npm clean help

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

report: $(VENV)/.core  ## write the page of the bundled sample to out/4yfw48ad.html
	@mkdir -p $(OUT)
	$(BIN)/aftersweep report 4yfw48ad --source sample -o $(OUT)/4yfw48ad.html

test: $(VENV)/.train browser npm check  ## everything: style, types, architecture, all tests with coverage
	$(PYTEST) --cov --cov-report=term:skip-covered

test-core: $(VENV)/.dev check  ## the tests that need no browser, no npm and no torch
	$(PYTEST) -m "not browser and not npm" --ignore tests/training

check: $(VENV)/.dev  ## style, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-truth: $(VENV)/.dev  ## how often is the report right? simulated sweeps, 40 minutes; WRITE=1 puts the table into the README
	$(BIN)/python -m tests.truth.bench $(if $(WRITE),--write)

bench-next: $(VENV)/.dev  ## is the next sweep better than what people do? real tables, 50 minutes; WRITE=1 puts the table into the README
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m tests.next.bench $(if $(WRITE),--write)

sample: $(VENV)/.dev  ## make the bundled sample and its provenance page again, from the published figures
	$(BIN)/python tools/make_sample.py

picture: $(VENV)/.dev browser report  ## make the picture of the page that the README shows
	$(BIN)/python tools/make_picture.py $(OUT)/4yfw48ad.html docs/report.png

bench-train: $(VENV)/.train  ## how fast the trainer is, beside timm alone and beside PNG files
	$(BIN)/python tools/bench_train.py

gpu-check: $(VENV)/.train  ## what can only be checked where a GPU is
	$(BIN)/python tools/gpu_check.py

bench-page: $(VENV)/.dev browser  ## how large the page is and how fast it opens, beside plotly's own pages
	$(BIN)/python tools/bench_page.py

bench-scale: $(VENV)/.core  ## time and memory of the analysis by the size of the sweep, to 10,000 runs x 30 parameters
	$(BIN)/python tools/bench_scale.py

bench-site: $(VENV)/.dev  ## time of a site of 200 sweeps, beside as many single reports
	$(BIN)/python tools/bench_site.py

# A system browser: playwright's own download is not needed, and not everywhere to be had.
browser:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	else echo "make test needs Chromium: run 'sudo apt-get install chromium', then make test again (or make test-core without it)" >&2; exit 2; fi

# node with npm: the tests make the page's plotting library again and compare.
npm:
	@if command -v npm >/dev/null && command -v node >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; \
	else echo "make test needs npm: run 'sudo apt-get install npm', then make test again (or make test-core without it)" >&2; exit 2; fi

plotly-bundle: npm  ## make the page's plotting library again: reports/static/plotly.min.js
	cd tools/plotly_bundle && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && node build.mjs ../../reports/static

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "aftersweep needs Python 3.11 or later; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.core: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/.train: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[dev,train,ray]'
	@touch $@

clean:  ## remove what make made
	rm -rf $(VENV) $(OUT) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
