"""Ratings of a report: the family's strengths, their intervals, and the fingerprint's word."""

import numpy as np
import pytest

from data.battles import concat_battles
from data.labels import TIE
from data.soft import soft_votes
from features.families.names import NamesFeatures
from pipelines.estimator.names import NAMELESS, WRITTEN
from pipelines.estimator.out_of_fold import OutOfFold
from pipelines.report import ratings
from pipelines.report.ratings import ratings_told
from pipelines.report.screen import print_ratings
from pipelines.run.inputs import Battles
from tests.features.families.test_names import MODELS, STRENGTH, invent


def make_battles_of(n_plain, n_extra, ties=True):
    frame, y = invent(n_plain + n_extra)
    y = y if ties else np.where(y == TIE, 0, y).astype(np.int8)
    source = np.where(np.arange(len(y)) < n_plain, "plain", "extra")
    return Battles(frame.assign(source=source), y, n_plain, [])


def said(n_plain, **beside):
    """Out-of-fold predictions, and another one without names."""
    proba = np.full((n_plain, 3), 1 / 3)
    none = np.zeros(n_plain)
    beside = {NAMELESS: proba[:, [0, 0, 0]] + [0.01, -0.01, 0.0], **beside}
    return OutOfFold(proba, none, none, none, [], [], beside)


def test_strengths_are_those_of_the_family_strongest_first():
    battles = make_battles_of(600, 300)
    told = ratings_told(battles, said(600), 0.5)
    weight = np.where(battles.frame["source"] == "plain", 1.0, 0.5)
    family = NamesFeatures().fit(battles.frame, battles.y, sample_weight=weight)
    expected = dict(
        zip(family.learned_.models, family.learned_.standings.ratings.strength, strict=True)
    )
    assert [row["name"] for row in told["models"]] == MODELS
    for row in told["models"]:
        assert row["strength"]["value"] == pytest.approx(expected[row["name"]], abs=1e-9)
    assert told["battles"] == 900
    assert sum(row["battles"] for row in told["models"]) == 1800
    assert told["resamples"] == 300


def test_extra_rows_of_no_weight_are_as_if_they_were_not_there():
    told = ratings_told(make_battles_of(200, 100), said(200), 0.0)
    battles = make_battles_of(200, 100)
    alone = Battles(*battles.plain, 200, [])
    assert told == ratings_told(alone, said(200), 1.0)


def test_ties_are_of_plain_battles_alone():
    battles = make_battles_of(600, 300)
    (ant,) = [
        row for row in ratings_told(battles, said(600), 1.0)["models"] if row["name"] == "ant"
    ]
    frame, y = battles.plain
    its = (frame[["model_a", "model_b"]] == "ant").any(axis=1).to_numpy()
    assert ant["ties"] == pytest.approx((y[its] == TIE).mean())


def test_a_row_weighs_as_in_the_family():
    battles = make_battles_of(300, 0)
    weight = np.random.default_rng(0).uniform(0.2, 3.0, 300)
    told = ratings_told(battles._replace(frame=battles.frame.assign(weight=weight)), said(300), 1.0)
    family = NamesFeatures().fit(battles.frame, battles.y, sample_weight=weight)
    expected = dict(
        zip(family.learned_.models, family.learned_.standings.ratings.strength, strict=True)
    )
    for row in told["models"]:
        assert row["strength"]["value"] == pytest.approx(expected[row["name"]], abs=1e-9)
    assert sum(row["battles"] for row in told["models"]) == 600  # no weight makes more of them


def test_a_battle_of_soft_labels_is_one_with_its_votes_by_their_shares():
    one = make_battles_of(200, 0)
    counts = np.random.default_rng(0).multinomial(4, [0.5, 0.2, 0.3], 200)
    frame, y = soft_votes(one.frame, counts / 4)
    rows = np.repeat(np.arange(len(y)), (4 * frame["share"]).astype(int))
    whole = frame.drop(columns="share").iloc[rows].assign(weight=0.25)
    written = frame["model_a"].map(STRENGTH).to_numpy()[:, None] + [0.0, 1.0]
    soft, voted = (
        ratings_told(Battles(of, of_y, len(of), []), said(len(of), **{WRITTEN: by}), 1.0)
        for of, of_y, by in ((frame, y, written), (whole, y[rows], written[rows]))
    )
    assert (soft["battles"], voted["battles"]) == (200, 800)
    assert soft["groups"] == voted["groups"] == 100
    assert sum(row["battles"] for row in soft["models"]) == 400
    for row, other in zip(soft["models"], voted["models"], strict=True):
        assert row["name"] == other["name"]
        assert 4 * row["battles"] == other["battles"]
        for key in ("ties", "fingerprint"):
            assert row[key] == pytest.approx(other[key])
        assert row["strength"] == pytest.approx(other["strength"], abs=1e-9)


