"""Which members suit the ties: whole models whose direction is the linear member's alone.

On the plain rows, with the fold seeds asked for: choose with other seeds than those that figures
are scored with. Ties are learned from plain rows alone, so no other rows can say it.
"""

from collections.abc import Iterable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.ablation import Measure
from benchmarks.quality.study import Lines, Options, Study
from benchmarks.tables import difference, each
from models.measures.evaluation import paired_difference
from models.measures.metrics import log_loss, tie_auc
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline

CHOICES: dict[str, tuple[str, ...]] = {
    "linear": ("linear",),
    "LightGBM": ("lightgbm",),
    "LightGBM and linear": ("lightgbm", "linear"),
    "three": ("lightgbm", "xgboost", "linear"),
}
COLUMNS = ("members of the tie head", "log loss", "tie AUC", "against the first", "by seed")
Runs = list[NDArray[np.float64]]


def _lines(options: Options) -> Lines:
    settings = ['model.direction=["linear"]', f"model.tie={list(CHOICES['three'])}"]
    config = load_config(settings=settings)
    measure = Measure(config, options)
    scored = measure.scored

    @cache
    def runs(tie: tuple[str, ...]) -> Runs:
        found = {seed: np.empty((len(scored.y), 3)) for seed in options.seeds}
        for part in measure.columns:
            model = build_pipeline(config).named_steps["model"]
            model.set_params(seed=part.seed, tie=list(tie)).fit(part.X_train, measure.y[part.train])
            found[part.seed][part.held[: len(scored.y)]] = model.predict_proba(part.X_held)
        return list(found.values())

    def line(tie: tuple[str, ...]) -> Iterable[str]:
        gap = paired_difference(scored.y, runs(tie), runs(CHOICES["linear"]), scored.group)
        yield f"{np.mean([log_loss(scored.y, proba) for proba in runs(tie)]):.4f}"
        yield f"{np.mean([tie_auc(scored.y, proba) for proba in runs(tie)]):.4f}"
        yield difference(gap)
        yield each(gap["runs"], "+.4f")

    return {name: partial(line, tie) for name, tie in CHOICES.items()}


STUDIES = {"tie_members": Study(COLUMNS, _lines)}
