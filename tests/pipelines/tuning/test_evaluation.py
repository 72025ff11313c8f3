"""What is found instead of computed changes no value, and what is changed is computed."""

import numpy as np
import pytest

from data.battles import DataError
from data.folds import training_rows
from models.measures.metrics import log_loss
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, fit_pipeline
from pipelines.run.folds import cut_folds
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.tuning.evaluation import Evaluator
from pipelines.tuning.kept import Kept
from tests.pipelines.tuning.conftest import SMALL

FULL = (
    'families=["length", "style", "lexical"]',
    'model.direction=["lightgbm", "linear"]',
    'model.tie=["linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.lightgbm.max_rounds=10",
    "learners.linear.penalties=[0.3, 0.03]",
    "features.lexical.words=[1, 1]",
    "features.lexical.characters=[]",
    "features.lexical.components=2",
    "features.lexical.penalties=[1.0]",
)
ORDER = [0, 1, 2]


def changed(change):
    """Return the full configuration with some settings changed; members of both heads replace."""
    both = any("members" in setting for setting in change)
    kept = [
        setting
        for setting in FULL
        if not (both and setting.startswith("model.") and "=[" in setting)
    ]
    return load_config(settings=[*kept, *change])


@pytest.fixture(scope="module")
def shared(files, tmp_path_factory):
    """An evaluator that has evaluated the full configuration."""
    battles = read_inputs(Inputs(files / "train.csv", extra=(files / "extra.csv",)))
    config = load_config(settings=FULL)
    folds = cut_folds(battles, 3, config.seed)
    kept = Kept(tmp_path_factory.mktemp("kept"), {})
    made = Evaluator(config, battles, folds, kept, n_jobs=1)
    made.evaluate(config, ORDER, None)
    return made


def from_scratch(config, evaluator):
    """Fit the plain pipeline without each fold, as a run does."""
    frame, y = evaluator.battles.frame, evaluator.battles.y
    proba = np.empty((evaluator.battles.n_plain, 3))
    for fold in ORDER:
        held = np.zeros(len(y), dtype=bool)
        held[: len(proba)] = evaluator.folds.fold == fold
        train = training_rows(held, frame["group"], frame["source"])
        fitted = fit_pipeline(build_pipeline(config), frame[train], y[train])
        proba[held[: len(proba)]] = fitted.predict_proba(frame[held])
    return log_loss(evaluator.battles.plain[1], proba)


@pytest.mark.parametrize(
    "change",
    [
        (),
        ("learners.lightgbm.num_leaves=4",),
        ("features.lexical.min_df=9",),
        ('families=["length", "style"]',),
        ("model.extra_weight=0.5",),
        ("model.extra_weight=0.0",),
        ("model.calibrate=false",),
        ("model.inner_folds=3",),
        ('model.members=["linear"]', "model.form=multiclass"),
        ("model.bag=2",),
    ],
)
def test_a_value_with_reuse_is_that_of_a_plain_fit(shared, change):
    config = changed(change)
    found = shared.evaluate(config, ORDER, None)
    assert found.told["found"], "nothing was reused: the comparison would say nothing"
    assert found.value == pytest.approx(from_scratch(config, shared), abs=1e-12)


def test_what_an_encoder_makes_is_found_as_well(files, tiny_encoder, tmp_path):
    settings = (
        'families=["length", "embedding", "cross_attention"]',
        f"encoder.name={tiny_encoder}",
        "features.embedding.components=2",
        *SMALL[1:],
    )
    battles, config = read_inputs(Inputs(files / "train.csv")), load_config(settings=settings)
    folds, kept = cut_folds(battles, 3, config.seed), Kept(tmp_path, {})
    made = Evaluator(config, battles, folds, kept, n_jobs=1)
    made.evaluate(config, ORDER, None)
    other = load_config(settings=[*settings, "features.embedding.components=3"])
    found = made.evaluate(other, ORDER, None)
    assert found.told["asked"]["columns"] - found.told["found"]["columns"] == 3
    assert found.value == pytest.approx(from_scratch(other, made), abs=1e-12)


def costs(evaluator, *change):
    """Return what was asked for and not found, by kind."""
    told = evaluator.evaluate(load_config(settings=[*FULL, *change]), ORDER, None).told
    return {kind: n - told["found"].get(kind, 0) for kind, n in told["asked"].items()}