def test_of_votes_without_ties_no_ties_are_told(quiet):
    told = ratings_told(make_battles_of(300, 0, ties=False), said(300), 1.0)
    assert all(row["ties"] is None for row in told["models"])
    console = quiet()
    print_ratings(console, told)
    assert console.file.getvalue().split()[5:7] == ["battles", "strength"]
    assert "tie" not in console.file.getvalue()


def test_intervals_are_of_prompts_and_narrow_with_their_number():
    few, many = (
        ratings_told(make_battles_of(n, 0), said(n), 1.0)["models"][0]["strength"]
        for n in (150, 2400)
    )
    widths = [of["high"] - of["low"] for of in (few, many)]
    assert 2.5 < widths[0] / widths[1] < 6.0  # a square root of 16
    assert all(of["low"] < of["value"] < of["high"] for of in (few, many))
    one = make_battles_of(400, 0)
    twice = Battles(concat_battles([one.frame, one.frame]), np.tile(one.y, 2), 800, [])
    width = [
        (of := ratings_told(b, said(b.n_plain), 1.0)["models"][1]["strength"])["high"] - of["low"]
        for b in (one, twice)
    ]
    assert width[1] > 0.85 * width[0]  # the same prompts twice are no more prompts


def test_the_fingerprints_word_is_the_mean_over_a_models_answers():
    battles = make_battles_of(300, 100)
    frame, _ = battles.plain
    written = np.column_stack(
        [frame[name].map({**STRENGTH, "dog": -9.0}) for name in ("model_a", "model_b")]
    ).astype(float)
    written[frame["model_b"] == "bee", 1] += 1.0
    told = ratings_told(battles, said(300, **{WRITTEN: written}), 1.0)
    found = {row["name"]: row["fingerprint"] for row in told["models"]}
    share = (frame["model_b"] == "bee").sum() / (
        frame[["model_a", "model_b"]] == "bee"
    ).to_numpy().sum()
    assert found["dog"] == pytest.approx(-9.0)
    assert found["bee"] == pytest.approx(0.5 + share)
    assert all(
        row["fingerprint"] is None for row in ratings_told(battles, said(300), 1.0)["models"]
    )


def test_where_names_make_no_difference_there_are_none():
    battles = make_battles_of(60, 0)
    same = said(60)._replace(beside={NAMELESS: said(60).proba})
    assert ratings_told(battles, same, 1.0) is None
    assert ratings_told(battles, same._replace(beside={}), 1.0) is None


def test_of_too_many_models_the_rarest_are_left_out(monkeypatch):
    battles = make_battles_of(600, 0)
    monkeypatch.setattr(ratings, "MOST_RATED", 3)
    told = ratings_told(battles, said(600), 1.0)
    names = battles.frame[["model_a", "model_b"]].to_numpy().ravel()
    rarest = min(MODELS, key=lambda name: (names == name).sum())
    assert {row["name"] for row in told["models"]} == set(MODELS) - {rarest}
    met = (battles.frame[["model_a", "model_b"]] != rarest).all(axis=1)
    assert told["battles"] == met.sum()


def test_the_screen_shows_the_most_frequent(quiet, monkeypatch):
    told = ratings_told(make_battles_of(300, 0), said(300), 1.0)
    console = quiet()
    print_ratings(console, told)
    text = console.file.getvalue()
    assert all(f"{row['strength']['value']:+.2f}" in text for row in told["models"])
    assert "more in report.json" not in text
    monkeypatch.setattr("pipelines.report.screen.MOST_RATED", 1)
    console = quiet()
    print_ratings(console, told)
    assert "3 more in report.json" in console.file.getvalue()
