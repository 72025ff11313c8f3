"""Two versions over the same battles, folds and seeds: what a change gained, in one table."""

from collections.abc import Sequence

import numpy as np

from benchmarks.quality.fits import cost
from benchmarks.quality.runs import Run, Scored
from benchmarks.tables import difference, each, write, write_header, write_row
from models.measures.evaluation import paired_difference
from models.measures.metrics import METRICS

FIGURES = {"log loss": "log_loss", "A/B AUC": "direction_auc", "tie AUC": "tie_auc"}
COLUMNS = ("what", *FIGURES, "log loss by seed", "seconds", "MB")


def write_comparison(
    names: tuple[str, str], pairs: Sequence[tuple[Run, Run]], scored: Scored
) -> None:
    """Print both versions, and the first minus the second with 95 % intervals over prompts.

    Parameters
    ----------
    names : tuple of str
        What the two sides are called.
    pairs : sequence of tuple of Run
        The runs of each seed.
    scored : Scored
        The battles that all these runs predict.
    """
    write_header(COLUMNS)
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    for name, runs in reversed(list(zip(names, sides, strict=True))):
        write_row([name, *_side(runs, scored)])
    gaps = {metric: _gap(pairs, scored, metric) for metric in FIGURES.values()}
    by_seed = each(gaps["log_loss"]["runs"], "+.4f")
    write_row(["difference", *map(difference, gaps.values()), by_seed, "", ""])
    seeds = ", ".join(str(run.seed) for run in sides[0])
    write(
        f"\n{len(scored.y):,} battles, {len(np.unique(scored.group)):,} prompts; seeds {seeds}. "
        "The difference is the second line minus the first, mean of the seeds, with a 95 % "
        "bootstrap interval over prompts."
    )
    moved = [run.seed for run, other in pairs if (run.fold != other.fold).any()]
    if moved:
        write(f"The folds of the two differ (seeds {', '.join(map(str, moved))}).")


def _side(runs: Sequence[Run], scored: Scored) -> list[str]:
    figures = {
        metric: [METRICS[metric].function(scored.y, run.proba) for run in runs]
        for metric in FIGURES.values()
    }
    return [
        *(f"{np.mean(values):.4f}" for values in figures.values()),
        each(figures["log_loss"]),
        *cost(runs),
    ]


def _gap(pairs: Sequence[tuple[Run, Run]], scored: Scored, metric: str) -> dict:
    ours, theirs = ([pair[side].proba for pair in pairs] for side in (0, 1))
    return paired_difference(scored.y, ours, theirs, scored.group, metric=metric)
