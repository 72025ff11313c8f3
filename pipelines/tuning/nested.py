"""What tuning gains on rows that no study saw: outer splits, each with a study of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.calibration import of_rows
from models.heads import classes_of
from models.measures.evaluation import paired_difference
from pipelines.run.inputs import Battles
from pipelines.tuning.space import Space
from pipelines.tuning.study import Done
from pipelines.tuning.work import Job, Outer


def nested_jobs(job: Job, splits: int) -> list[Job]:
    """Return the jobs of the nested studies, which are named after the study."""
    return [
        job._replace(
            name=f"{job.name}-nested-{fold + 1}-of-{splits}",
            key=dict(job.key) | {"outer": [fold, splits]},
            outer=Outer(fold, splits),
        )
        for fold in range(splits)
    ]


def gain_of(
    jobs: Sequence[Job], found: Sequence[tuple[Done, Done]], space: Space, battles: Battles
) -> dict[str, Any]:
    """Return what tuning gained over the preset on the rows held out, with its interval.

    Parameters
    ----------
    jobs : sequence of Job
        Of `nested_jobs`, their studies finished.
    found : sequence of (Done, Done)
        Trial 0 and the best trial of each.
    space : Space
    battles : Battles
        All of them.

    Returns
    -------
    dict
        ``gain`` (log loss of the preset minus that of the tuned: ``value``, ``low``, ``high``) and
        ``splits``, each with ``value``, ``gain`` (as its study saw them) and ``held_gain``.
    """
    evaluator = jobs[0].evaluator(space, battles, outer=True)
    y, group, share = battles.plain[1], evaluator.group, evaluator.share
    tuned, preset = np.empty((2, len(y), len(classes_of(space.base.model.form))))
    splits = []
    for job, (first, best) in zip(jobs, found, strict=True):
        fold = job.outer.fold if job.outer else 0
        held = evaluator.fold == fold
        own, theirs = space.base, space.settle(best.labels).config
        preset[held] = evaluator.predict(evaluator.plan(own), fold)
        tuned[held] = evaluator.predict(evaluator.plan(theirs), fold)
        both, own_share = (preset[held], tuned[held]), of_rows(share, held)
        gap = paired_difference(y[held], *both, group[held], share=own_share, n_bootstrap=1)
        value, before = best.value or np.nan, first.value or np.nan
        splits.append({"value": value, "gain": before - value, "held_gain": gap["value"]})
    gain = paired_difference(y, preset, tuned, group, share=share)
    return {"gain": {name: gain[name] for name in ("value", "low", "high")}, "splits": splits}
