"""Too few battles of a class are told before any feature is computed, with the numbers."""

import csv

import pytest

from pipelines import fit as fit_module
from tests.commands import fit


def with_ties(files, path, number):
    """Keep that many of the ties of train.csv."""
    with (files / "train.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    ties = [row for row in rows if row[-1] == "1"]
    kept = [row for row in rows if row[-1] == "0" or row in ties[:number]]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    return path


@pytest.mark.parametrize("form", ["heads", "multiclass"])
def test_too_few_of_a_class_is_told_before_the_features(
    form, files, light_flags, tmp_path, capsys, monkeypatch
):
    def features(*_):
        raise AssertionError("the rows are checked first")

    monkeypatch.setattr(fit_module, "precompute", features)
    train = with_ties(files, tmp_path / "few.csv", 1)
    flags = ["--train", str(train), "--output", str(tmp_path / "run"), *light_flags]
    assert fit([*flags, "--set", f"model.form={form}"]) == 2
    err = capsys.readouterr().err
    assert "few.csv: expected enough battles of each class to cut 2 inner folds without" in err
    assert "found 0 of class tie (winner_tie) among" in err


def test_enough_of_a_class_goes_ahead(files, light_flags, tmp_path):
    train = with_ties(files, tmp_path / "some.csv", 12)
    assert fit(["--train", str(train), "--output", str(tmp_path / "run"), *light_flags]) == 0
