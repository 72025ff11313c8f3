"""Small studies: a linear member on a few hundred battles, a fraction of a second each trial."""

import pytest

from pipelines.config import load_config, read_source
from pipelines.fit import Inputs
from pipelines.run.folds import cut_folds
from pipelines.run.inputs import read_inputs
from pipelines.tune import tune
from pipelines.tuning.evaluation import Evaluator
from pipelines.tuning.kept import Kept

SMALL = (
    'families=["length", "style"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.linear.penalties=[0.3, 0.03]",
)
SPACE = """
families = ["length", "style"]
[folds]
n_folds = 3
[model]
members = ["linear"]
inner_folds = 2
[learners.linear]
penalties = [0.3, 0.03]
[search]
"families.style" = [true, false]
"model.inner_folds" = {low = 2, high = 4}
"learners.linear.penalties" = [[0.3, 0.03], [0.1], [10.0]]
"model.calibrate" = [true, false]
"""


@pytest.fixture(scope="session")
def space_file(tmp_path_factory):
    """A file with a space."""
    file = tmp_path_factory.mktemp("space") / "small.toml"
    file.write_text(SPACE)
    return file


@pytest.fixture(scope="session")
def source(space_file):
    """The same as `pipelines.tune` takes it."""
    return read_source(file=space_file)


@pytest.fixture(scope="session")
def tune_flags(files, space_file):
    """The same as flags of the command."""
    given = ["--train", str(files / "train.csv"), "--config", str(space_file)]
    return [*given, "--device", "cpu", "--no-cache"]


@pytest.fixture
def study(files, source, quiet, tmp_path):
    """Tune on the small file, into a folder of the test's own."""

    def run(trials, output="study", *, train=None, extra=(), console=None, space=source, **options):
        inputs = Inputs(train or files / "train.csv", None, tuple(extra))
        options = {"name": "small", "device": "cpu", "trials": trials} | options
        options |= {"console": console or quiet()}
        return tune(space, inputs, tmp_path / output, **options)

    return run


@pytest.fixture
def evaluator(files, tmp_path):
    """Make an evaluator of the small file, with extra rows, that keeps things in some folder."""
    battles = read_inputs(Inputs(files / "train.csv", extra=(files / "extra.csv",)))

    def make(config=None, folder="kept", base="", keeps=battles, **options):
        config = config or load_config(settings=SMALL)
        folds = cut_folds(keeps, config.folds.n_folds, config.seed)
        kept = Kept(tmp_path / folder, {"base": base})
        return Evaluator(config, keeps, folds, kept, n_jobs=1, **options)

    return make
