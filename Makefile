# Each target does all of its own set-up on a fresh Debian or Ubuntu machine with Python 3.11 or newer.
.PHONY: demo test check fix bench setup
.DEFAULT_GOAL := demo

bin := .venv/bin
code := core policies tools agents workflows workers gateway serving cli evals benchmarks tests deploy

# A working casemate on sample tickets; ARGS=--exit stops it when the board is printed.
demo:
	@deploy/setup.sh run
	@$(bin)/casemate demo $(ARGS)

setup:
	@deploy/setup.sh run

# Bytecode is kept whatever is set: tests start many processes, and each would compile everything again.
test:
	@deploy/setup.sh test
	@PYTHONDONTWRITEBYTECODE= $(bin)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Changes nothing; runs every check and reports every failure.
check:
	@deploy/setup.sh dev
	@failed=; \
	$(bin)/ruff check $(code) || failed="$$failed ruff-check"; \
	$(bin)/ruff format --check $(code) || failed="$$failed ruff-format"; \
	$(bin)/mypy || failed="$$failed mypy"; \
	$(bin)/lint-imports || failed="$$failed lint-imports"; \
	if [ -n "$$failed" ]; then echo "check: failed:$$failed" >&2; exit 1; fi

fix:
	@deploy/setup.sh dev
	@$(bin)/ruff check --fix $(code); $(bin)/ruff format $(code)

# Every benchmark prints one JSON document.
bench:
	@deploy/setup.sh test
	@for file in benchmarks/[!_]*.py; do \
	  echo "== $$file" >&2; $(bin)/python -m benchmarks.$$(basename $$file .py) || exit 1; \
	done
