"""What a run tells of itself on the screen."""

import io

import numpy as np
import pytest
from rich.console import Console

from models.measures.evaluation import evaluate
from pipelines.report.screen import print_families, print_scores


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    group = np.arange(60).astype(str)
    model, other = rng.dirichlet([3, 3, 3], (2, 60))
    baselines = {"class prior": np.full((60, 3), 1 / 3), "length alone": other}
    return evaluate(y, model, group, baselines=baselines, n_bootstrap=20)


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_holds_the_figures(width, scores):
    console = Console(file=io.StringIO(), width=width)
    print_scores(console, scores)
    text = console.file.getvalue()
    assert "\x1b" not in text
    rows = {"this run": scores, **scores["baselines"]}
    for name, row in rows.items():
        (line,) = [line for line in text.splitlines() if line.strip().startswith(name)]
        for metric in ("log_loss", "accuracy", "direction_auc", "tie_auc", "ece"):
            assert f"{row['metrics'][metric]['value']:.4f}" in line
        loss = row["metrics"]["log_loss"]
        assert f"{loss['low']:.3f}" in line
        assert f"{loss['high']:.3f}" in line
    for baseline in scores["baselines"].values():
        gap = baseline["difference"]["log_loss"]
        assert f"{gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]" in text


def test_a_figure_that_does_not_exist_is_a_dash():
    y, proba = np.array([0, 0, 2]), np.array([[0.5, 0.3, 0.2]] * 3)
    scores = evaluate(y, proba, np.array(["a", "b", "c"]), baselines={}, n_bootstrap=5)
    assert scores["metrics"]["direction_auc"]["value"] is None  # nobody preferred B
    console = Console(file=io.StringIO(), width=120)
    print_scores(console, scores)
    assert "–" in console.file.getvalue()
    assert "None" not in console.file.getvalue()


def test_figures_of_families_that_do_not_exist_are_left_out():
    console = Console(file=io.StringIO(), width=120)
    print_families(console, {"one": {"accuracy": 0.5, "direction_auc": None}, "two": {"x": 1}})
    assert console.file.getvalue() == "one: right author of an answer 0.5\n"
