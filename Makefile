.DEFAULT_GOAL := help
ALLORESTO := .venv/bin/alloresto

.PHONY: help demo up down test shifted check bench

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: ## install what is missing, then take a spoken order over a real SIP call
	@setup/install.sh local
	@$(ALLORESTO) demo

up: ## leave it running and print how to call it from a softphone
	@setup/install.sh local
	@$(ALLORESTO) up

down: ## stop what `make up` started; the data stays
	@$(ALLORESTO) down

test: ## install what is missing, then run every check and test
	@setup/install.sh dev
	@$(MAKE) --no-print-directory check
	@.venv/bin/python -m pytest -n 2 --dist loadfile -m "not e2e and not cluster"
	@.venv/bin/python -m pytest -m e2e
	@$(MAKE) --no-print-directory shifted

shifted: ## the tests that meet a date, on another day: CLOCK=+40d (or new-year, leap-day, …) TESTS=tests/integration
	@.venv/bin/python -m tests.shifted $(or $(CLOCK),+40d) $(TESTS)

check: ## style, types, layers
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: ## every figure of the call path, in one table
	@.venv/bin/alloresto bench call
