"""No family that learns finds anything in votes that say nothing.

Its columns are out of fold, so that a linear head learned on some prompts' columns must not know
the votes of other prompts.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from data.folds import hash_folds
from data.labels import TIE, A
from features import FAMILIES
from features.encoding.encoder import Encoder
from features.families import lexical
from features.families.lexical import LexicalFeatures
from features.layout import texts_of, to_polars
from features.ngram.counting import CountStore
from features.sides import Swap
from tests.null import FEW_ROWS, ROWS, Finding, null_votes

SMALL = {
    "lexical": {"words": (1, 2), "characters": (2, 3), "max_features": 4_000, "components": 4},
    "fingerprint": {"words": 150, "characters": 50, "openings": 50},
    "embedding": {"components": 4},
}
HEAD_FOLDS = 4
TOKENS = 32  # that an encoder reads of a text


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return null_votes(tmp_path_factory.mktemp("null"), ROWS)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return null_votes(tmp_path_factory.mktemp("null"), FEW_ROWS)


@pytest.fixture(scope="module")
def store(many):
    return CountStore(texts_of(to_polars(many[0])).distinct)


def found_by_a_head(columns, y, group):
    """Log-odds of A by all that changes sign with a swap, learned without the prompt."""
    values = columns.fillna(0.0).to_numpy(dtype=np.float64)
    X = (values - Swap(list(columns))(values.astype(np.float32))) / 2
    X /= np.sqrt(np.maximum((X**2).mean(axis=0), 1e-12))
    fold = hash_folds(group, n_folds=HEAD_FOLDS, salt=1)
    z = np.zeros(len(y))
    for k in range(HEAD_FOLDS):
        rows = (fold != k) & (y != TIE)
        head = LogisticRegression(C=1e-4, fit_intercept=False).fit(X[rows], y[rows] == A)
        z[fold == k] = head.decision_function(X[fold == k])
    return z


def found_in(family, battles, votes):
    group = battles["group"].to_numpy(dtype=object)
    return Finding.of(
        [(found_by_a_head(clone(family).fit_transform(battles, y), y, group), y) for y in votes]
    )


@pytest.mark.parametrize("name", [name for name, cls in FAMILIES.items() if cls.learns])
def test_no_family_finds_anything(name, request, make_family, store):
    family = make_family(name).set_params(**SMALL.get(name, {}))
    if family.uses == "encoder":
        family.set_params(encoder=Encoder(family.encoder, length=TOKENS))
    else:
        family.use(store)
    rows = request.getfixturevalue("few" if family.uses == "encoder" else "many")
    found = found_in(family, *rows)
    assert found.is_nothing(few=family.uses == "encoder"), found


def test_n_grams_that_the_votes_have_chosen_are_found_out(many, store, monkeypatch):
    """What the family once did: columns of the n-grams that tell most, by all votes."""
    moves, report = [], lexical.moved_most

    def spy(grams, of_each):
        moves.append(np.abs(of_each))
        return report(grams, of_each)

    monkeypatch.setattr(lexical, "moved_most", spy)
    monkeypatch.setattr(
        lexical, "of_most_texts", lambda weights, number: np.sort(np.argsort(-moves[-1])[:number])
    )
    battles, votes = many
    found = found_in(LexicalFeatures(**SMALL["lexical"], singles=20).use(store), battles, votes[:1])
    assert not found.is_nothing(), found
    assert found.auc > 0.5
