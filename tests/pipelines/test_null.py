"""No preset finds anything in votes that say nothing, where its own inner folds judge it.

By these judgements the model chooses and calibrates: columns that have seen a battle's vote make
it believe them.
"""

import pytest
from sklearn.base import clone

from models.calibration import Calibration
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.presets import presets
from tests.null import FEW_ROWS, ROWS, Finding, null_votes

FEATURES = {
    "lexical": ("max_features=12000",),
    "fingerprint": ("words=150", "characters=50", "openings=50"),
}
LEARNERS = {
    "lightgbm": ("max_rounds=12", "learning_rate=0.1", "feature_fraction=0.5"),
    "xgboost": ("max_rounds=12", "learning_rate=0.1", "colsample_bytree=0.5"),
    "linear": ("penalties=[0.3, 0.03]",),
}


class JudgedError(Exception):
    """Carries the inner out-of-fold logits of the direction, and the labels."""


@pytest.fixture
def rows(tmp_path):
    return lambda number: null_votes(tmp_path, number)


@pytest.fixture
def _stops_when_judged(monkeypatch):
    """End a fit where the model calibrates: there it holds the inner folds' logits."""

    def fit(z, t, y, length, fold, *, share):
        raise JudgedError(z, y)

    monkeypatch.setattr(Calibration, "fit", fit)


def quick(name, encoder):
    """Read a preset whose parts all stand, each of them small."""
    config = load_config(preset=name)
    settings = ["model.inner_folds=2"]
    for section, of, there in (
        ("features", FEATURES, config.families),
        ("learners", LEARNERS, config.model.names()),
    ):
        settings += [f"{section}.{key}.{one}" for key in there for one in of.get(key, ())]
    encoder = (*encoder, "encoder.length=32") if config.encoder else ()
    return load_config(preset=name, settings=[*settings, *encoder])


@pytest.mark.usefixtures("_stops_when_judged")
@pytest.mark.parametrize("name", presets())
def test_no_preset_finds_anything(name, rows, small_encoder_settings):
    config = quick(name, small_encoder_settings)
    battles, votes = rows(FEW_ROWS if config.encoder else ROWS)
    pipeline = precompute(build_pipeline(config), battles)
    judged = []
    for y in votes:
        features, model = (step for _, step in clone(pipeline).steps)
        with pytest.raises(JudgedError) as stopped:
            model.fit(features.fit_transform(battles, y), y)
        judged.append(stopped.value.args)
    found = Finding.of(judged)
    assert found.is_nothing(few=config.encoder is not None), found
