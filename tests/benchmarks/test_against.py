import re

import numpy as np
import pytest

from benchmarks.quality.__main__ import main
from benchmarks.quality.against import write_comparison
from benchmarks.quality.runs import Run, paired


def table(text):
    """The cells of a Markdown table, by the name of the line."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {name: cells for name, *cells in rows}


def test_the_difference_is_ours_minus_theirs(write_run, scored, capsys):
    ours = [Run.read(write_run(f"ours{n}", n, sure), scored) for n, sure in enumerate((0.8, 0.6))]
    theirs = [Run.read(write_run(f"theirs{n}", n, 0.5), scored) for n in (0, 1)]
    write_comparison(("new", "old"), paired(ours, theirs), scored)
    lines = table(capsys.readouterr().out)
    losses = -np.log([0.8, 0.6])
    assert lines["new"][0] == f"{losses.mean():.4f}"
    assert lines["old"][0] == f"{np.log(2):.4f}"
    gap = f"{losses.mean() - np.log(2):+.4f}"
    assert lines["difference"][0] == f"{gap} [{gap}, {gap}]"  # each battle is as sure: no width
    assert lines["difference"][3] == " ".join(f"{loss - np.log(2):+.4f}" for loss in losses)
    assert lines["new"][-2:] == ["5", "101"]  # mean of the seconds, most of the memory


def test_prompts_are_resampled_not_battles(write_run, scored, capsys):
    run, other = (Run.read(write_run(name), scored) for name in ("ours", "theirs"))
    better = run.proba.copy()
    better[:4] = np.eye(3)[scored.y[:4]] * 0.4 + 0.2  # 0.6 for the votes of prompts a and b
    pair = [(run._replace(proba=better), other)]
    write_comparison(("new", "old"), pair, scored)
    by_prompt = table(capsys.readouterr().out)["difference"][0]
    alone = scored._replace(group=scored.id)
    write_comparison(("new", "old"), pair, alone)
    by_battle = table(capsys.readouterr().out)["difference"][0]
    assert by_prompt.split(" ")[0] == by_battle.split(" ")[0]
    assert width(by_prompt) > width(by_battle)  # two prompts vary more than four battles


def width(text):
    low, high = map(float, re.findall(r"[-+][\d.]+", text)[1:])
    return high - low


def test_folds_that_differ_are_named(write_run, scored, capsys):
    ours = [Run.read(write_run("ours"), scored)]
    theirs = [Run.read(write_run("theirs", fold=[0, 1, 2, 0, 1, 2, 1, 0]), scored)]
    write_comparison(("new", "old"), paired(ours, theirs, other_folds=True), scored)
    assert "The folds of the two differ (seeds 0)." in capsys.readouterr().out


HEADER = (
    "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
)
SIDES = {"ours": 0.8, "theirs": 0.5}


def test_two_runs_from_the_command_line(write_run, scored, tmp_path, monkeypatch, capsys):
    arena = tmp_path / "data" / "arena"
    arena.mkdir(parents=True)
    winners = ("1,0,0", "0,1,0", "0,0,1")
    rows = [
        f'{name},m,n,"[""p{group}"", null]","[""x{name}"", null]","[""y"", null]",{winners[y]}\n'
        for name, y, group in zip(*scored, strict=True)
    ]
    (arena / "train.csv").write_text(HEADER + "".join(rows))
    monkeypatch.setenv("ARENABOOST_DATA", str(arena.parent))
    sides = [[str(write_run(f"{who}{n}", n, sure)) for n in (0, 1)] for who, sure in SIDES.items()]
    assert main(["--against", *sides[1], "--new", *sides[0], "--seeds", "1"]) == 0
    text = capsys.readouterr().out
    assert table(text)["difference"][3] == f"{np.log(0.5 / 0.8):+.4f}"
    assert "8 battles, 6 prompts; seeds 1." in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no such experiment: nothing"),
        (["--new", "run"], "--new needs --against"),
        (["ablation", "--against", "HEAD"], "--against compares one whole fit: classical"),
        (["classical", "neural", "--against", "HEAD"], "--against compares one whole fit"),
    ],
)
def test_what_cannot_be_asked_for(arguments, words, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert words in capsys.readouterr().err


def test_without_real_battles_it_is_skipped(monkeypatch, capsys):
    monkeypatch.delenv("ARENABOOST_DATA", raising=False)
    assert main(["classical"]) == 0
    assert capsys.readouterr().out.startswith("skipped: ARENABOOST_DATA does not name")
