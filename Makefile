# Two commands for a newcomer: `make demo` and `make test`. Both rest on `make setup`.

VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
READY  := $(VENV)/.ready

# Where a machine forbids it, every process that a test starts would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo run test apart quick lint soak fuzz bench lock clean

setup: $(READY)

$(READY): requirements.lock requirements-build.lock pyproject.toml
	@sh .ci/packages python3-venv python3-dev openssl gcc libmilter-dev
	$(PYTHON) -m venv $(VENV)
	@sh .ci/lock > $(VENV)/requirements.lock
	$(PIP) --require-hashes -r requirements-build.lock
	$(PIP) --no-build-isolation --require-hashes -r $(VENV)/requirements.lock
	$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

demo: setup
	$(BIN)/smime-gateway demo --mail fixtures/mail/02-umlauts-8bit.eml

run: setup
	@mkdir -p var && sed "s|@STATE@|$(CURDIR)/var/state|" config/development.yaml > var/gateway.yaml
	$(BIN)/smime-gateway -c var/gateway.yaml serve

test: setup
	@sh .ci/packages openssl postfix
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not apart"

# What brings up machines, browsers, clusters and directories of its own.
apart: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m apart

# What is pure, and the options, in little more than half a minute: few random examples, nothing that computes for long.
quick: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --hypothesis-profile small -m "not slow" tests/test_*.py \
		$(addprefix tests/,asn1 cms config engine mail pki policy smime)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fuzz: setup
	@sh .ci/readers $(VENV)/readers
	$(BIN)/python -m pytest -n 2 tests --ignore tests/e2e --hypothesis-profile=long --timeout 3600
	SMIME_GATEWAY_TIMING=1 $(BIN)/python -m pytest -s tests/timing --timeout 3600

soak: setup
	@sh .ci/packages openssl postfix
	SMIME_GATEWAY_SOAK=1 $(BIN)/python -m pytest tests/e2e/test_crash.py tests/e2e/test_milter_crash.py \
		tests/e2e/test_transparency.py tests/e2e/test_reload.py tests/e2e/test_fail_over.py tests/faults
	$(BIN)/python -m benchmarks.soak

bench: setup
	@sh .ci/packages openssl postfix
	$(BIN)/python -m benchmarks

COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-annotate --no-emit-options \
	--allow-unsafe

lock: setup
	$(COMPILE) --extra postgresql --extra milter --extra test --extra dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra postgresql --extra milter --constraint requirements.lock --output-file requirements-run.lock \
		pyproject.toml
	sed -i '/^--/d' requirements.lock requirements-run.lock
	sed -n '/^setuptools==/,/[^\\]$$/p' requirements.lock > requirements-build.lock

clean:
	rm -rf $(VENV) build var *.egg-info
