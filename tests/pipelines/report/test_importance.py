"""What the screen shows of importance: every figure whole, in a terminal of 80 columns."""

import io

import pandas as pd
import pytest
from rich.console import Console

from pipelines.report.importance import SHOWN, print_importance, told_of

LONG = "style__a_statistic_with_a_name_that_takes_too_much_room_ratio"


def table():
    rows = [("family", "style", 1078, -0.0123), ("family", "length", 90, 0.02068)]
    rows += [("group", f"{LONG}{number}", 1028, 0.009) for number in range(SHOWN + 1)]
    found = pd.DataFrame(rows, columns=["kind", "name", "columns", "permutation"])
    low, high = found["permutation"] - 0.0104, found["permutation"] + 0.0104
    return found.assign(gain=0.5, permutation_low=low, permutation_high=high, shap=10.25)


@pytest.mark.parametrize("width", [80, 120])
def test_no_figure_is_cut(width):
    console = Console(file=io.StringIO(), width=width)
    print_importance(console, told_of(table(), 12_000, "full"))
    lines = console.file.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines if "One column" not in line) <= 80
    assert lines[0].startswith("What is lost without them, on 12,000 battles")
    (style,) = [line for line in lines if line.startswith("style ")]
    assert style.split() == ["style", "1,078", "-0.0123", "-0.0227", "to", "-0.0019", "10.250"]
    (length,) = [line for line in lines if line.startswith("length ")]
    assert length.split()[2:] == ["+0.0207", "+0.0103", "to", "+0.0311", "10.250"]
    like = [line for line in lines if line.startswith("like style__a_stat")]
    assert len(like) == SHOWN
    assert all("…" in line and "+0.0194" in line for line in like)


def test_of_families_alone_it_says_what_tells_more():
    console = Console(file=io.StringIO(), width=80)
    families = table().query("kind == 'family'")
    print_importance(console, told_of(families, 7, "families"))
    out = console.file.getvalue()
    assert "like " not in out
    assert out.endswith("and of each column: --importance full.\n")


def test_all_groups_are_told_and_each_once():
    told = told_of(table(), 7, "full")
    assert told["rows"] == 7
    assert [of["name"] for of in told["families"]] == ["style", "length"]
    assert len(told["groups"]) == SHOWN + 1
    assert set(told["groups"][0]) == {
        *("name", "columns", "permutation", "permutation_low", "permutation_high", "shap")
    }
