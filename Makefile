# Everything a contributor does, each with all the set-up it needs. `make` lists it.

PYTHON ?= python3
# Tests wait for servers, programs and the disk: with two workers for each core it idled for a quarter of the time.
# With a third one there is nearly always one that can go on; who has nothing left takes of the others.
CORES := $(shell nproc 2> /dev/null || sysctl -n hw.ncpu 2> /dev/null || echo 2)
JOBS ?= $(shell expr 3 '*' $(CORES))
# Compiling the same modules again in every process costs a third of the tests.
export PYTHONDONTWRITEBYTECODE =
BIN := .venv/bin
READY := .venv/.ready
TOOL := build/tool
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --inline-snapshot=disable --durations=10 --durations-min=1
ALONE := not sandbox and not browser and not act and not prometheus
QUICK := -m '$(ALONE) and not build'
# What needs a program of others runs in the gate, and every day by itself: .venv/bin/pytest tests/status/dashboard
DAILY := $(if $(filter all,$(EXAMPLES)),,-m 'not act and not browser and not prometheus')
# The time a target took, for who waits for it; it runs what it is given and keeps its exit code.
# With two jobs the types, which mypy checks on one core, are checked beside the tests, once the style is known to be good.
TIMED = @started=$$(date +%s); $(MAKE) --no-print-directory $(1) && \
	printf 'make $@: passed in %d s\n' $$(($$(date +%s) - started))
WHEEL := $(wildcard dist/*.whl)
CODE := github_sandbox release_tool tests $(wildcard benchmarks)
TOOLS := build/go
CLIENTS := build/clients
ACTIONLINT := $(wildcard $(TOOLS)/actionlint)
WORKFLOWS := $(wildcard .github/workflows/*.yml docs/examples/*/*.yml)
ACTIONS := action.yml $(wildcard docs/examples/*/*/action.yml)

.DEFAULT_GOAL := help
.PHONY: help setup demo check test quick tests traffic pythons browser prometheus clients coverage table lint style workflows tools road types format lock schema layers build smoke chaos bench bench-full pictures demo-analysis engines engines-road engines-clean clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Make .venv with everything, locked by hash

$(READY): pyproject.toml install.sh requirements/dev.txt requirements/uv.txt
	@PYTHON="$(PYTHON)" sh install.sh .venv requirements/dev.txt --editable .
	@touch $@

# What the demonstration needs is what the tool needs: a tenth of what its development needs.
$(TOOL)/.ready: pyproject.toml install.sh requirements/tool.txt requirements/uv.txt
	@PYTHON="$(PYTHON)" sh install.sh $(TOOL) requirements/tool.txt --editable .
	@touch $@

demo: $(TOOL)/.ready ## Show the whole process on a sample project
	@$(TOOL)/bin/release-tool demo

demo-analysis: setup ## Show what only metrics know, on six servers with a real Prometheus (five minutes)
	$(BIN)/python -m tests.demo_analysis

check: setup ## Check style, imports and types, and run the tests that need no stand-in (90 seconds)
	$(call TIMED,--jobs=2 style types quick)

# EXAMPLES=all tries as many examples as the gate does, and runs what a browser, act and Prometheus are needed for;
# without it the laws and sweeps try a part of them.
test: setup ## Check everything: style, imports, types, workflows, tests with coverage (ten minutes)
	$(call TIMED,--jobs=2 lint types coverage)

quick: setup
	$(PYTEST) $(QUICK)

tests: setup
	$(PYTEST)

# Every run of the tests looks at each distinct shape once.
traffic: setup ## Hold every single request of the tests against GitHub's own description
	TRAFFIC=all $(PYTEST) -m sandbox

# What differs from one Python to the next shows in the quick tests and in those of the stand-in.
PYTHONS = $(shell for minor in 11 12 13 14; do \
	for python in python3.$$minor $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.$$minor.*/bin/python3; do \
		"$$python" -c '' 2> /dev/null && { echo "$$python"; break; }; done; done; true)

pythons: setup ## Run the tests that can differ between Pythons on each that this machine has
	@for python in $(PYTHONS); do \
		place=build/python-$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		PYTHON="$$python" sh install.sh "$$place" requirements/dev.txt --editable . && \
		"$$place/bin/python" -m pytest -n $(JOBS) -q -p no:cacheprovider --inline-snapshot=disable -m '$(ALONE)' && \
		"$$place/bin/python" -m pytest -n $(JOBS) -q -p no:cacheprovider --inline-snapshot=disable tests/github_sandbox || exit 1; \
	done

# On Debian, as root; elsewhere any Chromium or Chrome on the PATH will do.
browser: ## Install Chromium, in which the tests look at the dashboard
	@command -v chromium chromium-browser google-chrome > /dev/null || \
		DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends chromium > /dev/null || \
		{ apt-get update --quiet > /dev/null && apt-get install --yes --quiet --no-install-recommends chromium > /dev/null; }

# On Debian, as root; elsewhere any Prometheus on the PATH will do. No service of it is started.
prometheus: ## Install Prometheus, which the tests of checks ask
	@command -v prometheus > /dev/null || \
		DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends prometheus > /dev/null || \
		{ apt-get update --quiet > /dev/null && apt-get install --yes --quiet --no-install-recommends prometheus > /dev/null; }

