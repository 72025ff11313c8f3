"""Near-copies are those that comparing all with all finds, at a cost that grows with the texts."""

import numpy as np
import pytest

from features.text import near_copies as module
from features.text.near_copies import LENGTH, NEAR, likeness, near_copies

LETTERS = np.array(list("abcdefghij klmno é🙂"))


def shingles(text):
    padded = f" {text} "
    return {padded[start : start + LENGTH] for start in range(max(len(padded) - LENGTH + 1, 1))}


def alike(one, other):
    one, other = shingles(one), shingles(other)
    return len(one & other) / len(one | other)


def compared_with_all(texts):
    return [
        [i, j]
        for i, text in enumerate(texts)
        for j in range(i + 1, len(texts))
        if text and texts[j] and alike(text, texts[j]) >= NEAR
    ]


@pytest.fixture(scope="module")
def texts():
    """Texts of many lengths, and copies of some of them with more and more letters changed."""
    rng = np.random.default_rng(0)
    made = ["".join(rng.choice(LETTERS, size)) for size in rng.integers(1, 200, size=150)]
    for text in made[:100]:
        letters = list(text)
        for place in rng.integers(len(letters), size=rng.integers(1, 6)):
            letters[place] = str(rng.choice(LETTERS))
        made.append("".join(letters))
    return made


def test_they_are_those_of_comparing_all_with_all(texts):
    expected = compared_with_all(texts)
    assert 20 < len(expected) < 90
    assert near_copies(texts).tolist() == expected


@pytest.mark.parametrize("characters", [1, 300])
def test_blocks_change_nothing(characters, texts, monkeypatch):
    expected = near_copies(texts)
    monkeypatch.setattr(module, "BLOCK_CHARACTERS", characters)
    np.testing.assert_array_equal(near_copies(texts), expected)


def test_the_measure_is_that_of_sets(texts):
    pairs = np.array([[i, i + 150] for i in range(100)] + [[0, 0], [149, 3]])
    expected = [alike(texts[i], texts[j]) for i, j in pairs]
    np.testing.assert_allclose(likeness(texts, pairs), expected, rtol=1e-15)
    assert (
        likeness(["aaaaaaaa", "aaaaaaaaaaaa"], np.array([[0, 1]]))[0] == 1.0
    )  # how often is not asked


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["a"], ["a", ""], ["a", "b", ""]])
def test_few_and_empty_ones_have_none(texts):
    assert near_copies(texts).shape == (0, 2)


def test_equal_and_short_ones():
    assert near_copies(["", "hi", "ha", "", "hi"]).tolist() == [[1, 4]]


def test_in_a_crowd_each_finds_some_and_none_is_held_against_all(monkeypatch):
    """A thousand prompts from one template are a million pairs."""
    held = []
    measure = module.likeness

    def counted(texts, pairs):
        held.append(len(pairs))
        return measure(texts, pairs)

    monkeypatch.setattr(module, "likeness", counted)
    crowd = [f"Write a story for my children about the number {n}, please" for n in range(1000)]
    found = near_copies(crowd)
    assert len(set(found.ravel().tolist())) == 1000
    assert len(found) == len(set(map(tuple, found.tolist())))
    assert len(found) <= sum(held) <= 1000 * (module.MOST_FOUND + 2 * module.NEXT)


def test_in_a_crowd_of_texts_that_are_not_quite_alike_it_stops_too(monkeypatch):
    monkeypatch.setattr(module, "PROMISING", 0.0)
    held = []
    monkeypatch.setattr(
        module, "likeness", lambda texts, pairs: held.append(len(pairs)) or np.zeros(len(pairs))
    )
    assert not len(near_copies([f"Write a story about number {n}" for n in range(1000)]))
    assert sum(held) <= 1000 * (module.MOST_COMPARED + 2 * module.NEXT)
