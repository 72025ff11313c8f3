"""The selection of a preset's columns on the real battles, without them."""

import numpy as np
import pytest

from benchmarks.quality import selection
from benchmarks.quality.__main__ import COMMANDS
from models.parts import Rows
from pipelines.config import load_config
from tests.models.columns_world import world


def test_it_is_a_command_of_the_runner():
    assert selection.__name__.rpartition(".")[2] in COMMANDS
    with pytest.raises(SystemExit, match="2"):
        selection.main([])  # --keep is required


def test_columns_made_anew_are_named_as_one_only_where_all_of_them_stay():
    names = ["f__x_a", "f__x_b", "f__part0_diff", "f__part1_diff"]
    assert selection._names(names, names[2:], ["f__part"]) == ["f__part*"]
    assert selection._names(names, names[:2], ["f__part"]) == ["f__x_a", "f__x_b"]


def test_decided_rows_are_selected_without_the_fold_that_judges(monkeypatch, tmp_path, capsys):
    X, y, group, _ = world(0, n=600, informative=2, noise=2)
    y = np.where(y == 2, 0, y).astype(np.int8)
    ones = np.ones(len(y))
    fold = (np.arange(len(y)) // 2 % 3).astype(np.int8)
    rows = Rows(X.to_numpy(), y, ones.astype(np.bool_), ones, ones, fold)
    names = ["style__bold_ratio", "style__lists_ratio", "style__emoji_ratio", "style__links_ratio"]
    seen = []

    def selected(rows, names, group, anew, options):
        seen.append(set(rows.fold.tolist()))
        return names[:1]

    frame = X.assign(group=group)
    monkeypatch.setattr(selection, "decided_rows", lambda *_: (rows, names))
    monkeypatch.setattr(selection.real, "extra_rows", lambda: (frame, y))
    monkeypatch.setattr(selection, "_selected", selected)
    config = load_config(settings=['families=["style"]', 'model.members=["linear"]'])
    options = selection._parser().parse_args(["--decided", "--keep", str(tmp_path / "kept")])
    selection._decided(config, options)
    assert seen == [{1, 2}, {0, 2}, {0, 1}, {0, 1, 2}]
    assert "| 4 | 1 | 1 1 1 |" in capsys.readouterr().out
    chosen = load_config(file=tmp_path / "kept" / "decided.toml")
    assert chosen.model.select == ["style__bold_ratio"]