# The packages are locked with their digests; a description is data, and has to be what the one in the tests was cut of.
clients: $(CLIENTS)/.ready ## Install other people's clients of GitHub, which try the stand-in (needs Node 20)

$(CLIENTS)/.ready: $(addprefix tests/github_sandbox/clients/package,.json -lock.json)
	mkdir -p $(CLIENTS)
	cp $^ $(CLIENTS)
	cd $(CLIENTS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd $(CLIENTS) && npm pack --silent @octokit/openapi@23.0.2 > /dev/null && \
		tar -xzf octokit-openapi-*.tgz --strip-components=2 package/generated/api.github.com.json && \
		rm octokit-openapi-*.tgz
	@touch $@

coverage: setup ## Run the tests, with coverage on the terminal and in build/coverage.xml
	$(PYTEST) $(DAILY) --cov --cov-report=term --cov-report=xml:build/coverage.xml

# The floor is held where the tests run; a table shows what is below it, too.
table: setup ## Print the coverage of the last tests as a Markdown table
	@$(BIN)/coverage report --format=markdown --fail-under=0

lint: style workflows ## Check style, who imports whom, and the workflows

style: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

workflows: setup
	$(BIN)/zizmor --quiet --offline --pedantic --no-progress action.yml .github docs/examples
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(ACTIONS)
	$(if $(ACTIONLINT),$(ACTIONLINT) $(NOT_YET_KNOWN) -shellcheck=$(BIN)/shellcheck -pyflakes=,@echo 'actionlint was not asked: make tools installs it')

# What GitHub has and actionlint does not know yet.
NOT_YET_KNOWN = -ignore 'unexpected key "queue" for "concurrency" section'

# The versions that were tried; go checks them against its own record of what they are.
tools: ## Install nektos/act and actionlint, which run and check the workflows (needs Go 1.25)
	GOBIN=$(CURDIR)/$(TOOLS) go install github.com/nektos/act@v0.2.89
	GOBIN=$(CURDIR)/$(TOOLS) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

road: setup tools ## Run the workflows for real, on the sandbox, under nektos/act
	ACT_REQUIRED=1 $(BIN)/python -m pytest -n $(JOBS) tests/act

types: setup ## Check the types
	$(BIN)/mypy $(CODE)

format: setup ## Bring the code into its usual form
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

build: setup ## Build the wheel and the sdist into dist, the same bytes for the same commit
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation

smoke: ## Install the wheel from dist into an environment of its own and start it
	@rm -rf build/smoke
	@PYTHON="$(PYTHON)" sh install.sh build/smoke requirements/tool.txt $(WHEEL)
	build/smoke/bin/release-tool --version
	build/smoke/bin/release-tool --help

# It goes on where it was ended; a tool with a rule broken on purpose has to be found out.
chaos: setup ## Let every request of every command go wrong in every way, and try 100,000 random inputs (an hour)
	$(BIN)/python -m tests.chaos.matrix
	$(BIN)/python -m tests.chaos.matrix --broken --journeys deploy --only reset
	$(BIN)/python -m tests.chaos.fuzz

# A part of them: make engines CASES="-k compose"
engines: setup ## Run the recipes on a real Docker and a real Kubernetes (root on Debian, Go 1.25)
	$(BIN)/python -m tests.engines $(CASES)

engines-road: setup tools ## Go from init to a bad version that is rolled back, on a real Kubernetes under nektos/act
	ACT_REQUIRED=1 $(BIN)/python -m tests.engines -k test_road

engines-clean: setup ## Remove what make engines made, also after it was killed
	$(BIN)/python -m tests.engines --clean

# Real clones to measure on, too: make bench CLONES='../moby=docker-v ../ruff'
bench: setup ## Print what the commands cost, as ratios, beside the peers (15 minutes)
	$(BIN)/python benchmarks/run.py $(CLONES)

bench-full: setup ## Measure everything, and write docs/performance.md with its picture
	$(BIN)/python -m benchmarks.performance $(CLONES)

# Hashes for every platform and every Python from 3.11 on. Newer versions: make lock UV_FLAGS=--upgrade
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --custom-compile-command 'make lock' $(UV_FLAGS)

SCHEMA = $(BIN)/python -c 'import json; from release_tool.$(1) import json_schema; print(json.dumps(json_schema(), indent=2))' \
		> release_tool/$(2).schema.json.new && mv release_tool/$(2).schema.json.new release_tool/$(2).schema.json

schema: setup ## Write the JSON Schemas and the reference of the configuration anew, from their types
	$(call SCHEMA,config.schema,config)
	$(call SCHEMA,status.model,status)
	$(BIN)/python -m tests.reference

layers: setup ## Draw the picture of the layers in docs/architecture.md anew
	$(BIN)/python -m tests.house

pictures: setup ## Make the pictures of the README anew (needs a Chromium)
	$(BIN)/python -m tests.pictures

lock: setup ## Write the lock files anew, for what pyproject.toml asks
	$(COMPILE) --group dev --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --group build --constraints requirements/dev.txt --output-file requirements/tool.txt pyproject.toml
	$(COMPILE) --constraints requirements/dev.txt --output-file requirements/job.txt pyproject.toml
	$(COMPILE) --no-deps --group uv --constraints requirements/dev.txt --output-file requirements/uv.txt

clean: ## Remove all that was made
	rm -rf .venv build dist htmlcov .coverage .coverage.* .hypothesis .*_cache release_tool/_version.py
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
