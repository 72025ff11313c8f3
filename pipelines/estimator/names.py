"""Names of models where a run knows some: those of a test file, and predictions without any."""

from collections import Counter
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from data.battles import Files, Named
from features.families.names import NAMES, NamesFeatures, names_of
from features.sides import Array
from pipelines.estimator.encoding import families_of

NAMELESS, WRITTEN = "nameless", "written"  # of each plain row, beside what every run predicts
BY_FINGERPRINT = ["fingerprint__strength_a", "fingerprint__strength_b"]
MOST_SHOWN = 3  # unknown names in a line


class NamesSeen:
    """Counts the names of a test file, to say where most of them are strange to a run.

    Parameters
    ----------
    known : iterable of str
        The models of the training rows; none where names make no difference.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self.known = sorted(known)
        self.rows = 0
        self.names: Counter[str] = Counter()

    @classmethod
    def of(cls, pipelines: Iterable[Pipeline]) -> Self:
        """Look for what fitted estimators know."""
        families = [family for pipeline in pipelines if (family := names_family(pipeline))]
        return cls({model for family in families for model in family.learned_.models})

    def add(self, battles: pd.DataFrame) -> None:
        """Count the names of battles that are predicted."""
        self.rows += len(battles)
        for names in names_of(battles) if self.known else ():
            self.names.update(name for name in names if name is not None)

    def watched(self, predict_proba: Callable[[pd.DataFrame], NDArray]) -> Callable[..., NDArray]:
        """Return the same function of battles, whose names are counted."""

        def predict(battles: pd.DataFrame) -> NDArray:
            self.add(battles)
            return predict_proba(battles)

        return predict

    def told(self, test: Named) -> list[str]:
        """Return what a person should know: a line, or none."""
        file, answers = Files.of(test).name, self.names.total()
        strange = Counter({n: count for n, count in self.names.items() if n not in self.known})
        if not self.known or 2 * strange.total() <= answers > 0 or not self.rows:
            return []
        if not answers:
            return [f"names: {file} has none in {' and '.join(NAMES)}; predicted without them"]
        some = ", ".join(
            self._shown(name, count) for name, count in strange.most_common(MOST_SHOWN)
        )
        more = ", …" if len(strange) > MOST_SHOWN else ""
        return [
            f"names: {strange.total():,} of {answers:,} answers of {file} are by models that no "
            f"training row names, as if they had no name: {some}{more}. Write names as the "
            "training file does."
        ]

    def _shown(self, name: str, count: int) -> str:
        folded = {known.casefold(): known for known in self.known}
        near = get_close_matches(name.casefold(), folded, n=1)
        return f"{name} ({count:,}{f', nearest: {folded[near[0]]}' if near else ''})"


def names_family(pipeline: Pipeline) -> NamesFeatures | None:
    """Return the family of a pipeline that reads names, None where it has none."""
    families = families_of(pipeline)
    return next((family for family in families if isinstance(family, NamesFeatures)), None)


def beside(pipeline: Pipeline, battles: pd.DataFrame, columns: pd.DataFrame) -> dict[str, Array]:
    """Return what a fitted estimator would say without names, where it reads them.

    Parameters
    ----------
    pipeline : Pipeline
    battles : DataFrame
        Whose names are there.
    columns : DataFrame
        What its features made of them.

    Returns
    -------
    dict of str to ndarray
        `NAMELESS`, shape (n_battles, n_classes): probabilities. And, where there is a fingerprint,
        `WRITTEN`, shape (n_battles, 2): how strong A's and B's author seems by how they write.
    """
    family = names_family(pipeline)
    if family is None:
        return {}
    nameless = family.transform(battles.assign(**dict.fromkeys(NAMES)))
    asked = columns.assign(**nameless)
    found: dict[str, Array] = {NAMELESS: pipeline.named_steps["model"].predict_proba(asked)}
    if set(BY_FINGERPRINT) <= set(columns):
        found[WRITTEN] = columns[BY_FINGERPRINT].to_numpy(dtype=np.float64)
    return found


def put_together(
    parts: Iterable[dict[str, NDArray[Any]]], folds: NDArray[np.int8]
) -> dict[str, Array]:
    """Put what `beside` gave of each fold into the order of the rows."""
    whole: dict[str, Array] = {}
    for fold, part in enumerate(parts):
        for name in (NAMELESS, WRITTEN):
            if name in part:
                empty = np.full((len(folds), part[name].shape[1]), np.nan)
                whole.setdefault(name, empty)[folds == fold] = part[name]
    return whole
