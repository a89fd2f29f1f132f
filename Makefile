# Each target is one `course` command or two; README.md gives them for machines without make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: install course test test-slow lab bench

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[instructor,dev]'
	touch $(STAMP)

course: install
	$(BIN)/course run

test: install
	$(BIN)/course test

test-slow: install
	$(BIN)/course test --slow

lab: install
	$(BIN)/course lab

bench: install
	$(BIN)/course bench
