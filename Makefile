# The commands for working on this repository. Run `make` without a target to list them.
#
# Each setup step creates or touches a file, by which make recognises that the step need not be repeated.

# The Python of a Linux distribution is preferred, because it is built with profile-guided optimization, which pyenv does not
# use by default: the tests take less time. It cannot create virtual environments if `ensurepip` is missing, which is in
# Debian's package python3-venv.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; print(sys.executable if sys.version_info >= (3, 11) else "python3")' 2>/dev/null || echo python3)
VENV := .venv
# The quotation marks are for the shell, because the path of this folder may contain a space.
BIN := "$(CURDIR)/$(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)"
PAGES := frontend-proxy
PACKAGE := $(PAGES)/dist/plugin/index.mjs
NODE_MODULES := $(PAGES)/node_modules/.package-lock.json

# One worker runs all tests of a file, because they may share a server. The ten slowest tests are listed at the end.
PYTEST := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --durations 10
SIDE_BY_SIDE = $(MAKE) --no-print-directory --jobs

# Some containers set PYTHONDONTWRITEBYTECODE. Each of the several hundred Python processes that the tests start would then
# compile the code of the sidecar again, which takes a third of the start-up time of a sidecar.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help dev dev-lan notebook test test-all-python test-clusters test-oldest collect-tests test-frameworks test-package test-python fuzz fuzz-mesh soak soak-cluster soak-why bench bench-cluster bench-growing bench-hub bench-inspector bench-reading bench-restarting bench-dialects check check-package check-python format record dist clean browser

help:  ## list all targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

# VIRTUAL_ENV is set because the active virtual environment may be another one, in which no sidecar is installed.
# Vite is not started with npm, because npm does not forward SIGTERM.
dev: $(VENV)/core $(PACKAGE)  ## run the demo app and its sidecar; Ctrl-C stops both
	@cd $(PAGES) && VIRTUAL_ENV="$(CURDIR)/$(VENV)" exec node node_modules/vite/bin/vite.js demo

dev-lan: $(VENV)/core $(PACKAGE)  ## run the demo app for phones on this network: over https, with the URL as a QR code
	@cd $(PAGES) && VIRTUAL_ENV="$(CURDIR)/$(VENV)" exec node node_modules/vite/bin/vite.js demo --mode lan

notebook: $(VENV)/tools  ## open the notebooks in JupyterLab
	cd notebooks && $(BIN)/python -m jupyterlab

# pip uses only one core, so the checks that need only Node.js run at the same time. The Python tests use all cores.
test:  ## run all checks and all tests
	@+$(SIDE_BY_SIDE) browser check-python check-package test-package collect-tests
	@+$(MAKE) --no-print-directory test-all-python

test-frameworks: browser $(PACKAGE)  ## run only the tests with projects of frameworks (React, Vue, Svelte, ...), which `test` includes
	$(BIN)/pytest tests/frameworks

test-python: $(VENV)/tools  ## run only the Python tests that need neither Node.js nor a browser; TESTS=... chooses some of them
	$(PYTEST) $(or $(TESTS),--ignore tests/e2e --ignore tests/frameworks)

# The second command runs the tests that all dialects share with a cluster of two sidecars. `test-clusters` runs more tests
# with clusters. Each of these tests starts servers of its own, so any worker can run it.
test-all-python: $(VENV)/tools $(PACKAGE)
	$(PYTEST)
	INSTANCES=2 $(PYTEST) --dist load -k 'not queued' tests/dialects/test_conformance.py tests/dialects/test_vectors.py

test-clusters: browser  ## run all tests of the wire protocols with a cluster of one sidecar, and with a cluster of two
	INSTANCES=1 $(PYTEST) tests/dialects
	INSTANCES=2 $(PYTEST) tests/dialects

# pip reads PIP_CONSTRAINT. The last extra, `testing`, is not included, because the tests need a newer pytest than users do.
test-oldest:  ## run the tests of `test-python` with the oldest versions of the dependencies that pyproject.toml allows
	@mkdir -p .cache
	sed -n '/^dependencies/,/^notebook/p' pyproject.toml | grep -Eo '"[a-z0-9-]+(\[[a-z]+\])?>=[0-9.]+' | \
		sed -E 's/"([a-z0-9-]+)(\[[a-z]+\])?>=/\1==/' > .cache/oldest.txt
	PIP_CONSTRAINT=.cache/oldest.txt $(MAKE) VENV=.cache/oldest test-python

# Every worker of pytest imports all tests. This target compiles the tests once, so that not every worker compiles them.
collect-tests: $(VENV)/tools
	@output=$$($(BIN)/pytest --collect-only --quiet --quiet 2>&1) || { echo "$$output"; exit 1; }

# The output is shown when the tests have ended, so that it is not mixed with the output of targets that run in parallel.
test-package: $(PACKAGE)  ## run only those tests of the npm package that need no browser
	@output=$$(cd $(PAGES) && npm test 2>&1); status=$$?; echo "$$output"; exit $$status

