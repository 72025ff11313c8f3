"""The synthetic world's law: who answers how, and what the judges prefer.

A researcher compares what a report finds with three tables here: `MODELS` (who they are), `EFFECTS`
(what in an answer moves the preference) and `TIES` (what makes a tie likely).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.synthetic.text import KINDS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Facts = Mapping[str, Floats]

PARTS = 1_000_000
"""Probabilities are whole millionths: exact to write, and the same on every processor."""


class Model(NamedTuple):
    """A chatbot: its strength, and the habits that give it away in the text.

    `skill` is on the scale of z; `verbosity` is the mean log ratio of its length to the average;
    the habits from `lists` to `wrong_sum` are percentages (of turns; `drift`, `typos` and `loops`
    of sentences); `opening` and `sign_off` number its favourite wording; in `strong` it gains
    `AFFINITY`.
    """

    name: str
    skill: float
    verbosity: float
    lists: int
    headers: int
    bold: int
    code: int
    refusal: int
    drift: int
    typos: int
    foreign: int
    loops: int
    cut: int
    wrong_sum: int
    opening: int
    sign_off: int
    strong: str


# fmt: off
MODELS = (
    #     name               skill, verbosity, lists … wrong_sum (%), opening, sign_off, strong
    Model("aurora-large",     1.30,  0.35, 55, 30, 60, 98, 1, 20, 0, 2, 0, 1, 2, 0, 0, "coding"),
    Model("aurora-medium",    0.95,  0.25, 50, 20, 50, 95, 1, 25, 0, 3, 0, 1, 5, 0, 0, "coding"),
    Model("aurora-small",     0.30,  0.05, 40, 10, 30, 92, 2, 35, 0, 6, 1, 2, 15, 1, 0, "open"),
    Model("basalt-chat-70b",  0.55,  0.20, 45, 5, 20, 90, 9, 30, 0, 30, 1, 2, 20, 3, 2, "open"),
    Model("basalt-chat-13b",  0.05,  0.15, 40, 3, 15, 80, 12, 40, 1, 45, 2, 3, 40, 3, 2, "list"),
    Model("basalt-chat-7b",  -0.25,  0.10, 40, 2, 10, 75, 14, 45, 1, 55, 4, 4, 55, 3, 2, "list"),
    Model("cinder-2",         0.75, -0.05, 20, 2, 5, 95, 8, 25, 0, 2, 0, 1, 5, 4, 0, "maths"),
    Model("cinder-instant",   0.40, -0.20, 15, 1, 3, 90, 8, 30, 0, 4, 0, 1, 12, 4, 0, "brief"),
    Model("delta-oracle",     1.05,  0.10, 35, 15, 35, 97, 2, 22, 0, 2, 0, 1, 3, 7, 0, "maths"),
    Model("delta-mini",       0.10, -0.15, 25, 5, 15, 90, 3, 38, 1, 8, 1, 2, 20, 7, 0, "factual"),
    Model("ember-34b",        0.35,  0.15, 45, 12, 30, 88, 3, 33, 0, 10, 1, 3, 25, 2, 1, "open"),
    Model("ember-6b",        -0.50,  0.00, 35, 5, 15, 70, 4, 50, 2, 20, 5, 8, 60, 2, 1, "list"),
    Model("fjord-instruct",   0.60,  0.05, 35, 10, 25, 94, 1, 28, 0, 5, 1, 2, 10, 0, 3, "coding"),
    Model("fjord-base",      -0.90, -0.30, 10, 2, 2, 55, 1, 60, 3, 15, 10, 20, 65, 0, 0, "factual"),
    Model("glacier-8x7b",     0.65,  0.15, 50, 6, 20, 93, 1, 28, 0, 6, 1, 2, 12, 5, 3, "coding"),
    Model("glacier-7b",       0.00,  0.05, 45, 4, 15, 85, 2, 38, 1, 15, 2, 4, 35, 5, 3, "open"),
    Model("harbor-40b",      -0.40, -0.40, 15, 1, 2, 65, 3, 48, 2, 30, 4, 6, 55, 0, 0, "brief"),
    Model("iris-chat",        0.25,  0.20, 40, 20, 45, 85, 5, 35, 0, 8, 1, 3, 20, 6, 1, "list"),
    Model("juniper-12b",     -0.75, -0.35, 15, 1, 2, 55, 3, 58, 3, 50, 8, 12, 70, 0, 4, "factual"),
    Model("kelp-13b",        -0.30, -0.25, 25, 2, 5, 70, 5, 46, 1, 35, 4, 5, 55, 4, 4, "brief"),
    Model("lumen-33b",        0.15,  0.10, 40, 4, 12, 82, 4, 36, 0, 20, 2, 3, 35, 1, 2, "open"),
    Model("lumen-13b",       -0.10,  0.05, 38, 3, 10, 78, 5, 40, 1, 25, 3, 4, 45, 1, 2, "open"),
    Model("lumen-7b",        -0.45, -0.05, 35, 2, 8, 72, 6, 47, 2, 30, 5, 6, 60, 1, 2, "list"),
    Model("mica-3b",         -1.15, -0.45, 12, 1, 2, 45, 2, 65, 4, 45, 12, 15, 75, 0, 0, "factual"),
    Model("nimbus-pro",       0.85,  0.00, 60, 12, 65, 94, 4, 26, 0, 3, 0, 1, 6, 6, 0, "factual"),
    Model("onyx-6b",         -0.85, -0.10, 30, 3, 5, 60, 3, 52, 3, 15, 7, 8, 65, 2, 3, "maths"),
)
# fmt: on

AFFINITY = 0.4
"""Added to a model's skill in the kind of prompt it is strong in (unit: z)."""

