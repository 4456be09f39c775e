# Verbs. The work is Meson's and the scripts' in tools/.
.PHONY: build test quick bench score steady outside lint fuzz faults web docs asan install clean

PREFIX ?= /usr/local

build:
	@tools/build

test:
	@tools/test

# Under two minutes: units, short end-to-end tests over two interpreters, lint without compilers.
quick:
	@tools/test --quick

bench: build
	@python3 bench/run.py

# How often the advice is right, over all pairs and controls of tests/findings/programs: docs/findings-score.md. PYTHON may have NumPy.
PYTHON ?= python3
score: build
	@python3 tests/findings/twins.py --write "$(PYTHON)"

# Is the verdict the same each time, and right, alone and beside a competitor? An hour; what was measured is kept, and it goes on there.
steady: build
	@python3 tests/findings/steady.py --write

# What is said of code from elsewhere: examples of a book, pyperformance, packages that became faster (from the registry).
outside: build
	@tools/with-venv python3 tests/findings/outside.py --write

lint: build
	@tools/setup lint || true
	@tools/with-venv python3 tools/lint.py

fuzz: build
	@tools/test --fuzz-seconds 120 fuzz

# Every fault that a target or the collector can suffer, at full length: some hours.
faults: build
	@tools/test faults

# The page's parts and its own checks.
web:
	@tools/setup web || true
	@node web/install.mjs --all && cd web && npm run --silent lint && npm run --silent build

# Runs every command that the documentation shows.
docs: build
	@tools/test docs

asan: build
	@tools/test asan

install: build
	meson configure build --prefix "$(PREFIX)"
	meson install -C build --no-rebuild $(if $(DESTDIR),--destdir "$(DESTDIR)")

clean:
	rm -rf build build-asan build-fuzz
