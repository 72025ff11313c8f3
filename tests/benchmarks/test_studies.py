import pytest

from benchmarks.quality.__main__ import STUDIES
from benchmarks.quality.ablation import ABLATIONS
from benchmarks.quality.direction import COLUMNS, by_columns, by_members
from benchmarks.quality.fits import FITS
from benchmarks.quality.study import LineError, Options, Study, write_study
from features import FAMILIES
from models.learners.registry import LEARNERS
from pipelines.config import load_config


def test_only_the_lines_asked_for_are_made(capsys):
    made = []
    lines = {name: lambda name=name: made.append(name) or [name.upper()] for name in "abc"}
    study = Study(("what", "cells"), lambda options: lines)
    write_study("letters", study, Options(only=["c", "a"]))
    assert made == ["c", "a"]
    assert capsys.readouterr().out.splitlines()[-2:] == ["| c | C |", "| a | A |"]
    with pytest.raises(LineError, match=r"letters: no such line: d\. It has: a, b, c\."):
        write_study("letters", study, Options(only=["d"]))


@pytest.mark.parametrize("name", FITS)
def test_each_fit_has_a_configuration(name):
    load_config(preset=FITS[name].preset, settings=list(FITS[name].settings))


@pytest.mark.parametrize("name", ABLATIONS)
def test_each_ablation_chooses_among_its_families(name):
    config = ABLATIONS[name].config
    assert set(ABLATIONS[name].families) <= set(config.families) <= set(FAMILIES)
    assert set(config.model.names()) <= set(LEARNERS)


def test_no_experiment_has_two_meanings():
    assert not set(FITS) & set(STUDIES)


@pytest.mark.parametrize("lines", [by_members(), by_columns("linear")])
def test_lines_name_columns_that_there_are(lines):
    assert {line.columns for line in lines.values()} <= set(COLUMNS)


def test_columns_of_the_encoder_are_told_apart():
    both = COLUMNS["with both"]
    names = ["length__words_diff", "embedding__direction_diff", "embedding__component0_diff"]
    assert [both(name) for name in names] == [True, True, False]
    assert not COLUMNS["both alone"]("length__words_diff")
