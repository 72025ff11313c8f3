"""What the screen shows of a report at the end of a run."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.report.analysis import Style
from pipelines.report.content import Compared, Report
from pipelines.report.figure import Figure
from pipelines.report.importance import LOOKS, print_importance
from pipelines.report.near_copies import NearCopies
from pipelines.report.ratings import Ratings

SHOWN = {  # metric -> heading, beside the log loss and its interval
    "accuracy": "accuracy",
    "direction_auc": "A/B AUC",
    "tie_auc": "tie AUC",
    "ece": "ECE",
}

MOST_RATED = 10  # models whose strength is printed

TOLD = {  # figures of families that learn, which are worth a line
    "accuracy": "right author of an answer",
    "direction_auc": "A/B AUC",
    "direction_auc_true_names": "with the true names",
    "left_out": "left out:",
}


def show(console: Console, report: Report) -> None:
    """Print scores beside baselines, near-copies, the voters' taste, and what families learned."""
    print_scores(console, report["scores"])
    print_near_copies(console, report["scores"]["near_copies"])
    print_style(console, report["scores"]["analysis"]["style_control"])
    if "ratings" in report["scores"]:
        print_ratings(console, report["scores"]["ratings"])
    print_families(console, report["final"]["families"])
    if "importance" in report:
        print_importance(console, report["importance"])


def print_scores(console: Console, scores: Compared) -> None:
    """Print the model beside its baselines: value and 95 % interval over prompt groups."""
    table = Table(title="Out of fold, on the plain rows", **LOOKS)
    table.add_column("", no_wrap=True)
    has_ties = scores["metrics"]["log_loss_tie"]["value"] is not None
    shown = {name: of for name, of in SHOWN.items() if has_ties or name != "tie_auc"}
    for heading in ("log loss", "95 % CI", *shown.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("this run", *_cells(scores["metrics"], shown), style="bold")
    for name, baseline in scores["baselines"].items():
        table.add_row(name, *_cells(baseline["metrics"], shown))
    console.print(table)
    for name, baseline in scores["baselines"].items():
        gap = baseline["difference"]["log_loss"]
        console.print(
            f"log loss against {name}: {gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]",
            highlight=False,
            markup=False,
        )


def print_near_copies(console: Console, found: NearCopies) -> None:
    """Print what rows are worth that were predicted by what learned from a near-copy, if any."""
    named = {"of these": found["log_loss"], "of the rest": found["log_loss_rest"]}
    told = [
        f"{of} {figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"
        for of, figure in named.items()
        if figure["value"] is not None
    ]
    if found["rows"]:
        line = (
            f"near-copies: {found['rows']:,} rows have a prompt like one in their training part; "
            f"log loss {', '.join(told)}"
        )
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_style(console: Console, style: Style) -> None:
    """Print what style alone is worth to these voters, beside the Arena's published figures."""
    table = Table(title="What style is worth to the voters", **LOOKS)
    for heading in ("", "coefficient", "95 % CI", "Arena"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, row in style["coefficients"].items():
        interval = f"{row['low']:+.3f} to {row['high']:+.3f}"
        table.add_row(name, f"{row['value']:+.3f}", interval, f"{row['arena']:+.3f}")
    console.print(table)
    held = "the models' strengths beside it" if style["strengths"] else "no models are named"
    console.print(f"Bradley-Terry, {held}; a tie is half a win.", highlight=False)


def print_ratings(console: Console, ratings: Ratings) -> None:
    """Print the models with most battles, strongest first; no ties of votes that know none."""
    table = Table(title="How strong the models are", **LOOKS)
    has_ties = any(row["ties"] is not None for row in ratings["models"])
    ties = ["ties"] * has_ties
    for heading in ("", "battles", *ties, "strength", "95 % CI", "by its writing"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    frequent = sorted(ratings["models"], key=lambda one: -one["battles"])[:MOST_RATED]
    for row in (row for row in ratings["models"] if row in frequent):
        value, low, high = (row["strength"][key] for key in ("value", "low", "high"))
        tied = [_short(row["ties"], ".2f")] * has_ties
        cells = [f"{row['battles']:,}", *tied, f"{value:+.2f}", f"{low:+.2f} to {high:+.2f}"]
        table.add_row(row["name"], *cells, _short(row["fingerprint"], "+.2f"))
    console.print(table)
    more = len(ratings["models"]) - len(frequent)
    rest = f"; {more} more in report.json" if more else ""
    half = "; a tie is half a win" if has_ties else ""
    console.print(f"Bradley-Terry, in log odds{half}{rest}.", highlight=False)


def print_families(console: Console, families: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a line for each family that learned, or why it left itself out."""
    for name, report in families.items():
        known = {key: value for key, value in report.items() if key in TOLD and value is not None}
        said = [f"{TOLD[key]} {value}" for key, value in known.items()]
        if said:
            line = f"{name}: {', '.join(said)}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _cells(metrics: Mapping[str, Figure], shown: Iterable[str]) -> list[str]:
    loss = metrics["log_loss"]
    interval = f"{loss['low']:.3f}–{loss['high']:.3f}"
    return [_cell(loss["value"]), interval, *(_cell(metrics[name]["value"]) for name in shown)]


def _cell(value: float | None) -> str:
    return _short(value, ".4f")


def _short(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
