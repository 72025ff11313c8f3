"""The formulas of `features.matching.attention` and of the family, token by token, in float64."""

import math

import numpy as np


def cosine(x, y):
    return float(np.dot(x, y) / math.sqrt(np.dot(x, x)) / math.sqrt(np.dot(y, y)))


def best_matches(x, y):
    """Each token's greatest cosine with a token of the other text; 0 where that has none."""
    return [max((cosine(one, other) for other in y), default=0.0) for one in x]


def gaze(x, y, temperature):
    """Entropy, and mass on the first and last quarter, of the attention of x over y."""
    if not len(x) or not len(y):
        return [0.0, 0.0, 0.0]
    m = len(y)
    quarter = math.ceil(m / 4)
    entropy = first = last = 0.0
    for one in x:
        raised = [math.exp(cosine(one, other) / temperature) for other in y]
        attention = [weight / sum(raised) for weight in raised]
        if m > 1:
            entropy -= sum(a * math.log(a) for a in attention if a) / math.log(m)
        first += sum(attention[:quarter])
        last += sum(attention[m - quarter :])
    return [entropy / len(x), first / len(x), last / len(x)]


def mean(values, weights=None):
    weights = [1.0] * len(values) if weights is None else weights
    total = sum(weights)
    return sum(w * v for w, v in zip(weights, values, strict=True)) / total if total else 0.0