def test_a_trial_costs_what_it_changes(evaluator):
    made = evaluator(load_config(settings=FULL))
    assert costs(made) == {"parts": 9, "columns": 2 + 3}  # two families learn nothing
    assert costs(made) == {"parts": 0}
    assert costs(made, "model.calibrate=false") == {"parts": 0}
    assert costs(made, "learners.lightgbm.num_leaves=4") == {"parts": 3, "columns": 0}
    assert costs(made, "features.lexical.min_df=9") == {"parts": 9, "columns": 3}
    assert costs(made, 'families=["length", "style"]') == {"parts": 9, "columns": 0}
    assert costs(made, 'model.tie=["lightgbm", "linear"]') == {"parts": 3, "columns": 0}


def test_another_worker_and_a_later_call_find_it(evaluator):
    first = evaluator()
    value = first.evaluate(load_config(settings=SMALL), ORDER, None).value
    later = evaluator().evaluate(load_config(settings=SMALL), ORDER, None)
    assert (later.value, later.told["found"]) == (value, {"parts": 6})


def test_what_was_made_of_other_data_is_not_found(evaluator):
    evaluator(base="these").evaluate(load_config(settings=SMALL), ORDER, None)
    told = evaluator(base="those").evaluate(load_config(settings=SMALL), ORDER, None).told
    assert told["found"].get("parts", 0) == 0


def test_a_damaged_file_is_computed_again(evaluator, tmp_path):
    value = evaluator().evaluate(load_config(settings=SMALL), ORDER, None).value
    for file in (tmp_path / "kept").rglob("*.arrays"):
        file.write_bytes(file.read_bytes()[:-3] + b"???")
    with pytest.warns(RuntimeWarning, match="damaged, and removed"):
        again = evaluator().evaluate(load_config(settings=SMALL), ORDER, None)
    assert again.value == value


def test_a_hopeless_trial_ends_after_its_first_fold(evaluator):
    made = evaluator()
    good = made.evaluate(load_config(settings=SMALL), ORDER, None)
    best = {block: loss - 1.0 for block, loss in good.blocks.items()}  # a best that is far better
    told = made.evaluate(load_config(settings=SMALL), [2, 0, 1], best)
    assert told.told["folds"] == 1
    assert {block // 10 for block in told.blocks} == {2}
    assert told.value == pytest.approx(good.value, abs=1e-12)  # best's mean, and one more


def test_who_is_as_good_as_the_best_goes_through_all_folds(evaluator):
    made = evaluator()
    good = made.evaluate(load_config(settings=SMALL), ORDER, None)
    again = made.evaluate(load_config(settings=SMALL), [2, 1, 0], good.blocks)
    assert (again.told["folds"], again.value) == (3, good.value)


def test_the_order_of_folds_is_another_for_each_trial(evaluator):
    made: Evaluator = evaluator()
    orders = [made.order(number, 0) for number in range(12)]
    assert orders[0] == ORDER
    assert all(sorted(order) == ORDER for order in orders)
    assert len({tuple(order) for order in orders}) > 3
    assert made.order(5, 0) == orders[5]
    assert [made.order(number, 1) for number in range(12)] != orders


def test_selections_share_columns_and_no_part(evaluator):
    """The same families, of which other columns are selected."""
    worth, found = [], []
    for name in ("length__words_sum_diff", "length__characters_sum_diff"):
        config = load_config(settings=[*SMALL, f"model.select=['{name}', 'style__bold_ratio']"])
        outcome = evaluator(folder="selections").evaluate(config, ORDER, None)
        assert outcome.told["asked"]["parts"] == 2 * 3  # of both heads in each fold
        worth.append(outcome.value)
        found.append(outcome.told["found"])
    assert "parts" not in found[0] | found[1]
    assert found[1]["columns"] == outcome.told["asked"]["columns"]
    assert worth[0] != worth[1]


def test_columns_that_these_battles_do_not_give_are_told(evaluator):
    names = ["fingerprint__strength_diff"]
    config = load_config(settings=['families=["fingerprint"]', *SMALL[1:], f"model.select={names}"])
    of = evaluator(config)
    unnamed = of.battles._replace(frame=of.battles.frame.assign(model_a=None, model_b=None))
    words = r"these battles give none of its columns, fingerprint__strength_diff\. Name others"
    with pytest.raises(DataError, match=words):
        evaluator(config, keeps=unnamed).evaluate(config, ORDER, None)
