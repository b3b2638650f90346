# Each target installs what it needs when that is missing (Debian packages, a Python environment in .venv) and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON := .venv/bin/python
export PYTHONDONTWRITEBYTECODE := 1
# What `asya up` needs; the demo builds no more than these.
LOCAL_PROGRAMS := asya-sidecar asya
STATIC_PROGRAMS := $(LOCAL_PROGRAMS) asya-operator
STATIC_OPTIONS := -Xswiftc -static-executable --scratch-path .build-static
SHARED_PROGRAMS := asya-gateway
SHARED_OPTIONS := --static-swift-stdlib --scratch-path .build-shared
SUITES := swift python examples deploy conformance cli gateway mcp operator install fuzz

# $(call build_programs,PROGRAMS,OPTIONS): release builds, stripped, into bin.
define build_programs
mkdir -p bin
for program in $(1); do
	echo "== building bin/$$program (release)"
	swift build -c release --product "$$program" $(2)
	built="$$(swift build -c release $(2) --show-bin-path)/$$program"
	# Copied under another name and renamed, so that a running binary is never written to.
	strip -o "bin/$$program.new" "$$built"
	mv -f "bin/$$program.new" "bin/$$program"
	echo "== bin/$$program: $$(stat -c %s "bin/$$program") bytes"
done
endef

# In a clone of their own or not, untracked files are checked too: a mistake should show before it is committed.
LIST_FILES := git ls-files --cached --others --exclude-standard --deduplicate

.PHONY: help demo test build build-local build-static build-shared build-go test-unit test-component test-integration \
	test-e2e e2e-context cov lint format manifests build-images perf clean setup setup-dev install-dev packages build-packages

help: ## show this list
	@echo "Asya: actors on message queues. Targets:"
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do
		printf '  %-18s %s\n' "$$name" "$$text"
	done

# The queues of the demo: embedded (a file) or rabbitmq (a private broker).
TRANSPORT := embedded

demo: build-local ## run the example pipeline, kill an actor, prove that nothing is lost (TRANSPORT=rabbitmq: on a broker)
	@if [ "$(TRANSPORT)" = embedded ]; then
		exec python3 examples/text-pipeline/demo.py
	fi
	$(MAKE) --no-print-directory packages .venv/installed
	exec $(PYTHON) examples/text-pipeline/demo.py --transport $(TRANSPORT)

build: build-static build-shared ## build the release binaries in bin

build-go:
	@echo "There is no Go any more: this is now 'make build'."
	$(MAKE) --no-print-directory build

build-local: build-packages ## asya and asya-sidecar only
	@$(call build_programs,$(LOCAL_PROGRAMS),$(STATIC_OPTIONS))

build-static: build-packages ## the fully static ones: asya, asya-sidecar, asya-sidecar-sqs, asya-operator
	@$(call build_programs,$(STATIC_PROGRAMS),$(STATIC_OPTIONS))
	# With a libcurl of our own: Debian's archive needs libraries that exist only as shared ones.
	export ASYA_LIBCURL="$$(tools/build-curl.sh)/libcurl.a"
	$(call build_programs,asya-sidecar-sqs,$(STATIC_OPTIONS))

build-shared: build-packages ## the one with shared libraries beside Swift's own: asya-gateway (libpq)
	@$(call build_programs,$(SHARED_PROGRAMS),$(SHARED_OPTIONS))

test: packages build .venv/installed ## all tests: unit, integration against real servers, a short fuzz run
	@$(PYTHON) tools/run_suites.py $(SUITES)

test-unit: packages .venv/installed ## Swift and Python unit tests; no network
	@$(PYTHON) tools/run_suites.py swift python examples

test-component: packages build .venv/installed ## each built program alone against real servers
	@$(PYTHON) tools/run_suites.py conformance gateway mcp operator

test-integration: packages build .venv/installed ## the built programs together, with real servers and the Python runtime
	@$(PYTHON) tools/run_suites.py conformance cli gateway mcp operator install

test-e2e: e2e-context packages build .venv/installed ## the install guide on the cluster of ASYA_E2E_CONTEXT
	@$(PYTHON) -m pytest -v Tests/EndToEnd

# The cluster is named, never guessed: the current context may be somebody's production.
e2e-context:
	@if [ -z "$${ASYA_E2E_CONTEXT:-}" ]; then
		printf '%s\n' >&2 \
			"test-e2e: no cluster is configured. Name one without Asya in it: what is installed is removed again, CRD included." \
			"  ASYA_E2E_CONTEXT=kind-asya make test-e2e    a context of 'kubectl config get-contexts', with KEDA installed" \
			"  ASYA_E2E_REGISTRY=registry.example/asya/    where it pulls the images from (deploy/build-images.sh); default: none" \
			"  ASYA_E2E_TAG=0.2.0                          their tag; default: latest" \
			"  ASYA_E2E_CONTEXT=local make test-e2e        no cluster: a private API server, with pods as processes"
		exit 2
	fi

cov: packages .venv/installed ## line coverage of the Swift unit tests, by file
	@PYTHONPATH=tools $(PYTHON) -m localservers.postgres -- $(PYTHON) -m localservers.rabbitmq --tls -- \
		swift test --disable-xctest --enable-code-coverage --scratch-path .build-cov
	folder="$$(swift build --scratch-path .build-cov --show-bin-path)"
	"$$(dirname "$$(command -v swift)")/llvm-cov" report "$$folder"/*.xctest \
		-instr-profile "$$folder/codecov/default.profdata" -ignore-filename-regex '(\.build-cov|Tests)/'

manifests: .venv/installed ## write what is derived: the charts' copy of the CRD, their schemas, the dashboards
	@cp deploy/crd/asya.sh_asyncactors.yaml deploy/helm-charts/asya-operator/files/
	$(PYTHON) tools/chart_schemas.py
	$(PYTHON) tools/dashboards.py

build-images: ## build the container images (TAG, REGISTRY, PLATFORM; see deploy/build-images.sh --help)
	@deploy/build-images.sh

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

perf: packages build .venv/installed ## load scenarios with budgets; results in perf/results
	@PATH="$(CURDIR)/.venv/bin:$$PATH" perf/run.sh

clean: ## remove everything that was built, .venv included
	@rm -rf .build .build-* bin .venv
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

setup: packages .venv/installed ## install what tests and builds need

setup-dev install-dev: setup

packages:
	@tools/install-debian-packages.sh

build-packages:
	@tools/install-debian-packages.sh --build

# Made again whenever the requirements change.
.venv/installed: requirements-dev.txt tools/make-python-environment.sh
	@tools/make-python-environment.sh .venv requirements-dev.txt
