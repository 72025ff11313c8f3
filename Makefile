# Two commands do everything: `make fit` and `make test`. Each makes .venv where it is missing.
# `make check` is the part of `make test` that takes seconds, `make test TESTS=tests/features` runs some tests.
PYTHON ?= python3
PRESET ?= classical
VENV := .venv
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: fit test check
# One process of tests a core; more than four gain less than their imports cost.
WORKERS ?= --numprocesses logical --maxprocesses 4 --dist worksteal
# Presets that need more than the default's libraries, and the extra that brings it.
EXTRA_neural := neural
EXTRA_ngram_embedding := neural
EXTRA_stack := neural
STAMP := $(VENV)/.installed$(addprefix -,$(EXTRA_$(PRESET)))

fit: $(STAMP)
	$(VENV)/bin/python -m pipelines.fit --preset $(PRESET)

# A process of tests has one core, and each library that counts cores itself is told so.
test: export OMP_NUM_THREADS = 1
test: check
	$(VENV)/bin/python -m pytest $(WORKERS) $(TESTS)

# What a fit needs compiled, quickly: families as they are, the quickest members, few folds.
QUICK := --set 'model.members=["linear"]' --set folds.n_folds=2 --set model.inner_folds=2

CHECKS := .format .lint .types .imports
.PHONY: $(CHECKS)
check: $(VENV)/.installed-test
	@$(MAKE) --no-print-directory --jobs $(CHECKS)

.format:
	$(VENV)/bin/ruff format --check .

.lint:
	$(VENV)/bin/ruff check .

.types:
	$(VENV)/bin/mypy

.imports:
	$(VENV)/bin/lint-imports --no-logo

# A stamp a set of requirements: a second call installs nothing, a changed pin installs again.
$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(call install,.)

$(VENV)/.installed-neural: setup.cfg pyproject.toml constraints.txt
	$(call install,.[neural])
	touch $(VENV)/.installed

$(VENV)/.installed-test: setup.cfg pyproject.toml constraints.txt
	$(call install,.[test])
	touch $(VENV)/.installed $(VENV)/.installed-neural

define install
	@$(PYTHON) -c 'import sys; sys.exit("arenaboost needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '$(1)'
	@echo "compiling loops, once (half a minute)"
	-@$(VENV)/bin/python -m pipelines.fit --device cpu --no-cache --force --output $(VENV)/compiled $(QUICK) > $(VENV)/compiled.log
	touch $@
endef
