"""The columns of all families side by side, or those of them that are selected."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import FeatureUnion

from data.battles import DataError
from features.columns import selected
from models.preference import PASSED_THROUGH

Transformers = list[tuple[str, Any]]


class SelectingUnion(TransformerMixin, BaseEstimator):
    """scikit-learn's union, of whose columns those stay that a selection names.

    What the model needs beside its columns stays in any case.

    Parameters
    ----------
    union : FeatureUnion
        Gives pandas frames.
    select : sequence of str
        See `features.columns`.
    """

    def __init__(self, union: FeatureUnion, select: Sequence[str]) -> None:
        self.union = union
        self.select = select

    @property
    def transformer_list(self) -> Transformers:
        """The families, each with its name."""
        families: Transformers = self.union.transformer_list
        return families

    def fit(self, battles: pd.DataFrame, y: Any = None, **params: Any) -> Self:
        """Fit all families."""
        self.union.fit(battles, y, **params)
        return self

    def fit_transform(self, battles: pd.DataFrame, y: Any = None, **params: Any) -> pd.DataFrame:
        """Fit all families, and return the columns that stay.

        Raises
        ------
        DataError
            These battles give none of them.
        """
        made = self._left(self.union.fit_transform(battles, y, **params))
        if set(made) <= set(PASSED_THROUGH):
            raise none_of(self.select)
        return made

    def transform(self, battles: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that stay."""
        return self._left(self.union.transform(battles))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that stay."""
        names: NDArray[np.object_] = self.union.get_feature_names_out(input_features)
        return names[self._stay(names)]

    def _left(self, made: pd.DataFrame) -> pd.DataFrame:
        return made.loc[:, self._stay(made.columns)]

    def _stay(self, names: Sequence[str] | NDArray[np.object_] | pd.Index) -> NDArray[np.bool_]:
        stay = np.isin(np.asarray(names, dtype=object), PASSED_THROUGH)
        columns = [str(name) for name in names if name not in PASSED_THROUGH]
        stay[~stay] = selected(columns, self.select)
        return stay


def none_of(select: Sequence[str]) -> DataError:
    """Return what says that battles give no column that a selection names."""
    return DataError(
        f"model.select: these battles give none of its columns, {', '.join(select)}. "
        "Name others, or give battles that name models: some columns need them."
    )


def union_of(
    transformers: Transformers, select: Sequence[str] | None = None
) -> FeatureUnion | SelectingUnion:
    """Return the union of families: scikit-learn's own where all columns stay."""
    union = FeatureUnion(transformers, verbose_feature_names_out=False).set_output(
        transform="pandas"
    )
    return union if select is None else SelectingUnion(union, select)
