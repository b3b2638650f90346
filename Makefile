# Each target installs what it needs when that is missing (Debian packages, a Python environment in .venv) and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON := .venv/bin/python
export PYTHONDONTWRITEBYTECODE := 1
SIDECAR := bin/asya-sidecar
STATIC_SCRATCH := .build-static
# In a clone of their own or not, untracked files are checked too: a mistake should show before it is committed.
LIST_FILES := git ls-files --cached --others --exclude-standard --deduplicate

.PHONY: help demo test build test-unit test-integration lint format perf clean packages

help: ## show this list
	@echo "Asya: actors on message queues. Targets:"
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do
		printf '  %-18s %s\n' "$$name" "$$text"
	done

demo: build .venv/installed ## run the example pipeline on a private RabbitMQ, kill an actor, prove that nothing is lost
	@$(PYTHON) examples/text-pipeline/demo.py

build: packages ## build the static release binary bin/asya-sidecar
	@echo "== building $(SIDECAR) (release, static)"
	swift build -c release --product asya-sidecar -Xswiftc -static-executable --scratch-path $(STATIC_SCRATCH)
	built="$$(swift build -c release --scratch-path $(STATIC_SCRATCH) --show-bin-path)/asya-sidecar"
	mkdir -p bin
	# Copied under another name and renamed, so that a running binary is never written to.
	strip -o $(SIDECAR).new "$$built"
	mv -f $(SIDECAR).new $(SIDECAR)
	echo "== $(SIDECAR): $$(stat -c %s $(SIDECAR)) bytes"

test: build .venv/installed ## all tests: unit, integration against a real RabbitMQ, a short fuzz run
	@$(PYTHON) tools/run_suites.py swift python examples conformance fuzz

test-unit: packages .venv/installed ## Swift and Python unit tests; no network
	@$(PYTHON) tools/run_suites.py swift python examples

test-integration: build .venv/installed ## the built sidecar against RabbitMQ and the Python runtime
	@$(PYTHON) tools/run_suites.py conformance

lint: .venv/installed ## swift format (strict), pyflakes, shell syntax
	@echo "== swift format lint"
	$(LIST_FILES) -z -- Package.swift 'Sources/*.swift' 'Tests/*.swift' 'perf/*.swift' \
		| xargs -0 -r swift format lint --strict --parallel
	echo "== pyflakes"
	$(LIST_FILES) -z -- '*.py' | xargs -0 -r $(PYTHON) -m pyflakes
	echo "== bash -n"
	$(LIST_FILES) -z -- '*.sh' .ci/run | xargs -0 -r -n 1 bash -n

format: packages ## rewrite the Swift sources in the repository's format
	@$(LIST_FILES) -z -- Package.swift 'Sources/*.swift' 'Tests/*.swift' 'perf/*.swift' \
		| xargs -0 -r swift format format --in-place --parallel

perf: build .venv/installed ## load scenarios with budgets; results in perf/results
	@PATH="$(CURDIR)/.venv/bin:$$PATH" perf/run.sh

clean: ## remove everything that was built, .venv included
	@rm -rf .build .build-* bin .venv
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

packages:
	@tools/install-debian-packages.sh

# Made again whenever the requirements change.
.venv/installed: requirements-dev.txt tools/make-python-environment.sh
	@tools/make-python-environment.sh .venv requirements-dev.txt
