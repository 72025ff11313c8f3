"""What names are worth: ``python -m benchmarks.quality known_models``.

The preset `known_models` beside `classical` on the same columns, folds and seeds: with the names of
the predicted battles' models given, and with the same models, the names not given. Then each of the
most frequent models is left out of training wholly, with every row of its battles' prompts, and its
plain battles are predicted: with names given (that of its opponent is known) and not. Fits that
leave a model out are made once, with the first seed; a run makes none of them, for each costs as
much as a fold does.

``--keep DIR`` holds what is predicted: the same command goes on from what lies there.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from benchmarks import real
from benchmarks.quality.runs import Scored
from benchmarks.quality.study import CACHE_BYTES, features_of
from benchmarks.tables import difference, each, write, write_header, write_row
from data.battles import read_training
from data.folds import make_folds, training_rows
from features.families.names import NAMES, NamesFeatures
from features.storage.cache import Cache
from models.measures.evaluation import paired_difference
from models.measures.metrics import direction_auc, log_loss
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline

GIVEN, NOT_GIVEN, CLASSICAL = "names given", "names not given", "classical"
WAYS = (CLASSICAL, GIVEN, NOT_GIVEN)
MOST_FREQUENT = 10
COLUMNS = ("what", "battles", "log loss", "A/B AUC", "against classical", "by seed")
Proba = NDArray[np.float64]
Rows = NDArray[np.bool_]
Found = dict[str, Proba]  # by `WAYS`, of the rows asked about


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables."""
    options = _parser().parse_args(argv)
    if not real.at_hand():
        return 0
    with tempfile.TemporaryDirectory() as aside:
        experiment = Experiment(options.keep or Path(aside), options.cache)
        write_header(COLUMNS)
        _write_seeds(experiment, options.seeds)
        if options.left_out:
            write("\nA model left out of training wholly:\n")
            write_header(COLUMNS)
            _write_left_out(experiment, options.left_out, options.seeds[0])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality known_models",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="0 1 2 by default")
    add("--left-out", type=int, default=MOST_FREQUENT, metavar="N", help="models, 10 by default")
    add("--keep", type=Path, metavar="DIR", help="where predictions are kept")
    add("--cache", type=Path, metavar="DIR", help="of counts")
    return parser


class Experiment:
    """All battles, the families of `known_models`, and what was predicted already."""

    def __init__(self, keep: Path, cache: Path | None = None) -> None:
        self.keep = keep
        self.keep.mkdir(parents=True, exist_ok=True)
        self.config = load_config(preset="known_models")
        self.battles, self.y = real.all_rows()
        self.scored = Scored.of(read_training(real.train_file()))
        kept = Cache(cache, CACHE_BYTES) if cache else None
        self.features = features_of(self.config, self.battles, kept)

    def seed(self, seed: int) -> Found:
        """Return the out-of-fold probabilities of the plain rows."""
        n_folds = self.config.folds.n_folds
        folds = make_folds(self.scored.y, self.scored.group, n_folds=n_folds, seed=seed)
        found = {way: np.empty((len(folds), 3)) for way in WAYS}
        for fold in range(n_folds):
            held = np.zeros(len(self.y), dtype=np.bool_)
            held[: len(folds)] = folds == fold
            train = training_rows(held, self.battles["group"], self.battles["source"])
            for way, proba in self._asked(f"seed-{seed}-fold-{fold}", train, held, seed).items():
                found[way][folds == fold] = proba
        return found

    def most_frequent(self, number: int) -> list[str]:
        """Return the names of the models with most plain battles."""
        plain = self.battles.iloc[: len(self.scored.y)]
        counts = pd.concat([plain[name] for name in NAMES]).astype(object).value_counts()
        return [str(name) for name in counts.index[:number]]

    def left_out(self, model: str, seed: int) -> tuple[Rows, Found]:
        """Return the plain battles of a model, and what is said of them without it."""
        its = (self.battles[list(NAMES)] == model).any(axis=1).to_numpy(dtype=np.bool_)
        held = its & (self.battles["source"] == "plain").to_numpy(dtype=np.bool_)
        group = self.battles["group"]
        train = ~its & ~group.isin(group[held]).to_numpy(dtype=np.bool_)
        name = f"without-{model.replace('/', '_')}-{seed}"
        return held[: len(self.scored.y)], self._asked(name, train, held, seed)

    def _asked(self, name: str, train: Rows, held: Rows, seed: int) -> Found:
        path = self.keep / f"{name}.npz"
        if not path.exists():
            sys.stderr.write(f"{name}\n")
            np.savez(path, **dict(self._said(train, held, seed)))
        with np.load(path) as kept:
            return {way: kept[way] for way in WAYS}

    def _said(self, train: Rows, held: Rows, seed: int) -> Iterator[tuple[str, Proba]]:
        features = clone(self.features)
        with threadpool_limits(limits=1, user_api="blas"), parallel_config("threading", n_jobs=-1):
            X = features.fit_transform(self.battles[train], self.y[train])
            given = features.transform(self.battles[held])
            names = dict(features.transformer_list)[NamesFeatures.name]
            nameless = self.battles[held].assign(**dict.fromkeys(NAMES))
            not_given = given.assign(**names.transform(nameless))
            without = [name for name in X if name not in names.get_feature_names_out()]
            ways = {GIVEN: given, NOT_GIVEN: not_given}
            for columns, some in ((without, {CLASSICAL: given}), (list(X), ways)):
                model = build_pipeline(self.config).named_steps["model"].set_params(seed=seed)
                model.fit(X[columns], self.y[train])
                for way, asked in some.items():
                    yield way, model.predict_proba(asked[columns])


class Part(NamedTuple):
    """Battles, and what was said of them: by each way, a prediction a seed."""

    y: NDArray[np.int8]
    group: NDArray[np.object_]
    found: dict[str, list[Proba]]

    def write(self, what: str = "") -> None:
        """Print a line a way."""
        for way in WAYS:
            runs = self.found[way]
            gap = paired_difference(self.y, runs, self.found[CLASSICAL], self.group)
            write_row(
                [
                    f"{what}{way}",
                    len(self.y),
                    f"{np.mean([log_loss(self.y, run) for run in runs]):.4f}",
                    f"{np.mean([direction_auc(self.y, run) for run in runs]):.4f}",
                    difference(gap),
                    each(gap["runs"], "+.4f"),
                ]
            )


def _write_seeds(experiment: Experiment, seeds: Sequence[int]) -> None:
    runs = [experiment.seed(seed) for seed in seeds]
    scored = experiment.scored
    Part(scored.y, scored.group, {way: [run[way] for run in runs] for way in WAYS}).write()


def _write_left_out(experiment: Experiment, number: int, seed: int) -> None:
    scored, parts = experiment.scored, []
    for model in experiment.most_frequent(number):
        rows, found = experiment.left_out(model, seed)
        parts.append(Part(scored.y[rows], scored.group[rows], {w: [found[w]] for w in WAYS}))
        parts[-1].write(f"{model}, ")
    found = {way: [np.concatenate([part.found[way][0] for part in parts])] for way in WAYS}
    y, group = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    Part(y, group, found).write("all of these, ")


if __name__ == "__main__":
    sys.exit(main())
