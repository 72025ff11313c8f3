"""What each feature family adds: alone, left out, and added to those that are not chosen.

On the plain rows, with the fold seeds asked for, the extra rows in the training parts. Families
that learn are fitted anew in each fold. Differences are paired: the same folds, the same resamples
of prompt groups. Below 0 a family helps.
"""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion
from threadpoolctl import threadpool_limits

from benchmarks import real
from benchmarks.quality.runs import Scored
from benchmarks.quality.study import Lines, Options, Study, features_of
from benchmarks.tables import difference, each
from data.battles import read_training
from data.folds import make_folds, training_rows
from models.measures.evaluation import paired_difference
from models.measures.metrics import direction_auc, log_loss
from models.preference import PASSED_THROUGH
from pipelines.config import Config, load_config
from pipelines.estimator.build import build_pipeline

COLUMNS = ("families", "log loss", "A/B AUC", "against all families", "by seed")
Families = tuple[str, ...]
Runs = list[NDArray[np.float64]]


class Ablation(NamedTuple):
    """A preset, the members that judge, what is set otherwise, and families (none: all)."""

    preset: str
    members: tuple[str, ...] = ("linear",)
    settings: tuple[str, ...] = ()
    families: Families = ()

    @property
    def config(self) -> Config:
        """The configuration of all families."""
        members = f"model.members={list(self.members)}"
        return load_config(preset=self.preset, settings=[members, *self.settings])


RATE = "learners.lightgbm.learning_rate"  # raised for the sake of time
ENCODED = ("cross_attention", "embedding")
ABLATIONS: dict[str, Ablation] = {
    "ablation": Ablation("classical"),
    "ablation_trees": Ablation("classical", ("lightgbm", "linear"), (f"{RATE}=0.1",)),
    "ablation_neural": Ablation("neural", families=ENCODED),
    "ablation_ngram_embedding": Ablation(
        "ngram_embedding", ("lightgbm",), (f"{RATE}=0.2",), (*ENCODED, "lexical")
    ),
}


class Columns(NamedTuple):
    """The columns of one fold of one seed: those that learn have not seen the fold's labels."""

    seed: int
    train: NDArray[np.bool_]
    held: NDArray[np.bool_]
    X_train: pd.DataFrame
    X_held: pd.DataFrame


class Measure:
    """Out-of-fold predictions by families, in folds that all share."""

    def __init__(self, config: Config, options: Options) -> None:
        self.config, self.seeds = config, options.seeds
        self.battles, self.y = real.all_rows()
        self.scored = Scored.of(read_training(real.train_file()))
        features = features_of(config, self.battles, options.kept)
        self.columns = [
            self._columns(clone(features), seed, held)
            for seed in self.seeds
            for held in self._held(seed)
        ]
        self.runs = cache(self._runs)

    def _held(self, seed: int) -> Iterator[NDArray[np.bool_]]:
        n_folds = self.config.folds.n_folds
        folds = make_folds(self.scored.y, self.scored.group, n_folds=n_folds, seed=seed)
        for fold in range(n_folds):
            held = np.zeros(len(self.y), dtype=np.bool_)
            held[: len(folds)] = folds == fold
            yield held

    def _columns(self, features: FeatureUnion, seed: int, held: NDArray[np.bool_]) -> Columns:
        train = training_rows(held, self.battles["group"], self.battles["source"])
        with threadpool_limits(limits=1, user_api="blas"), parallel_config("threading", n_jobs=-1):
            X = features.fit_transform(self.battles[train], self.y[train])
            return Columns(seed, train, held, X, features.transform(self.battles[held]))

    def _runs(self, families: Families) -> Runs:
        """Return the plain rows' probabilities with each seed, from these families' columns."""
        runs = {seed: np.empty((len(self.scored.y), 3)) for seed in self.seeds}
        for part in self.columns:
            names = [
                name
                for name in part.X_train
                if name in PASSED_THROUGH or name.partition("__")[0] in families
            ]
            model = build_pipeline(self.config).named_steps["model"].set_params(seed=part.seed)
            model.fit(part.X_train[names], self.y[part.train])
            held = part.held[: len(self.scored.y)]
            runs[part.seed][held] = model.predict_proba(part.X_held[names])
        return list(runs.values())

    def line(self, families: Families, against: Families) -> Iterable[str]:
        """Return the figures of some families, and the difference to others."""
        y, runs = self.scored.y, self.runs(families)
        gap = paired_difference(y, runs, self.runs(against), self.scored.group)
        yield f"{np.mean([log_loss(y, proba) for proba in runs]):.4f}"
        yield f"{np.mean([direction_auc(y, proba) for proba in runs]):.4f}"
        yield difference(gap)
        yield each(gap["runs"], "+.4f")


def compared(families: Families, chosen: Families) -> dict[str, tuple[Families, Families]]:
    """Return, by the name of its line, which families are compared with which.

    >>> for name, (some, others) in compared(("a", "b", "c"), ("b", "c")).items():
    ...     print(name, some, others, sep=" | ")
    all | ('a', 'b', 'c') | ('a', 'b', 'c')
    b alone | ('b',) | ('a', 'b', 'c')
    c alone | ('c',) | ('a', 'b', 'c')
    without b | ('a', 'c') | ('a', 'b', 'c')
    without c | ('a', 'b') | ('a', 'b', 'c')
    the others | ('a',) | ('a', 'b', 'c')
    the others and b, against the others | ('a', 'b') | ('a',)
    the others and c, against the others | ('a', 'c') | ('a',)
    """
    lines = {"all": (families, families)}
    lines |= {f"{name} alone": ((name,), families) for name in chosen}
    lines |= {
        f"without {name}": (tuple(f for f in families if f != name), families) for name in chosen
    }
    others = tuple(name for name in families if name not in chosen)
    if others and len(chosen) > 1:
        lines["the others"] = (others, families)
        lines |= {
            f"the others and {name}, against the others": ((*others, name), others)
            for name in chosen
        }
    return lines


def _lines(ablation: Ablation, options: Options) -> Lines:
    config = ablation.config
    measure, families = Measure(config, options), tuple(config.families)
    return {
        name: partial(measure.line, *pair)
        for name, pair in compared(families, ablation.families or families).items()
    }


STUDIES = {name: Study(COLUMNS, partial(_lines, of)) for name, of in ABLATIONS.items()}
