# Everything starts here: `make help` lists it. Needs Python 3.11 or later, git and make.
# All paths are relative, so that a clone below a folder with spaces works.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
RUN := PYTHONPATH=src $(PY) -m paywright
PYTEST_WORKERS ?= auto

.PHONY: help run demo test check lint types contracts test-server faults bench bench-ledger bench-ledger-growth bench-confirm bench-screening bench-gateway bench-vendor schema screenshots requirements clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

run: $(VENV)/.runtime ## Set up and start everything, show the main job, stay until Ctrl-C
	@exec env PYTHONPATH=src $(PY) -m paywright up

demo: $(VENV)/.runtime ## The same, but stop at the end; exit status 0 or 1
	@exec env PYTHONPATH=src $(PY) -m paywright demo

test: $(VENV)/.dev ## Run all tests, in parallel, on an embedded PostgreSQL of their own
	@$(PY) -m pytest -n $(PYTEST_WORKERS)

check: $(VENV)/.dev ## Lint, types, import contracts and all tests: what CI runs
	@$(MAKE) --no-print-directory lint types contracts test

lint: $(VENV)/.dev ## Style and common mistakes
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: $(VENV)/.dev ## Static types
	@$(VENV)/bin/ty check --quiet src bench

contracts: $(VENV)/.dev ## Who may import whom
	@PYTHONPATH=src $(VENV)/bin/lint-imports

test-server: $(VENV)/.dev ## A smoke run of the tests on the PostgreSQL of DATABASE_URL
	@test -n "$(DATABASE_URL)" || { echo "set DATABASE_URL to a server on which databases may be made"; exit 1; }
	@PAYWRIGHT_TEST_SERVER="$(DATABASE_URL)" $(PY) -m pytest -n $(PYTEST_WORKERS) tests/issues tests/jobs tests/api tests/rulesets tests/ledger tests/payments

faults: $(VENV)/.dev ## Break things by a seed, and compare all books: SEED=7, or SEED=1-20 PAYMENTS=60
	@PYTHONPATH=src:. $(PY) -m tests.faults.providers_run --seed "$(or $(SEED),1)" --seeds $(or $(SEEDS),1) \
	  --payments $(or $(PAYMENTS),60) --parallel $(or $(PARALLEL),2)

bench: $(VENV)/.dev ## Measure issues per second against a naive variant, and print how
	@PYTHONPATH=src:. $(PY) -m bench.issues

bench-ledger: $(VENV)/.dev ## Measure transfers per second against a naive variant, and print how
	@PYTHONPATH=src:. $(PY) -m bench.ledger

# Takes long, and 32 GB of disk: the cost of a transfer on ledgers of 0, 1 and 10 million transfers.
bench-ledger-growth: $(VENV)/.dev
	@PYTHONPATH=src:. $(PY) -m bench.ledger --only flat --rows 1000000 --rows 10000000

bench-confirm: $(VENV)/.dev ## Measure what it costs to weigh a transfer before it is made
	@PYTHONPATH=src:. $(PY) -m bench.confirm

bench-screening: $(VENV)/.dev ## Measure how fast names are screened against a naive variant, and how well
	@PYTHONPATH=src:. $(PY) -m bench.screening

bench-gateway: $(VENV)/.dev ## Measure what calls to providers cost, and how many a worker keeps under way
	@PYTHONPATH=src:. $(PY) -m bench.gateway

bench-vendor: $(VENV)/.dev ## Measure how fast vendor payments are entered, and found among a million
	@PYTHONPATH=src:. $(PY) -m bench.vendor

schema: $(VENV)/.dev ## Write src/paywright/db/schema.sql from the migrations
	@PYTHONPATH=src $(PY) -m tests.schema_dump

screenshots: ## Make the pictures in docs/ of a running Paywright (needs chromium)
	@sh scripts/screenshots.sh http://127.0.0.1:$${PORT:-3000}

requirements: $(VENV)/.dev ## Pin all dependencies anew, by hash
	@for set in "runtime" "dev --group dev"; do set -- $$set; name=$$1; shift; \
	  $(PY) -m uv pip compile -q pyproject.toml "$$@" --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -o requirements/$$name.txt; done

clean: ## Remove the virtual environment and caches; the data stays
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# --- setting up -----------------------------------------------------------------------------

$(VENV)/.bootstrap: requirements/bootstrap.txt scripts/make-venv.sh
	@sh scripts/make-venv.sh $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.bootstrap requirements/runtime.txt
	@if [ -e $(VENV)/.dev ]; then :; else \
	  echo "Installing what Paywright needs (once) …"; \
	  $(PY) -m uv pip sync --quiet --require-hashes requirements/runtime.txt requirements/bootstrap.txt; fi
	@touch $@

$(VENV)/.dev: $(VENV)/.bootstrap requirements/dev.txt pyproject.toml
	@echo "Installing what the tests need (once) …"
	@$(PY) -m uv pip sync --quiet --require-hashes requirements/dev.txt requirements/bootstrap.txt
	@touch $@ $(VENV)/.runtime
