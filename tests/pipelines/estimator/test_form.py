"""Which form of model a file's votes ask for."""

import numpy as np
import pytest

from data.battles import DataError, Files, Reading, make_battles
from pipelines.config import ConfigError, load_config, without_ties, write_config
from pipelines.estimator.form import check_votes, has_ties, settled
from pipelines.presets import presets
from pipelines.run.inputs import Battles, Inputs

COLUMNS = "prompt,response_a,response_b,winner"


def table(path, header=COLUMNS, *winners):
    ends = [",English" if header.endswith("language") else ""] * len(winners)
    rows = [
        f"p{at},a,b,{won}{end}" for at, (won, end) in enumerate(zip(winners, ends, strict=True))
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def wsdm(tmp_path):
    return table(tmp_path / "wsdm.csv", f"{COLUMNS},language", "model_a", "model_b")


@pytest.fixture
def plain(tmp_path):
    return table(tmp_path / "plain.csv", COLUMNS, "a", "b", "tie")


@pytest.mark.parametrize("preset", presets())
def test_every_preset_has_a_form_without_ties(preset, wsdm, tmp_path):
    config = load_config(preset=preset)
    found = settled(config, Inputs(wsdm))
    assert found.model.form == "direction"
    assert found.model.direction == (config.model.direction or config.model.members)
    assert (found.model.tie, found.model.members) == (None, None)
    assert set(found.learners) == set(found.model.direction)
    assert found.families == config.families
    assert not has_ties(found)
    (tmp_path / "config.toml").write_text(write_config(found))
    assert load_config(file=tmp_path / "config.toml") == found
    assert load_config(preset=preset, settings=["model.form=direction"]) == found


def test_files_with_ties_leave_a_configuration_as_it_is(plain, wsdm):
    config = load_config()
    assert settled(config, Inputs(plain, extra=(wsdm,))) == config


def test_words_for_votes_tell_whether_there_are_ties(plain):
    config = load_config()
    for votes, form in (({"a": 0, "b": 1}, "direction"), ({"a": 0, "b": 1, "tie": 2}, "heads")):
        files = Files.of(plain, Reading(votes=votes))
        assert settled(config, Inputs(files)).model.form == form


def test_a_form_that_is_kept_is_refused_where_it_has_ties(wsdm):
    with pytest.raises(DataError, match=r"wsdm\.csv: read as WSDM Cup, .* the form 'heads' how"):
        settled(load_config(), Inputs(wsdm), keep=True)
    alone = without_ties(load_config())
    assert settled(alone, Inputs(wsdm), keep=True) == alone


def test_one_table_of_both_kinds_names_the_command(plain, wsdm, tmp_path):
    other = table(tmp_path / "other.csv", f"{COLUMNS},language", "model_b", "model_a")
    inputs = Inputs(Files.of([plain, wsdm, other]))
    words = rf"Give it apart: --train {plain} --extra {other} --extra {wsdm}\."
    for check in (inputs.check, inputs.knows_ties):
        with pytest.raises(DataError, match=words):
            check()


@pytest.mark.parametrize(
    ("settings", "members"),
    [
        (['model.members=["linear"]', "model.form=direction"], ["linear"]),
        (["model.form=direction", 'model.direction=["xgboost"]'], ["xgboost"]),
        (["model.form=direction"], ["lightgbm", "xgboost", "linear"]),
    ],
)
def test_members_of_the_direction_are_named_as_those_of_heads(settings, members):
    assert load_config(settings=settings).model.direction == members
    of_ngrams = load_config(preset="ngram_xgboost", settings=[*settings]).model.direction
    assert of_ngrams == (["xgboost"] if len(members) == 3 else members)


def test_members_of_a_tie_are_refused():
    with pytest.raises(ConfigError, match="direction knows no ties: leave the members of tie out"):
        load_config(settings=["model.form=direction", 'model.tie=["linear"]'])


@pytest.fixture
def votes():
    """Battles with these labels, of which the last is an extra row's."""

    def make(*labels):
        frame = make_battles(["p"] * len(labels), ["a"] * len(labels), ["b"] * len(labels))
        y = np.array(labels, dtype=np.int8)
        return Battles(frame, y, len(y) - 1, [{"file": "votes.csv"}])

    return make


@pytest.mark.parametrize("ties", [True, False])
def test_votes_for_one_side_alone_name_the_way_out(votes, ties):
    words = r"votes\.csv: all 3 votes are for {} .* prompt, chosen and rejected: .*--extra votes"
    for label, name in ((0, "A"), (1, "B")):
        with pytest.raises(DataError, match=words.format(name)):
            check_votes(votes(label, label, label, 2), ties=ties)
    check_votes(votes(0, 0, 1, 0), ties=False)


def test_plain_votes_go_with_the_form(votes):
    check_votes(votes(0, 1, 2, 0), ties=True)
    check_votes(votes(0, 1, 0, 2), ties=False)  # that one is an extra row's
    with pytest.raises(DataError, match=r"votes\.csv: 1 of 3 votes are ties, for which the form"):
        check_votes(votes(0, 1, 2, 0), ties=False)
    words = r"none of class tie \(winner_tie\) in 3 rows\. Do so\. Beside .*--extra votes\.csv\."
    with pytest.raises(DataError, match=words):
        check_votes(votes(0, 1, 0, 2), ties=True, way_out="Do so. ")
