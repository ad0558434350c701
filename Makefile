# `make demo` shows everything; `make test` checks everything. Both install into .venv first.
# Without a GPU, a torch that is several GB smaller: make install TORCH_INDEX=https://download.pytorch.org/whl/cpu
# The newest Python that is found and is at least 3.11; or name one: make install PYTHON=/opt/python/bin/python3
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$name; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := .stamps/install

.PHONY: install test test-chaos lint unit redis chromium screenshots secrets demo bench bench-prior clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n '$(PYTHON)' || { echo 'There is no Python 3.11 or newer on the PATH.' \
		'Install one, or name it: make install PYTHON=/path/to/python3' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --quiet --index-url $(TORCH_INDEX) --constraint constraints.txt torch torchvision)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[worker,test]'
	mkdir -p $(dir $(STAMP)) && touch $(STAMP)

test: install lint unit

lint: install
	$(BIN)/ruff check sdk workers tests $(wildcard examples)
	$(BIN)/ruff format --check --quiet sdk workers tests $(wildcard examples)
	$(BIN)/mypy
	@if command -v tsc >/dev/null; then tsc -p sdk/portraitist/http/tsconfig.json; fi

# Two at a time; the tests of one file stay together, since they share what is costly to make. Those that kill workers, fill disks and
# wait for it run alone.
unit: install redis chromium
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not chaos and not alone' $(PYTEST_ARGS)
	$(BIN)/pytest -m 'alone and not chaos' $(PYTEST_ARGS)

# Installing a server needs root, so that is left to you.
redis:
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null || echo 'There is no redis-server on the PATH: the tests of the cluster are' \
		'skipped. Install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis) to run them.'

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || echo 'There is no' \
		'Chromium on the PATH: the tests of the page are skipped. Install it (Debian: apt-get install chromium) to run them.'

# Pictures of the page at three sizes, for a person to look at.
screenshots: install
	mkdir -p screenshots && PORTRAITIST_TEST_SHOTS=$(CURDIR)/screenshots $(BIN)/pytest tests/browser

# The cluster's promises in full: storms of kills, outages, load. About half an hour; prints the figures.
test-chaos: install redis
	$(BIN)/pytest -m chaos -s tests/queue tests/serving tests/api

# Passwords for docker-compose.yml, made once. The folder is yours alone; the files in it are read by the containers' users.
WORD := head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'
secrets:
	mkdir -m 700 secrets
	cd secrets && $(WORD) > queue_password && $(WORD) > store_password
	cd secrets && printf 'redis://:%s@queue:6379/0\n' "$$(cat queue_password)" > queue_url
	cd secrets && printf '[default]\naws_access_key_id = portraitist\naws_secret_access_key = %s\n' "$$(cat store_password)" \
		> store_credentials
	cd secrets && head -c 32 /dev/urandom | base64 | tr '+/' '-_' > master_key
	chmod 644 secrets/*

# Personalises an example person, makes, edits and restores pictures of them, and writes demo/report.html.
demo: install
	$(BIN)/python -m portraitist demo

# The tables under docs/benchmarks. `make bench ARGS=--quick` only tries every program, and writes into bench/.
bench: install
	$(BIN)/python -m tests.benchmarks $(ARGS)

# What the bundled prior can do, docs/benchmarks/prior.md; ARGS='--renders DIR' compares it with renders of the engine, too.
bench-prior: install
	$(BIN)/python -m tests.benchmarks.bench_prior $(ARGS)

clean:
	rm -rf .stamps demo screenshots bench build dist .pytest_cache .mypy_cache .ruff_cache
