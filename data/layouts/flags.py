"""The flags that say how files are to be read, for every command that reads battles.

What takes long to import is imported where it is used: flags come first.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.layouts.reading import Reading


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--layout``, ``--columns``, ``--votes``, ``--both-bad`` and ``--repeated-votes``."""
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


def reading_from(arguments: argparse.Namespace) -> Reading:
    """Return what the flags say.

    Raises
    ------
    DataError
        Names the flag.
    """
    from data.layouts.reading import Reading, parse_columns, parse_votes

    return Reading(
        layout=arguments.layout,
        columns=parse_columns(arguments.columns) if arguments.columns else {},
        votes=parse_votes(arguments.votes) if arguments.votes else {},
        both_bad=arguments.both_bad,
        repeated_votes=arguments.repeated_votes,
    )
