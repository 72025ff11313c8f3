"""A selection on few columns of the sample, which many tests look at."""

import pytest

SETTINGS = (
    'families=["turns", "style"]',
    'features.style.statistics=["full_stops", "bold", "newlines", "emoji", "latex"]',
    'model.members=["linear"]',
    "learners.linear.penalties=[0.03]",
    "model.inner_folds=2",
    "folds.n_folds=2",
)


@pytest.fixture(scope="session")
def select_flags():
    """Of the command, without its files: the bundled sample."""
    settings = [flag for setting in SETTINGS for flag in ("--set", setting)]
    return [*settings, "--device", "cpu", "--no-cache"]


@pytest.fixture(scope="session")
def selection(select_flags, tmp_path_factory):
    """A finished selection. Not to be changed."""
    from tests.commands import select

    target = tmp_path_factory.mktemp("selections") / "selection"
    assert select([*select_flags, "--output", str(target)]) == 0
    return target
