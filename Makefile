.DEFAULT_GOAL := help
PYTEST := .venv/bin/python -m pytest

# Our modules are compiled once and kept in __pycache__, also where the environment forbids it, as containers' do: without
# that each process that starts compiles anew what it imports, and each worker of pytest all tests.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo up down test collected unit shifted check bench clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: ## install what is missing, then take a spoken order over a real SIP call
	@setup/install.sh local --sip
	@./alloresto demo

up: ## leave it running and print how to call it from a softphone
	@setup/install.sh local --sip
	@./alloresto up

down: ## stop what `make up` started; the data stays
	@if [ -x .venv/bin/python ]; then ./alloresto down; else echo "nothing runs: nothing is installed here"; fi

test: ## install what is missing, then run every check and test
	@setup/install.sh dev --sip
	@$(MAKE) --no-print-directory --jobs=2 --output-sync check collected
	@$(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder -m "not e2e and not alone and not cluster"
	@$(PYTEST) -n 2 --dist loadfile -m "e2e and not alone" tests/e2e tests/cluster
	@$(PYTEST) -m alone $$(grep -rl --include=test_*.py "mark\.alone" tests)
	@$(MAKE) --no-print-directory shifted

# On the core that mypy leaves: else each worker compiles all tests at the same time. What is wrong the run itself says.
collected:
	@$(PYTEST) --collect-only > /dev/null 2>&1 || true

unit: ## the tests that need no server and no network, in parallel
	@setup/install.sh dev
	@$(PYTEST) -n 2 --dist loadfile -m unit tests/unit

shifted: ## the tests that meet a date, on another day: CLOCK=+40d (or new-year, leap-day, …) TESTS=tests/integration
	@setup/install.sh dev
	@.venv/bin/python -m tests.shifted $(or $(CLOCK),+40d) $(TESTS)

check: ## style, types, layers, alerts
	@setup/install.sh dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@./alloresto monitoring check

bench: ## every figure of the call path, in one table
	@setup/install.sh local --sip
	@./alloresto bench call

clean: ## stop it, remove what was installed and downloaded; the data stays
	@$(MAKE) --no-print-directory down
	@setup/clean.sh
