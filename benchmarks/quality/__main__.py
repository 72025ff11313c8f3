"""The runner: ``python -m benchmarks.quality [NAME …]``.

A NAME of `FITS` is a whole ``pipelines.fit`` on the real battles of the folder that
``ARENABOOST_DATA`` names, with each of the seeds; the figures are those of its out-of-fold
predictions of the plain rows. A NAME of `STUDIES` is a table of its own, which its module explains;
``--only`` takes some of its lines. Without a NAME all fits are made, and no study.

``--against`` compares a fit of this tree with a commit's, or with runs that lie on disk, over the
same folds and seeds; with ``--new`` both sides are runs:

    python -m benchmarks.quality classical --against COMMIT --keep DIR
    python -m benchmarks.quality --against RUN RUN RUN --new RUN RUN RUN

A NAME of `COMMANDS` comes first and has flags of its own: ``tower --help``.

``--keep DIR`` holds the runs as ``DIR/VERSION/NAME/SEED``: the same command goes on from what lies
there.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from benchmarks import real
from benchmarks.quality import ablation, direction, encoders, lexical, ties
from benchmarks.quality.against import write_comparison
from benchmarks.quality.fits import FITS, fitted, write_fits
from benchmarks.quality.runs import PREDICTIONS, Run, RunError, Scored, paired
from benchmarks.quality.study import LineError, Options, Study, write_study
from benchmarks.quality.versions import Version, VersionError, checked_out, this_tree
from data.battles import read_training

STUDIES: dict[str, Study] = {
    **ablation.STUDIES,
    **direction.STUDIES,
    **lexical.STUDIES,
    **encoders.STUDIES,
    **ties.STUDIES,
}
COMMANDS = (
    "backbones",
    "blends",
    "known_models",
    "pieces",
    "selection",
    "softmax",
    "stack",
    "tower",
    "tuning",
)  # modules, with a `main`


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is asked for as Markdown tables."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given and given[0] in COMMANDS:
        command: Callable[[Sequence[str]], int]
        command = import_module(f"benchmarks.quality.{given[0]}").main  # most of them need torch
        return command(given[1:])
    parser = _parser()
    options = parser.parse_args(given)
    if unknown := set(options.names) - set(FITS) - set(STUDIES):
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    if options.new and not options.against:
        parser.error("--new needs --against")
    if options.against and (len(options.names) > 1 or set(options.names) & set(STUDIES)):
        parser.error(f"--against compares one whole fit: {', '.join(FITS)}")
    if not real.at_hand():
        return 0
    with ExitStack() as stack:
        options.keep = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            _compare(options, stack) if options.against else _measure(options)
        except (LineError, RunError, VersionError) as error:
            sys.exit(f"python -m benchmarks.quality: {error}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"of {', '.join([*FITS, *STUDIES, *COMMANDS])}")
    add("--seeds", nargs="+", type=int, metavar="N", help="0 1 2, or those of the runs")
    add("--only", nargs="+", default=[], metavar="LINE", help="of the tables of the studies")
    add("--against", nargs="+", metavar="COMMIT|RUN", help="a commit, or a run folder a seed")
    add("--new", nargs="+", type=Path, metavar="RUN", help="run folders instead of this tree")
    add("--other-folds", action="store_true", help="compare runs whose folds differ as well")
    add("--keep", type=Path, metavar="DIR", help="where runs are kept")
    add("--cache", type=Path, metavar="DIR", help="of counts and vectors")
    return parser


def _measure(options: argparse.Namespace) -> None:
    names, seeds = options.names or list(FITS), options.seeds or [0, 1, 2]
    if fits := [name for name in names if name in FITS]:
        write_fits(fits, this_tree(), seeds, options.keep, options.cache)
    for name in names:
        if name in STUDIES:
            write_study(name, STUDIES[name], Options(seeds, options.only, options.cache))


def _compare(options: argparse.Namespace, stack: ExitStack) -> None:
    """Make what runs are missing on either side, and print the table."""
    scored = Scored.of(read_training(real.train_file()))
    name = options.names[0] if options.names else "classical"

    def runs(version: Version, seeds: Sequence[int]) -> list[Run]:
        folders = fitted(name, version, seeds, options.keep, options.cache)
        return [Run.read(folder, scored) for folder in folders]

    if (Path(options.against[0]) / PREDICTIONS).exists():
        theirs, who = _given(options.against, options.seeds, scored)
    else:
        version = stack.enter_context(checked_out(_only(options.against)))
        theirs, who = runs(version, options.seeds or [0, 1, 2]), version.name
    if options.new:
        ours, mine = _given(options.new, options.seeds, scored)
    else:
        tree = this_tree()
        ours, mine = runs(tree, [run.seed for run in theirs]), f"this tree ({tree.name})"
    write_comparison((mine, who), paired(ours, theirs, other_folds=options.other_folds), scored)


def _given(
    folders: Sequence[str | Path], seeds: Sequence[int] | None, scored: Scored
) -> tuple[list[Run], str]:
    """Read run folders, of the seeds that are asked for, and say what to call them."""
    runs = [Run.read(Path(folder), scored) for folder in folders]
    asked = [run for run in runs if seeds is None or run.seed in seeds]
    return asked, ", ".join(str(run.folder) for run in asked)


def _only(commits: Sequence[str]) -> str:
    if len(commits) > 1:
        raise VersionError(f"expected one commit, got {', '.join(commits)}.")
    return commits[0]


if __name__ == "__main__":
    sys.exit(main())
