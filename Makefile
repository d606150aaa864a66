# Everything that is run here. `make` alone lists it.
#
# Each step of the setup leaves a file whose time make compares, so that nothing is done twice.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PAGES := frontend-proxy
PACKAGE := $(PAGES)/dist/plugin/index.mjs
NODE_MODULES := $(PAGES)/node_modules/.package-lock.json

# The tests of one file stay together, because they may share a server. The slowest ones are listed at the end.
PYTEST := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --durations 10
SIDE_BY_SIDE = $(MAKE) --no-print-directory --jobs

.DEFAULT_GOAL := help
.PHONY: help dev dev-lan notebook test test-all-python test-frameworks test-package test-python soak soak-why bench-reading check check-package check-python format record dist clean browser

help:  ## list what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

# With this very environment, not another one that happens to be active: that may have no sidecar.
# Without npm between make and Vite, because npm does not hand on SIGTERM.
dev: $(VENV)/core $(PACKAGE)  ## the demo app with its sidecar; Ctrl-C ends both
	@cd $(PAGES) && VIRTUAL_ENV="$(CURDIR)/$(VENV)" exec node node_modules/vite/bin/vite.js demo

dev-lan: $(VENV)/core $(PACKAGE)  ## the same for phones on this network: https, and the URL as a QR code
	@cd $(PAGES) && VIRTUAL_ENV="$(CURDIR)/$(VENV)" exec node node_modules/vite/bin/vite.js demo --mode lan

notebook: $(VENV)/tools  ## the notebooks, in JupyterLab
	cd notebooks && $(BIN)/python -m jupyterlab

# Each line does side by side what can be done so: most of the tests wait for other programs most of the time.
test:  ## all checks and all tests
	@$(SIDE_BY_SIDE) browser $(PACKAGE)
	@$(SIDE_BY_SIDE) check-python check-package
	@$(SIDE_BY_SIDE) --keep-going test-package test-all-python

test-frameworks: browser $(PACKAGE)  ## only the projects of frameworks (React, Vue, Svelte, ...), which `test` runs too
	$(BIN)/pytest tests/frameworks

test-python: $(VENV)/tools  ## only the Python tests that need neither Node.js nor a browser
	$(PYTEST) --ignore tests/e2e --ignore tests/frameworks

test-all-python: browser $(PACKAGE)
	$(PYTEST)

# What it prints is shown when it has ended, so that it does not come between the lines of pytest.
test-package: $(PACKAGE)  ## only the tests of the npm package, without a browser
	@output=$$(cd $(PAGES) && npm test 2>&1); status=$$?; echo "$$output"; exit $$status

soak: $(VENV)/tools  ## ten minutes of faults under load, of each kind
	SOAK_S=600 $(BIN)/pytest tests/server/test_faults.py

soak-why: browser $(PACKAGE)  ## each fault in ten real browsers, and a hundred healthy pairs: are they named?
	SOAK_TIMES=10 $(BIN)/pytest tests/e2e/test_why_in_browsers.py tests/e2e/test_why_of_plain_pages.py tests/e2e/test_trace_of_any_app.py

bench-reading: $(VENV)/tools  ## how fast and in how much memory a log of a million events is read
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.reading --events 1000000

check: check-python check-package  ## format, lint and types of both languages, and the npm package

check-python: $(VENV)/tools
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

check-package: $(PACKAGE)
	cd $(PAGES) && npm run check

format: $(VENV)/tools $(NODE_MODULES)  ## write both languages in their format
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	cd $(PAGES) && npm run format

record: browser $(PACKAGE)  ## record the notebooks' logs, the front page's pictures and the tests' dumps again, from real browsers
	$(BIN)/pytest tests/e2e/test_the_log_of_a_meeting.py tests/e2e/test_why_in_browsers.py \
		--record-logs notebooks/recorded --record-pictures .github/pictures
	$(BIN)/pytest tests/e2e/test_dump_of_a_browser.py --record-logs tests/recorded

dist: $(VENV)/tools $(PACKAGE)  ## the wheel, the source distribution and the npm package, in dist/, checked
	rm -rf dist
	$(BIN)/python -m pip install --quiet --group release
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*.whl dist/*.tar.gz
	cd $(PAGES) && npm pack --silent --pack-destination ../dist

clean:  ## remove what was installed and built here
	rm -rf $(VENV) $(PAGES)/node_modules $(PAGES)/dist dist
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis

# --- setup --------------------------------------------------------------------------------------------------------

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s: make PYTHON=..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/core: $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[lan,reload]'
	@touch $@

# pip knows `--group` since 25.1, and Python 3.11 brings 23.2.
$(VENV)/tools: $(VENV)/core
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[lan,notebook,reload]' --group dev
	@touch $@

# Without one, the tests that need it are skipped and named at the end, which fails the run when CI is set.
browser: $(VENV)/tools
	@$(BIN)/python tests/kit/provision_browser.py || true

# Not `npm ci`: it refuses a lock file that has no entry for an optional package which npm could not find when it wrote
# the lock file, such as one of Vite's for Windows. Without `--no-save` this one could write the lock file anew.
$(NODE_MODULES): $(PAGES)/package.json $(PAGES)/package-lock.json
	cd $(PAGES) && npm install --no-save --engine-strict --no-audit --no-fund --loglevel=error
	@touch $@

$(PACKAGE): $(NODE_MODULES) $(PAGES)/tsdown.config.ts $(shell find $(PAGES)/src -name '*.ts')
	cd $(PAGES) && npm run build --silent
	@touch $@