SHARPNESS = (0.6, 0.85, 1.1)
"""Factor on skill differences for easy, ordinary and hard prompts: easy ones part few models."""


class Effect(NamedTuple):
    """What one fact of an answer's text adds to its score: `size` times the fact.

    `fact` names a column of `Facts`; the effect holds for prompts of `kinds` only.
    """

    name: str
    size: float
    fact: str
    kinds: tuple[str, ...]
    why: str


# Facts are sums over turns; `log_characters` is ln(50 + x), the other logs are ln(1 + x); `focus`
# and `repeated` are shares of sentences, `code` to `cut` shares of turns, `wrong_sum` is 0 or 1.
_WORDY = ("open", "coding", "maths", "list")
EFFECTS = (
    Effect("length", 0.45, "log_characters", _WORDY, "longer answers look more thorough"),
    Effect("brevity", -0.60, "log_characters", ("brief",), "the prompt asks to be brief"),
    Effect("list items", 0.12, "log_items", KINDS, "lists are easy to scan"),
    Effect("headers", 0.15, "log_headers", KINDS, "headers give an overview"),
    Effect("bold", 0.10, "log_bold", KINDS, "bold words guide the eye"),
    Effect("code", 0.80, "code", ("coding",), "code was asked for"),
    Effect("wrong sum", -1.20, "wrong_sum", ("maths",), "the product is wrong"),
    Effect("focus", 1.00, "focus", KINDS, "sentences that name what the prompt asks about"),
    Effect("refusal", -1.30, "refusal", KINDS, "a refusal does not help"),
    Effect("missing", -1.80, "missing", KINDS, "a null or empty turn is no answer"),
    Effect("language", -1.10, "foreign", KINDS, "an answer in another language than the prompt's"),
    Effect("repetition", -1.60, "repeated", KINDS, "sentences that were said before"),
    Effect("typos", -0.30, "log_typos", KINDS, "carelessness"),
    Effect("truncation", -0.70, "cut", KINDS, "an answer that stops in mid-sentence"),
)

TIES = {
    "base": -0.26,  # the tie's log weight ν where nothing below applies
    "easy": 0.35,  # easy prompts: both answers will do
    "objective": 0.25,  # maths and factual prompts: both answers may be right
    "alike": 0.50,  # times exp(−2 |difference of log characters|)
    "both_fail": 1.20,  # both answers refuse, are missing or in the wrong language
    "identical": 3.00,  # the same text twice: only a slip of the hand decides
}

_LARGEST_Z = 5.0


