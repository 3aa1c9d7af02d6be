# Every target is one line; the work is in scripts/ and in flask commands.
SHELL := /bin/sh
export PYTHON
.PHONY: help run test check format bench screenshots clean

help: ## list every target
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: ## set up what is missing, start the site and its worker on http://127.0.0.1:8000, stop both on Ctrl-C
	@exec scripts/with_python.sh serve.py

test: ## install what the tests need, then run the checks, the unit tests and the browser stories
	@exec scripts/with_python.sh test.py

check: ## format, lint, types on pure modules, conventions, one migration head, models equal migrations, docs fresh
	@exec scripts/with_python.sh check.py

format: ## format the code and repair what the linter can repair
	@exec scripts/with_python.sh check.py format

bench: ## run every scripts/bench_*.py and write the tables of docs/performance.md anew
	@exec scripts/with_python.sh bench.py

screenshots: ## make the pictures in docs/screenshots/ again, from the running site
	@exec .venv/bin/python scripts/screenshots.py

clean: ## remove what set-up and tests have made; the database in instance/ stays
	@rm -rf .venv node_modules static/vendor indexes test-results .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
