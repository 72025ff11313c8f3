"""The flags that say how files are to be read, for every command that reads battles."""

from __future__ import annotations

import argparse
from typing import get_args

from data.layouts.reading import BothBad, Reading, parse_columns, parse_votes
from data.layouts.registry import LAYOUTS


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--layout``, ``--columns``, ``--votes`` and ``--both-bad``."""
    parser.add_argument(
        "--layout",
        metavar="NAME",
        help=f"what the files are read as, if not what their columns tell: {', '.join(LAYOUTS)}",
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
        choices=get_args(BothBad),
        default="tie",
        help="what a vote is that both answers are bad: a tie, or left out (default: tie)",
    )


def reading_from(arguments: argparse.Namespace) -> Reading:
    """Return what the flags say.

    Raises
    ------
    DataError
        Names the flag.
    """
    return Reading(
        layout=arguments.layout,
        columns=parse_columns(arguments.columns) if arguments.columns else {},
        votes=parse_votes(arguments.votes) if arguments.votes else {},
        both_bad=arguments.both_bad,
    )