@dataclass(frozen=True)
class Prompts:
    """What the law reads of n prompts: `kind` and `difficulty` number `KINDS` and `SHARPNESS`."""

    kind: Integers
    difficulty: Integers


@dataclass(frozen=True)
class Side:
    """One side's n answers: the number of the model, and the facts of the text (`EFFECTS`)."""

    model: Integers
    facts: Facts


def score(prompts: Prompts, side: Side) -> Floats:
    """Give the worth of each answer on the scale of z, shape (n,).

    The model's skill in this kind of prompt, sharpened by difficulty, plus `EFFECTS`.
    """
    skill = np.array(
        [[model.skill + AFFINITY * (model.strong == kind) for kind in KINDS] for model in MODELS]
    )
    worth = np.array(SHARPNESS)[prompts.difficulty] * skill[side.model, prompts.kind]
    for effect in EFFECTS:
        size = np.array([effect.size * (kind in effect.kinds) for kind in KINDS])
        worth = worth + size[prompts.kind] * side.facts[effect.fact]
    return worth


def tie_log_weight(prompts: Prompts, a: Side, b: Side, identical: npt.NDArray[np.bool_]) -> Floats:
    """Give Davidson's ν for each battle, shape (n,); symmetric in the two answers."""
    objective = np.array([kind in ("maths", "factual") for kind in KINDS])[prompts.kind]
    distance = np.abs(a.facts["log_characters"] - b.facts["log_characters"])
    both_fail = np.minimum(_failure(a.facts), _failure(b.facts))
    return np.asarray(
        TIES["base"]
        + TIES["easy"] * (prompts.difficulty == 0)
        + TIES["objective"] * objective
        + TIES["alike"] * np.exp(-2 * distance)
        + TIES["both_fail"] * both_fail
        + TIES["identical"] * identical
    )


def probabilities(prompts: Prompts, a: Side, b: Side, identical: npt.NDArray[np.bool_]) -> Integers:
    """Give the true probabilities of A, B and tie by Davidson's law, in millionths.

    With z the difference of the scores (none between identical texts), the weights are e^{z/2},
    e^{-z/2} and e^ν: Davidson (1970), "On extending the Bradley-Terry model to accommodate ties in
    paired comparison experiments", with the worths and the tie parameter as logarithms.

    Returns
    -------
    numpy.ndarray of int64, shape (n, 3)
        Each entry lies strictly between 0 and `PARTS`; rows sum to `PARTS`. Exchanging `a` and `b`
        exchanges the first two columns exactly.
    """
    difference = np.where(identical, 0.0, score(prompts, a) - score(prompts, b))
    z = np.clip(difference, -_LARGEST_Z, _LARGEST_Z)
    tie = np.exp(tie_log_weight(prompts, a, b, identical))
    return davidson(z, tie)


def davidson(z: Floats, tie: Floats) -> Integers:
    """Turn a log ratio and a tie weight into the millionths of A, B and tie.

    >>> davidson(np.array([0.0]), np.array([2.0])).tolist()
    [[250000, 250000, 500000]]
    >>> davidson(np.array([2 * np.log(2.0)]), np.array([1.5])).tolist()  # weights 2, 1/2, 3/2
    [[500000, 125000, 375000]]
    """
    first, second = np.exp(z / 2), np.exp(-z / 2)
    total = (first + second) + tie
    parts_a = np.rint(PARTS * (first / total)).astype(np.int64)
    parts_b = np.rint(PARTS * (second / total)).astype(np.int64)
    return np.stack([parts_a, parts_b, PARTS - (parts_a + parts_b)], axis=1)


def entropy(parts: Integers) -> Floats:
    """Give the entropy in nats of each row of millionths: its expected log loss at best.

    >>> entropy(np.array([[500_000, 250_000, 250_000]])).round(4).tolist()  # 1.5 bits
    [1.0397]
    """
    share = parts / PARTS
    return np.asarray(-(share * np.log(share)).sum(axis=1))


def _failure(facts: Facts) -> Floats:
    return np.minimum(1.0, facts["refusal"] + facts["missing"] + facts["foreign"])
