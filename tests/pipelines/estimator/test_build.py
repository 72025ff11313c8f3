"""The estimator that a configuration describes, as scikit-learn sees it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from data.battles import make_battles, swap_battles
from features import FAMILIES, BattleFamily
from models.preference import PASSED_THROUGH
from pipelines.config import load_config
from pipelines.estimator import build as pipeline_module
from pipelines.estimator.build import build_pipeline, describe_columns, families_of, precompute


class SeenWords(BattleFamily):
    """A family that learns, as a vectoriser does: the share of words that `fit` has seen."""

    name = "seen"
    learns = True

    def fit(self, battles, y=None):
        super().fit(battles, y)
        texts = [*battles["response_a"], *battles["response_b"]]
        self.words_ = {word for turns in texts for word in words_of(turns)}
        return self

    def _columns(self, battles):
        seen = getattr(self, "words_", set())
        a, b = (
            np.array([share(seen, words_of(turns)) for turns in battles[name].to_list()])
            for name in ("response_a", "response_b")
        )
        return {"words_a": a, "words_b": b, "words_diff": a - b}

    def _documentation(self):
        return dict.fromkeys(("words_a", "words_b", "words_diff"), "share of words that were seen")


def words_of(turns):
    return " ".join(turn or "" for turn in turns).split()


def share(seen, words):
    return sum(word in seen for word in words) / max(len(words), 1)


@pytest.fixture(scope="module")
def fitted(battles, config):
    return build_pipeline(config).fit(*battles)


def test_a_swap_of_the_battles_changes_the_places_bit_for_bit(fitted, battles):
    p = fitted.predict_proba(battles[0])
    np.testing.assert_array_equal(fitted.predict_proba(swap_battles(battles[0])), p[:, [1, 0, 2]])
    assert p.min() > 0
    assert p.max() < 1
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=4e-16)
    assert np.abs(p[:, 0] - p[:, 1]).max() > 0.05


def test_equal_answers_have_equal_chances(fitted):
    p = fitted.predict_proba(make_battles(["Hi"] * 2, ["Hello.", "Hey"], ["Hello.", "Hey"]))
    np.testing.assert_array_equal(p[:, 0], p[:, 1])


def test_ids_models_and_the_index_do_not_matter(fitted, battles):
    frame = battles[0].iloc[:50]
    other = frame.assign(id="x", model_a="m", model_b=None, group="g", source="extra")
    other.index = pd.Index(range(900, 950))
    np.testing.assert_array_equal(fitted.predict_proba(other), fitted.predict_proba(frame))


def test_clones_and_pickles_in_memory(fitted, battles, config):
    again = pickle.loads(pickle.dumps(fitted))
    p = fitted.predict_proba(battles[0])
    np.testing.assert_array_equal(again.predict_proba(battles[0]), p)
    refit = clone(fitted).fit(*battles)
    np.testing.assert_array_equal(refit.predict_proba(battles[0]), p)
    unfitted = clone(build_pipeline(config))
    assert unfitted.named_steps.keys() == {"features", "model"}
    assert not hasattr(unfitted.named_steps["model"], "models_")


def test_parameters_of_all_parts_can_be_set(config, battles):
    pipeline = build_pipeline(config)
    pipeline.set_params(
        model__extra_weight=0.5,
        features__length__statistics=["words_sum"],
        features__length__bucketed=(),
    )
    assert pipeline.get_params()["model__extra_weight"] == 0.5
    columns = pipeline.named_steps["features"].fit_transform(battles[0].iloc[:5])
    assert {"length__words_sum_a"} <= {name for name in columns if name.startswith("length")}
    assert not [name for name in columns if name.startswith("length__char")]


def test_works_in_cross_val_score(config, battles):
    scores = cross_val_score(
        build_pipeline(config), *battles, cv=2, scoring="neg_log_loss", error_score="raise"
    )
    assert (scores < -0.9).all()
    assert (scores > -1.3).all()


def test_the_configuration_arrives():
    config = load_config(
        settings=[
            'families=["length"]',
            'model.members=["linear", "lightgbm"]',
            "model.form=multiclass",
            "model.inner_folds=3",
            "model.extra_weight=0.5",
            "model.calibrate=false",
            "learners.lightgbm.num_leaves=7",
            'features.length.sides=["diff"]',
            "seed=11",
        ]
    )
    pipeline = build_pipeline(config)
    model = pipeline.named_steps["model"]
    assert [type(family) for family in families_of(pipeline)] == [FAMILIES["length"]]
    assert list(families_of(pipeline)[0].sides) == ["diff"]
    assert [name for name, _ in model.members] == ["linear", "lightgbm"]
    assert dict(model.members)["lightgbm"].num_leaves == 7
    expected = {"form": "multiclass", "inner_folds": 3, "extra_weight": 0.5, "seed": 11}
    assert expected.items() <= model.get_params().items()
    assert model.calibrate is False


def test_columns_are_named_by_their_families_and_explained(fitted):
    names = list(fitted.named_steps["model"].feature_names_in_)
    docs = describe_columns(fitted)
    assert list(docs) == names
    assert all(docs.values())
    assert [*dict.fromkeys(name.partition("__")[0] for name in names)] == [
        family.name for family in families_of(fitted)
    ]


def test_precomputed_columns_give_the_same_model(fitted, battles, config):
    ready = precompute(build_pipeline(config), battles[0]).fit(*battles)
    np.testing.assert_array_equal(ready.predict_proba(battles[0]), fitted.predict_proba(battles[0]))
    assert ready.named_steps["model"].dump() == fitted.named_steps["model"].dump()


def test_precomputed_rows_are_found_by_their_index(battles, config):
    features = precompute(build_pipeline(config), battles[0]).named_steps["features"]
    some = battles[0].iloc[[7, 3, 250]]
    pd.testing.assert_frame_equal(
        features.fit_transform(some),
        build_pipeline(config).named_steps["features"].fit_transform(some),
    )


def test_precomputing_goes_block_by_block(battles, config, monkeypatch):
    whole = precompute(build_pipeline(config), battles[0]).named_steps["features"]
    monkeypatch.setattr(pipeline_module, "BLOCK_ROWS", 128)
    told = []
    parts = precompute(build_pipeline(config), battles[0], told.append).named_steps["features"]
    assert told == [rows * len(config.families) for rows in (128, 128, 44)]
    pd.testing.assert_frame_equal(parts.transform(battles[0]), whole.transform(battles[0]))


def test_much_text_makes_small_blocks(battles, config, monkeypatch):
    monkeypatch.setattr(pipeline_module, "BLOCK_BYTES", 1)
    told = []
    precompute(build_pipeline(config), battles[0].iloc[:5], told.append)
    assert told == [len(config.families)] * 5


def test_computed_columns_of_other_battles_are_refused(battles, config):
    features = precompute(build_pipeline(config), battles[0]).named_steps["features"]
    with pytest.raises(KeyError, match="1 battles have no row"):
        features.transform(battles[0].iloc[:1].set_axis([1000]))


def test_a_fit_copies_no_computed_column(battles, config):
    """The rows of a fold come as one contiguous block, which the model takes as it is."""
    ready = precompute(build_pipeline(config), battles[0]).named_steps["features"]
    columns = ready.fit_transform(battles[0].iloc[::2]).drop(columns=list(PASSED_THROUGH))
    assert columns.to_numpy(dtype=np.float32).flags["C_CONTIGUOUS"]


def test_a_family_that_learns_is_not_precomputed(battles, config, monkeypatch):
    monkeypatch.setitem(FAMILIES, "seen", SeenWords)
    pipeline = build_pipeline(config.model_copy(update={"families": ["length", "seen"]}))
    ready = precompute(pipeline, battles[0])
    assert [family.name for family in families_of(ready)] == ["seen"]
    some = battles[0].iloc[:2]
    features = ready.named_steps["features"].fit(some)
    inside, outside = (features.transform(battles[0].iloc[rows]) for rows in ([0, 1], [50, 51]))
    assert (inside["seen__words_a"] == 1.0).all()
    assert (outside["seen__words_a"] < 1.0).all()