fuzz: $(VENV)/tools  ## try arbitrary bytes, frames and files for ten minutes; FUZZ_S=... changes the time
	FUZZ_S=$${FUZZ_S:-600} $(BIN)/pytest -n $$($(BIN)/python -c 'import os; print(os.cpu_count())') \
		--hypothesis-profile fuzz -m fuzz --ignore tests/e2e --ignore tests/frameworks

fuzz-mesh: $(PACKAGE)  ## let random events happen to the mesh of simulated pages for ten minutes; FUZZ_S=... changes the time
	cd $(PAGES) && FUZZ_S=$${FUZZ_S:-600} npm test -- any-events

soak: $(VENV)/tools  ## run 200 peers for half an hour while the sidecar is killed and reloaded; SOAK_S=... changes the time
	PYTHONPATH=sidecar $(BIN)/python -m tests.soak --seconds $${SOAK_S:-1800}

soak-cluster: $(VENV)/tools  ## run clients of three sidecars with one Redis for half an hour while the sidecars are killed; SOAK_S=... changes the time
	PYTHONPATH=sidecar $(BIN)/python -m tests.soak.cluster --seconds $${SOAK_S:-1800}

soak-why: browser $(PACKAGE)  ## test the diagnosis ten times with each fault in real browsers, and with a hundred connected pairs
	SOAK_TIMES=10 $(BIN)/pytest tests/e2e/test_why_in_browsers.py tests/e2e/test_why_of_plain_pages.py tests/e2e/test_trace_of_any_app.py

bench: $(VENV)/tools $(PACKAGE)  ## measure everything and compare it with other servers, in under five minutes
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench

bench-reading: $(VENV)/tools  ## measure the time and memory for reading a log of a million events
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.reading --events 1000000

bench-cluster: $(VENV)/tools  ## measure the costs of a cluster, and calculate clusters of several sizes; needs redis-server and 4 GB of memory
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.cluster
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.cluster_costs
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.cluster_sizes

bench-dialects: $(VENV)/tools  ## measure the CPU time for relaying an offer in each wire protocol
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.dialects

bench-growing: $(VENV)/tools  ## measure how the CPU time for an offer grows up to 5,000 connections and rooms
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.growing

bench-hub: $(VENV)/tools  ## measure the hub alone with up to a million peers in 100,000 rooms, which needs 4 GB of memory
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.hub

bench-inspector: $(VENV)/tools  ## measure the CPU time and memory of the inspector while somebody watches a busy sidecar
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.watching

bench-restarting: $(VENV)/tools  ## measure the start of a sidecar on a full event log
	PYTHONPATH=sidecar $(BIN)/python -m tests.bench.restarting

check: check-python check-package  ## check the format, lint rules and types of both languages, and the npm package

check-python: $(VENV)/tools
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

check-package: $(PACKAGE)
	cd $(PAGES) && npm run check

format: $(VENV)/tools $(NODE_MODULES)  ## format the code of both languages
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	cd $(PAGES) && npm run format

record: browser $(PACKAGE)  ## make new recordings with real browsers: the notebooks' logs, the front page's pictures and the tests' dumps
	$(BIN)/pytest tests/e2e/test_the_log_of_a_meeting.py tests/e2e/test_why_in_browsers.py \
		--record-logs notebooks/recorded --record-pictures .github/pictures
	$(BIN)/pytest tests/e2e/test_dump_of_a_browser.py --record-logs tests/recorded

dist: $(VENV)/tools $(PACKAGE)  ## build and check the wheel, the source distribution and the npm package in dist/
	rm -rf dist
	$(BIN)/python -m pip install --quiet --group release
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*.whl dist/*.tar.gz
	cd $(PAGES) && npm pack --silent --pack-destination ../dist

clean:  ## delete everything that was installed or built in this folder
	rm -rf $(VENV) $(PAGES)/node_modules $(PAGES)/dist dist
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis

# --- setup --------------------------------------------------------------------------------------------------------

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s: make PYTHON=..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# `--no-compile`: Python compiles a module when it is first imported, and most modules never are.
$(VENV)/core: $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[lan,reload]'
	@touch $@

# pip supports `--group` since version 25.1, but Python 3.11 includes version 23.2. This target also installs everything that
# `core` installs, so it touches the file `core` too.
$(VENV)/tools: $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[auth,cluster,lan,metrics,notebook,reload]' --group dev
	@touch $(VENV)/core $@

# Tests that need a browser are skipped and listed at the end if the browser cannot be installed, or fail if CI is set.
browser: $(VENV)/tools
	@$(BIN)/python tests/kit/provision.py || true

# `npm ci` is not used, because it refuses a lock file that lacks an entry for an optional package, such as a package for
# Windows that Vite needs only there. `--no-save` prevents npm from changing the lock file.
$(NODE_MODULES): $(PAGES)/package.json $(PAGES)/package-lock.json
	cd $(PAGES) && npm install --no-save --engine-strict --no-audit --no-fund --loglevel=error
	@touch $@

$(PACKAGE): $(NODE_MODULES) $(PAGES)/tsdown.config.ts $(shell find $(PAGES)/src -name '*.ts')
	cd $(PAGES) && npm run build --silent
	@touch $@
