"""The estimator that a configuration describes: feature families, then the preference model."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self

import numpy as np
import pandas as pd
import polars as pl
from joblib import parallel_config
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from threadpoolctl import threadpool_limits

from data.battles import make_battles
from data.frames import completed
from data.labels import as_labels
from data.layouts.layout import WEIGHT
from data.weights import SHARE, training_weights
from features import FAMILIES, TEXTS, BattleFamily, count, to_polars, turns_of
from features.layout import texts_of
from features.matching.store import EncoderStore
from features.ngram.counting import CountStore
from features.storage.cache import Cache
from features.text import formulas as text
from models.preference import PASSED_THROUGH, PreferenceModel
from pipelines.config import Config, build, build_learner
from pipelines.estimator.encoding import encoder_of, families_of, hand_over, using
from pipelines.estimator.timing import Seconds, timed
from pipelines.estimator.union import SelectingUnion, union_of

BLOCK_ROWS, BLOCK_BYTES = 16_384, 64_000_000  # whose columns are computed at a time, at most


class PassThrough(TransformerMixin, BaseEstimator):
    """Hand on what the model needs and takes off again, for it is no feature.

    ``group`` and ``source`` as they are, ``characters``, of both answers together: the length by
    which the model may calibrate; and ``weight`` and ``share``, 1 where battles have none.
    """

    def fit(self, battles: pd.DataFrame, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn nothing."""
        self.n_features_in_ = battles.shape[1]
        return self

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take nothing over, as a family does that learns nothing."""
        return self.fit(make_battles([], [], []))

    def transform(self, battles: pd.DataFrame) -> pd.DataFrame:
        """Return the columns; who predicts has texts alone, and needs no more."""
        turns = turns_of(to_polars(battles), [TEXTS["a"], TEXTS["b"]])
        characters = turns.total(count(turns, {"characters": text.characters})["characters"])
        known = [name for name in PASSED_THROUGH if name in battles]
        made = {name: 1.0 for name in (WEIGHT, SHARE) if name not in battles}
        made |= {"characters": characters.sum(axis=0)}
        passed: pd.DataFrame = battles[known].assign(**made)
        return passed.reindex(columns=list(PASSED_THROUGH))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return their names."""
        return np.array(PASSED_THROUGH, dtype=object)


