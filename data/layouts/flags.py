"""The flags that say how files are to be read, for every command that reads battles.

What takes long to import is imported where it is used: flags come first.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.layouts.reading import Reading


def add_reading_flags(parser: argparse.ArgumentParser, *, test: bool = True) -> None:
    """Add the flags of `Reading`, but for the share of rows that may be left out.

    Without ``--raw`` where no `test` file is read.
    """
    parser.add_argument(
        "--layout",
        metavar="NAME",
        help="the layout of the files, if not what their columns tell: wsdm, lmarena-140k, pairs …",
    )
    parser.add_argument(
        "--columns",
        metavar="NAME=COLUMN,…",
        help="what a file calls its columns: prompt=question,response_a=out1,winner=verdict",
    )
    parser.add_argument(
        "--votes", metavar="VOTE=WORD,…", help="what stands for a vote: a=left,b=right,tie=same"
    )
    parser.add_argument(
        "--both-bad",
        choices=("tie", "skip"),
        default="tie",
        help="what a vote is that both answers are bad: a tie, or left out (default: tie)",
    )
    parser.add_argument(
        "--repeated-votes",
        choices=("keep", "once"),
        help="what rows are that repeat an earlier one's texts, models and vote: votes of several "
        "people, kept, or copies, left out (default: few are left out, many are an error)",
    )
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="what CSV and JSON files are encoded in: gb18030, cp1252, utf-16 … (default: utf-8)",
    )
    if test:
        parser.add_argument(
            "--raw",
            action="store_true",
            help="cells of a test file that begin like lists and are none are text as it stands",
        )


def add_skip_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--skip-bad-rows`` and ``--skip-at-most``."""
    parser.add_argument(
        "--skip-bad-rows",
        action="store_true",
        help="leave out rows that cannot be read, and list them",
    )
    parser.add_argument(
        "--skip-at-most",
        type=_share,
        metavar="SHARE",
        help="the share of a file's rows that --skip-bad-rows may leave out (default: 0.05)",
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1, found {text!r}")
    return share


def reading_from(arguments: argparse.Namespace) -> Reading:
    """Return what the flags say.

    Raises
    ------
    DataError
        Names the flag.
    """
    from data.layouts.reading import SKIP_AT_MOST, Reading, parse_columns, parse_votes
    from data.tables.chunk import DataError

    skip_at_most = getattr(arguments, "skip_at_most", None)  # of commands that train
    if skip_at_most is not None and not arguments.skip_bad_rows:
        raise DataError(
            f"--skip-at-most {skip_at_most:g}: says how much --skip-bad-rows may leave out, which "
            "is not given. Give both, or neither."
        )
    return Reading(
        layout=arguments.layout,
        columns=parse_columns(arguments.columns) if arguments.columns else {},
        votes=parse_votes(arguments.votes) if arguments.votes else {},
        both_bad=arguments.both_bad,
        repeated_votes=arguments.repeated_votes,
        encoding=arguments.encoding,
        raw=getattr(arguments, "raw", False),  # of commands that read a test file
        skip_at_most=SKIP_AT_MOST if skip_at_most is None else skip_at_most,
    )
