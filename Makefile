# Two commands do everything: `make fit` and `make test`. Each makes .venv where it is missing.
PYTHON ?= python3
PRESET ?= classical
VENV := .venv
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: fit test
# Presets that need more than the default's libraries, and the extra that brings it.
EXTRA_neural := neural
EXTRA_ngram_embedding := neural
STAMP := $(VENV)/.installed$(addprefix -,$(EXTRA_$(PRESET)))

fit: $(STAMP)
	$(VENV)/bin/python -m pipelines.fit --preset $(PRESET)

test: $(VENV)/.installed-test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/python -m pytest

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
	touch $@
endef
