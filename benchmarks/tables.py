"""Markdown tables, a line at a time, and how figures stand in them."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any


def write(text: str) -> None:
    """Print at once: the next line may take minutes."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_header(columns: Iterable[str]) -> None:
    """Print the head of a table."""
    columns = list(columns)
    write_row(columns)
    write("|" + "---|" * len(columns))


def write_row(cells: Iterable[object]) -> None:
    """Print a line of a table."""
    write(f"| {' | '.join(map(str, cells))} |")


def difference(gap: Mapping[str, Any]) -> str:
    """Return a difference with its interval.

    >>> difference({"value": 0.00123, "low": -0.001, "high": 0.0031})
    '+0.0012 [-0.0010, +0.0031]'
    """
    return f"{gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]"


def each(values: Iterable[float], form: str = ".4f") -> str:
    """Return one figure a seed.

    >>> each([1.01532, 1.0128]), each([0.001, -0.002], "+.4f")
    ('1.0153 1.0128', '+0.0010 -0.0020')
    """
    return " ".join(f"{value:{form}}" for value in values)
