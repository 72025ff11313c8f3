"""The estimator as it is used from Python: frames and labels as pandas and others bring them."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data.battles import TEXT_COLUMNS, make_battles
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline

SETTINGS = (
    'families=["length", "turns", "fingerprint"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "learners.linear.penalties=[0.3, 0.03]",
)


@pytest.fixture(scope="module")
def build():
    return lambda: build_pipeline(load_config(settings=SETTINGS))


@pytest.fixture(scope="module")
def fitted(build, battles):
    return build().fit(*battles)


@pytest.fixture(scope="module")
def expected(fitted, battles):
    return fitted.predict_proba(battles[0])


def test_labels_in_words_fit_the_same_model(build, battles, expected):
    frame, y = battles
    winner = pd.Series(np.array(["model_a", "model_b", "tie"])[y])
    np.testing.assert_array_equal(build().fit(frame, winner).predict_proba(frame), expected)


@pytest.mark.parametrize("wrong", [np.nan, 0.5, 3])
def test_a_label_that_is_none_is_refused_not_cast(wrong, build, battles):
    frame, y = battles
    y = y.astype(float)
    y[5] = wrong
    with pytest.raises(ValueError, match=r"y, row 6: expected 0 or 'model_a'"):
        build().fit(frame, y)
    with pytest.raises(ValueError, match=r"a label for each of 300 battles\. Got 299"):
        build().fit(frame, y[:-1])


def test_predicting_needs_the_three_texts_and_nothing_else(fitted, battles, expected):
    texts = battles[0][list(TEXT_COLUMNS)]
    np.testing.assert_array_equal(fitted.predict_proba(texts), expected)
    lists = pd.DataFrame({name: texts[name].tolist() for name in texts})
    np.testing.assert_array_equal(fitted.predict_proba(lists), expected)


def test_groups_are_made_where_they_lack(build, battles):
    """Folds cut without them would share prompts: the fit must be the one with them."""
    frame, y = battles
    frame = pd.concat([frame.iloc[:150], frame.iloc[:150]], ignore_index=True)
    texts = frame.drop(columns=["group", "source"])
    found, known = (build().fit(some, y) for some in (texts, frame))
    np.testing.assert_array_equal(found.predict_proba(frame), known.predict_proba(frame))


def arrow(path):
    return pd.read_parquet(path, dtype_backend="pyarrow")


def mapped(path):
    return pq.read_table(path).to_pandas(types_mapper=pd.ArrowDtype)


def objects(path):
    return pq.read_table(path).to_pandas(ignore_metadata=True)


@pytest.mark.parametrize("read", [arrow, mapped, objects])
def test_a_frame_comes_back_from_parquet(read, build, fitted, battles, expected, tmp_path):
    battles[0].to_parquet(tmp_path / "battles.parquet")
    frame = read(tmp_path / "battles.parquet")
    np.testing.assert_array_equal(fitted.predict_proba(frame), expected)
    again = build().fit(frame, battles[1])
    np.testing.assert_array_equal(again.predict_proba(battles[0]), expected)


def test_kaggles_own_frame_is_refused_with_the_way_out(build, files):
    table = pd.read_csv(files / "train.csv")
    with pytest.raises(TypeError, match=r"each cell a list of turns.*read_training"):
        build().fit(table, np.zeros(len(table)))


def test_json_text_for_a_list_is_warned_of(fitted, battles, expected, files):
    table = pd.read_csv(files / "train.csv").iloc[:20]
    texts = [table[name] for name in TEXT_COLUMNS]
    with pytest.warns(UserWarning, match=r"prompt, response_a, response_b: .* Pass json\.loads"):
        make_battles(*texts)
    parsed = make_battles(*(some.map(json.loads) for some in texts))
    np.testing.assert_allclose(fitted.predict_proba(parsed), expected[:20], rtol=0, atol=1e-12)


def test_what_only_begins_like_json_is_text():
    make_battles(["[1] Why?", "[x]"], ["[2]", "[a"], ["{}", '["half a list", 1]'])
