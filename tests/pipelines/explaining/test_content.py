"""One battle taken apart: the shares add up to what `predict` says, and follow a swap."""

import json

import numpy as np
import pytest

from data.battles import swap_battles
from data.labels import A, B
from features.sides import Swap
from models.heads import probabilities
from pipelines.estimator.reading import load_pipeline
from pipelines.explaining.battle import battle_of_file
from pipelines.explaining.content import explained


@pytest.fixture(scope="module")
def pipeline(run):
    return load_pipeline(run)


@pytest.fixture(scope="module")
def battle(files):
    return battle_of_file(files / "test.csv", "00015").battles


@pytest.fixture(scope="module")
def found(pipeline, battle):
    return explained(pipeline, battle)


def adds(found):
    return {of["name"]: of["adds"] for family in found["families"] for of in family["columns"]}


def test_the_shares_add_up_to_the_logits_that_give_the_probabilities(pipeline, battle, found):
    proba = pipeline.predict_proba(battle)[0]
    assert list(found["probabilities"].values()) == proba.tolist()
    z, t = (found["logits"][name] for name in ("z", "t"))
    np.testing.assert_allclose(
        probabilities(np.array([z["value"]]), np.array([t["value"]]))[0], proba, atol=1e-5
    )
    for name in ("z", "t"):
        logit = found["logits"][name]
        columns = sum(of[name] for of in adds(found).values())
        assert logit["average"] + columns == pytest.approx(logit["value"], abs=1e-9)
        families = sum(family["adds"][name] for family in found["families"])
        assert families == pytest.approx(columns, abs=1e-9)
    assert z["average"] == 0.0
    assert found["average"]["model_a"] == found["average"]["model_b"]
    even = probabilities(np.zeros(1), np.array([t["average"]]))[0]
    assert list(found["average"].values()) == even.tolist()


def test_every_column_is_there_with_its_value_and_meaning(run, pipeline, battle, found):
    columns = pipeline.named_steps["features"].transform(battle).iloc[0]
    docs = json.loads((run / "features.json").read_text())
    told = {of["name"]: of for family in found["families"] for of in family["columns"]}
    assert set(told) == {of["name"] for of in docs}
    for of in docs:
        assert told[of["name"]]["meaning"] == of["documentation"]
        assert told[of["name"]]["value"] == columns[of["name"]]
    assert {family["name"] for family in found["families"]} == {of["family"] for of in docs}


def test_what_moves_most_stands_first(found):
    moved = [sum(map(abs, family["adds"].values())) for family in found["families"]]
    assert moved == sorted(moved, reverse=True)
    columns = [sum(map(abs, of["adds"].values())) for of in found["families"][0]["columns"]]
    assert columns == sorted(columns, reverse=True)


def test_swapped_answers_have_the_same_story_told_from_the_other_side(pipeline, battle, found):
    other = explained(pipeline, swap_battles(battle))
    names = list(pipeline.named_steps["model"].feature_names_in_)
    here, there = adds(found), adds(other)
    for name, place in zip(names, Swap(names).order, strict=True):
        assert there[name]["z"] == -here[names[place]]["z"]
        assert there[name]["t"] == pytest.approx(here[names[place]]["t"], abs=1e-12)
    assert other["probabilities"]["model_a"] == found["probabilities"]["model_b"]
    assert other["average"] == found["average"]


def test_a_run_without_words_tells_of_none(found):
    assert "words" not in found
    assert json.loads(json.dumps(found)) == found


@pytest.fixture(scope="module")
def fitted(battles):
    """Pipelines fitted here: with words, and one of three classes."""
    from pipelines.config import load_config
    from pipelines.estimator.build import build_pipeline

    small = ['model.members=["linear"]', "model.inner_folds=2"]
    words = 'families=["length", "lexical"]'
    made = {}
    for name, more in {
        "words": [words, "features.lexical.components=0", "features.lexical.characters=[2, 3]"],
        "multiclass": ['families=["length"]', "model.form=multiclass"],
    }.items():
        pipeline = build_pipeline(load_config(settings=[*small, *more]))
        made[name] = pipeline.fit(*battles)
    return made


def test_words_add_up_to_their_column(fitted, battle):
    found = explained(fitted["words"], battle)
    column = next(
        of
        for family in found["families"]
        for of in family["columns"]
        if of["name"] == "lexical__direction_diff"
    )
    assert found["words"]["score"] == pytest.approx(column["value"], abs=1e-6)
    assert sum(found["words"]["grams"].values()) == pytest.approx(column["value"], abs=1e-6)
    sizes = list(map(abs, found["words"]["grams"].values()))
    assert sizes == sorted(sizes, reverse=True)
    assert {name.partition(":")[0] for name in found["words"]["grams"]} == {"word", "char"}
    other = explained(fitted["words"], swap_battles(battle))
    assert other["words"]["grams"] == {
        name: -value for name, value in found["words"]["grams"].items()
    }


def test_three_classes_are_told_by_their_margins(fitted, battle):
    pipeline = fitted["multiclass"]
    found = explained(pipeline, battle)
    assert set(found["logits"]) == {"a", "b", "tie"}
    assert not any(of["clipped"] for of in found["logits"].values())
    X = pipeline.named_steps["features"].transform(battle)
    z, _ = pipeline.named_steps["model"].logits(X, calibrated=False)
    gap = found["logits"]["a"]["value"] - found["logits"]["b"]["value"]
    assert gap == pytest.approx(z[0], abs=1e-5)
    average = list(found["average"].values())
    assert average[A] == average[B]
    assert sum(average) == pytest.approx(1.0)


def test_a_logit_beyond_the_clip_is_told(pipeline, battle, monkeypatch):
    from models.importance import contributions

    monkeypatch.setattr(
        "pipelines.explaining.content.contributions",
        lambda model, X: contributions.Contributions(
            {"z": np.full((1, len(model.feature_names_in_)), 1.0), "t": np.zeros((1, 1))},
            {"z": np.zeros(1), "t": np.zeros(1)},
        ),
    )
    monkeypatch.setattr("pipelines.explaining.content._families", lambda *_: [])
    found = explained(pipeline, battle)
    assert found["logits"]["z"]["clipped"] is True
    assert found["logits"]["t"]["clipped"] is False
