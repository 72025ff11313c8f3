"""Which columns of a preset earn their place on the real battles: ``… quality selection``.

    python -m benchmarks.quality selection --keep DIR
    python -m benchmarks.quality selection --decided --keep DIR

The first is `pipelines.select` on the plain rows, with the others as extra rows: how many columns
stay, the log loss on rows that no selection saw, and the time of the models' fits. The second
chooses on decided extra rows alone, by which presets may be changed: no figure is scored on them.
There the worth is told on folds that the selection did not see, by the mean of the direction's
members. Families that learn are fitted once on all decided rows, their columns being out of fold.
Both leave ``DIR/selected.toml``, or ``DIR/decided.toml``; the plain rows then score a fit of the
latter once. Choose fewer families or folds by ``--set``.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks import real
from benchmarks.quality.direction import N_FOLDS, Logits, decided_rows, figures, out_of_fold
from benchmarks.quality.study import CACHE_BYTES, Options
from benchmarks.tables import difference, write, write_header, write_row
from data.labels import TIE
from features.columns import names_of, units_of
from features.sides import Swap
from features.storage.cache import Cache
from models.parts import Rows
from models.selection import ColumnSelector
from pipelines.config import Config, ConfigError, check_config, load_config, write_config
from pipelines.estimator.build import build_pipeline
from pipelines.run.folder import RunError, is_run
from pipelines.run.inputs import Inputs
from pipelines.select import TOLD, select
from pipelines.selection.columns import made_anew

DECIDED = "decided.toml"


def main(argv: Sequence[str] | None = None) -> int:
    """Select, and print what that is worth."""
    options = _parser().parse_args(argv)
    if not real.at_hand():
        return 0
    try:
        config = load_config(preset=options.preset, settings=options.set)
        (_decided if options.decided else _nested)(config, options)
    except (ConfigError, RunError) as error:
        sys.exit(f"python -m benchmarks.quality selection: {error}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality selection",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--preset", default="classical", metavar="NAME")
    add("--set", action="append", default=[], metavar="KEY=VALUE")
    add("--ranking", default="gain", metavar="NAME", help="gain, permutation or shap")
    add("--decided", action="store_true", help="choose on the decided extra rows")
    add("--keep", type=Path, required=True, metavar="DIR", help="what it leaves; it goes on there")
    add("--cache", type=Path, metavar="DIR", help="of counts and vectors")
    add("--timeout", type=float, metavar="S", help="stop after the step at hand")
    return parser


def _nested(config: Config, options: argparse.Namespace) -> None:
    if not is_run(options.keep):
        inputs = Inputs(real.train_file(), None, (real.extra_file(),))
        cache = Cache(options.cache, CACHE_BYTES) if options.cache else None
        done = select(
            config,
            inputs,
            options.keep,
            ranking=options.ranking,
            timeout=options.timeout,
            device="cpu",
            cache=cache,
            console=Console(stderr=True),
        )
        if done is None:
            return
    told = json.loads((options.keep / TOLD).read_text())
    write_header(("columns", "stay", "by fold", "log loss", "with all", "difference", "fits"))
    write_row(cells(told))


def cells(told: dict) -> Iterable[str]:
    """Return the figures of a finished selection.

    >>> worth = {"log_loss": 1.02, "log_loss_every": 1.01, "seconds": 30.0, "seconds_every": 60.0,
    ...          "difference": {"value": 0.01, "low": -0.01, "high": 0.02}}
    >>> counts = {"columns": 90, "columns_every": 400}
    >>> list(cells({"counts": counts, "folds": [counts, counts], "worth": worth}))[3:]
    ['1.0200', '1.0100', '+0.0100 [-0.0100, +0.0200]', '0.50 of the time']
    """
    counts, worth = told["counts"], told["worth"]
    yield f"{counts['columns_every']}"
    yield f"{counts['columns']}"
    yield " ".join(str(fold["columns"]) for fold in told["folds"])
    yield f"{worth['log_loss']:.4f}"
    yield f"{worth['log_loss_every']:.4f}"
    yield difference(worth["difference"])
    yield f"{worth['seconds'] / worth['seconds_every']:.2f} of the time"


def _decided(config: Config, options: argparse.Namespace) -> None:
    """Choose on the decided extra rows: in each fold's training part, and on all."""
    rows, names = decided_rows(config, Options(cache=options.cache))
    battles, y = real.extra_rows()
    group = battles["group"].to_numpy(dtype=object)[y != TIE]
    anew = made_anew(build_pipeline(config))
    every, some = _mean(config, rows, names), np.empty(len(rows.y))
    numbers = []
    for fold in range(N_FOLDS):
        chosen = _selected(
            rows.take(rows.fold != fold), names, group[rows.fold != fold], anew, options
        )
        held = rows.fold == fold
        some[held] = _mean(config, _of(rows, names, chosen), chosen)[held] if chosen else 0.0
        numbers.append(len(chosen))
    chosen = _selected(rows, names, group, anew, options)
    write_header(("columns", "stay", "by fold", "A/B log loss", "against all", "AUC"))
    write_row([len(names), len(chosen), " ".join(map(str, numbers)), *figures(some, every, rows.y)])
    if chosen:
        data = tomllib.loads(write_config(config))
        data["model"]["select"] = _names(names, chosen, anew)
        options.keep.mkdir(parents=True, exist_ok=True)
        written = options.keep / DECIDED
        written.write_text(write_config(check_config(data, DECIDED)))
        write(f"written: {written}")


def _selected(
    rows: Rows, names: list[str], group: np.ndarray, anew: list[str], options: argparse.Namespace
) -> list[str]:
    selector = ColumnSelector(options.ranking, anew=anew)
    found = selector.fit(pd.DataFrame(rows.X, columns=names), rows.y, groups=group)
    return [str(name) for name in found.get_feature_names_out()]


def _names(names: list[str], chosen: list[str], anew: list[str]) -> list[str]:
    """Return what a configuration calls columns that stay."""
    places = {names.index(name) for name in chosen}
    units = units_of(names, anew)
    return names_of(names, [unit for unit, of in units.items() if places.issuperset(of)])


def _of(rows: Rows, names: list[str], chosen: list[str]) -> Rows:
    kept = [place for place, name in enumerate(names) if name in set(chosen)]
    return rows._replace(X=np.ascontiguousarray(rows.X[:, kept]))


def _mean(config: Config, rows: Rows, names: list[str]) -> Logits:
    """Return the mean logit of the direction's members, out of fold."""
    logits = []
    for name in config.model.direction or config.model.names():
        settings = dict(config.learners[name])
        kind = settings.pop("kind", name)
        logits.append(out_of_fold(kind, settings, rows, Swap(names))[0])
    return np.mean(logits, axis=0)


if __name__ == "__main__":
    sys.exit(main())