class Precomputed(TransformerMixin, BaseEstimator):
    """Columns that were computed once for all rows, looked up by the battles' index.

    Parameters
    ----------
    columns : DataFrame of float32
        One row for each battle of the frame that it was computed from, with that frame's index.
    """

    def __init__(self, columns: pd.DataFrame) -> None:
        self.columns = columns

    def fit(self, battles: pd.DataFrame, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn nothing."""
        self.n_features_in_ = battles.shape[1]
        return self

    def transform(self, battles: pd.DataFrame) -> pd.DataFrame:
        """Return the columns of these battles.

        Raises
        ------
        KeyError
            If a battle is none of those that the columns were computed from.
        """
        if battles.index.equals(self.columns.index):
            return self.columns
        rows = self.columns.index.get_indexer(battles.index)
        if (rows < 0).any():
            raise KeyError(f"{(rows < 0).sum()} battles have no row among the computed columns")
        # Taken from the array, so that the rows stay contiguous and the model need not copy them.
        return _frame(self.columns.to_numpy()[rows], battles.index, self.get_feature_names_out())

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the columns' names."""
        return self.columns.columns.to_numpy(dtype=object)

    def __sklearn_clone__(self) -> Self:
        """Share the columns: they are read, never written, and a copy a fold would be large."""
        return self


def _frame(
    values: NDArray[np.float32], index: pd.Index, names: NDArray[np.object_]
) -> pd.DataFrame:
    return pd.DataFrame(values, index=index, columns=names, copy=False)


class PreferencePipeline(Pipeline):
    """Feature families, then the preference model; `fit` is what `fit_pipeline` does."""

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit on battles and their labels, see `data.labels.as_labels`.

        Columns that a battles frame has beside the texts are made where they lack, see
        `data.frames.completed`.
        """
        to_polars(X.head(0) if isinstance(X, pd.DataFrame) else X)  # says what battles must be
        fit_pipeline(self, completed(X), as_labels(y, len(X)))
        return self


def build_pipeline(config: Config, device: str = "cpu", cache: Cache | None = None) -> Pipeline:
    """Return the unfitted estimator: ``fit(battles, y)``, ``predict_proba(battles)``.

    It clones, and works in scikit-learn's `cross_val_predict` on the plain rows of one file.

    Parameters
    ----------
    config : Config
    device : {"cpu", "cuda"}
    cache : Cache, optional
        Where what a frozen encoder makes is kept on disk.

    Examples
    --------
    >>> from pipelines.config import load_config
    >>> list(build_pipeline(load_config()).named_steps)
    ['features', 'model']
    """
    families = [
        (name, build(FAMILIES[name], config.features.get(name, {}))) for name in config.families
    ]
    members = [
        (name, build_learner(name, config.learners.get(name, {}))) for name in config.model.names()
    ]
    options = config.model.model_dump(exclude={"members", "select"})
    pipeline = PreferencePipeline(
        [
            ("features", union_of([*families, ("passed", PassThrough())], config.model.select)),
            ("model", PreferenceModel(members, device=device, seed=config.seed, **options)),
        ]
    )
    if config.encoder is not None:  # one for all families: their clones read no text twice
        hand_over(pipeline, EncoderStore(encoder_of(config.encoder, device), cache))
    return pipeline


def precompute(
    pipeline: Pipeline,
    battles: pd.DataFrame,
    done: Callable[[int], None] = lambda rows: None,
    cache: Cache | None = None,
) -> Pipeline:
    """Return the pipeline with what needs no label done on `battles`, once for all folds.

    Of families that learn nothing these are the columns, computed block by block: a row of theirs
    depends on its battle alone. Families that learn stay as they are and are fitted in each fold;
    those that count n-grams find the counts made. What an encoder reads is another step, see
    `pipelines.estimator.encoding.encode`.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted, as `build_pipeline` returns it.
    battles : DataFrame
    done : callable, optional
        Told of the battles × families that are computed.
    cache : Cache, optional
        Where counts are kept on disk.
    """
    for _ in using(pipeline, "encoder"):
        done(len(battles))
    steps: list[tuple[str, Any]] = []
    union = pipeline.named_steps["features"]
    select = getattr(union, "select", None)
    for fixed, some in groupby(union.transformer_list, key=lambda named: _is_fixed(named[1])):
        families = list(some)
        if fixed:
            columns = in_blocks(union_of(families, select), battles, done)
            families = [("+".join(name for name, _ in families), Precomputed(columns))]
        steps += families
    ready = PreferencePipeline(
        [("features", union_of(steps, select)), ("model", pipeline.named_steps["model"])]
    )
    _count(ready, battles, done, cache)
    return ready


def _blocks(battles: pd.DataFrame) -> Iterator[slice]:
    """Cut the rows so that no block has too many of them, nor too much text."""
    length = pl.sum_horizontal(
        pl.col(column).list.eval(pl.element().str.len_bytes()).list.sum()
        for column in TEXTS.values()
    )
    total = np.cumsum(to_polars(battles).select(length).to_series().fill_null(0).to_numpy())
    start = 0
    while start < len(battles):
        before = total[start - 1] if start else 0
        full = int(np.searchsorted(total, before + BLOCK_BYTES, side="right"))
        end = min(max(full, start + 1), start + BLOCK_ROWS, len(battles))
        yield slice(start, end)
        start = end


def _count(
    pipeline: Pipeline,
    battles: pd.DataFrame,
    done: Callable[[int], None],
    cache: Cache | None,
) -> None:
    """Let the families that count n-grams share the counts of all battles."""
    counting = using(pipeline, "counts")
    if counting:
        store = CountStore(texts_of(to_polars(battles)).distinct, cache)
        for family in counting:
            family.use(store)
            done(len(battles))


def _is_fixed(step: Any) -> bool:
    return isinstance(step, BattleFamily) and not step.learns


def in_blocks(
    union: FeatureUnion | SelectingUnion, battles: pd.DataFrame, done: Callable[[int], None]
) -> pd.DataFrame:
    """Return the columns of families that learn nothing, computed a block of rows at a time."""
    union.fit(battles.iloc[:0])
    names = union.get_feature_names_out()
    values = np.empty((len(battles), len(names)), dtype=np.float32)
    for block in _blocks(battles):
        values[block] = union.transform(battles.iloc[block])
        done(len(values[block]) * len(union.transformer_list))
    return _frame(values, battles.index, names)


def fit_pipeline(
    pipeline: Pipeline,
    battles: pd.DataFrame,
    y: NDArray[np.int8],
    seconds: Seconds | None = None,
) -> Pipeline:
    """Fit, with the families side by side, and return the pipeline.

    Extra rows have the weight that the model gives them in every family that learns, times that
    which rows have of their own, and with weight 0 no step sees them. The wall-clock time of
    ``features`` and ``model`` is added to `seconds`.

    BLAS has one thread from beginning to end: families that limit it for themselves would lift each
    other's limits, and sums would depend on the moment.
    """
    seconds = {} if seconds is None else seconds
    plain = (battles["source"] == "plain").to_numpy(dtype=np.bool_)
    drawn = np.where(plain, 1.0, pipeline.named_steps["model"].extra_weight)
    weight = drawn * training_weights(battles)
    if (weight == 0).any():
        battles, y, weight = battles[weight > 0], y[weight > 0], weight[weight > 0]
    weights = {} if (weight == 1).all() else {"sample_weight": weight}
    with threadpool_limits(limits=1, user_api="blas"), parallel_config("threading", n_jobs=-1):
        with timed(seconds, "features"):
            columns = pipeline.named_steps["features"].fit_transform(battles, y, **weights)
        with timed(seconds, "model"):
            pipeline.named_steps["model"].fit(columns, y)
    return pipeline


def dump_features(pipeline: Pipeline) -> dict[str, bytes]:
    """Return what the families of a fitted pipeline learned, as files (name -> content)."""
    families = families_of(pipeline)
    return {name: content for family in families for name, content in family.dump().items()}


def learned_report(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """Return what each family that learns says of what it learned, ready for JSON."""
    return {family.name: family.report() for family in families_of(pipeline) if family.learns}


def load_features(pipeline: Pipeline, files: Mapping[str, bytes]) -> None:
    """Give the families of an unfitted pipeline what `dump_features` returned."""
    for _, step in pipeline.named_steps["features"].transformer_list:
        step.load(files)


def describe_columns(pipeline: Pipeline) -> dict[str, str]:
    """Return a line of documentation for each feature column of a fitted pipeline."""
    return {
        column: doc for family in families_of(pipeline) for column, doc in family.describe().items()
    }
