"""Soft labels: which rows have some, and what is refused by file, row and column."""

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, DataError
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.tower.soft import SoftLabels

HEADER = "id,winner_model_a,winner_model_b,winner_tie\n"


@pytest.fixture(scope="module")
def battles(files):
    """With extra rows, one of which has the id of a plain one."""
    found = read_inputs(Inputs(files / "train.csv", extra=(files / "extra.csv",)))
    ids = found.frame["id"].tolist()
    ids[found.n_plain] = ids[0]
    return found._replace(frame=found.frame.assign(id=ids))


@pytest.fixture
def written(tmp_path):
    def write(text):
        (tmp_path / "soft.csv").write_text(text)
        return tmp_path / "soft.csv"

    return write


def test_rows_are_found_by_id_and_extra_rows_have_none(battles, written):
    ids = battles.frame["id"]
    lines = [f"{ids[5]},0.5,0.3,0.2", "unknown,0.1,0.1,0.8", f"{ids[0]},0.25,0.25,0.5"]
    found = SoftLabels.read(written(HEADER + "\n".join(lines) + "\n"), battles)
    assert found.proba.shape == (len(battles.frame), 3)
    assert found.proba[0].tolist() == [0.25, 0.25, 0.5]
    np.testing.assert_allclose(found.proba[5], [0.5, 0.3, 0.2], rtol=1e-15)
    known = np.flatnonzero(~np.isnan(found.proba).any(axis=1))
    assert known.tolist() == [0, 5]  # and not the extra row with the id of row 0
    assert (found.n_plain, found.n_known) == (battles.n_plain, 2)
    expected = f"of 2 of {battles.n_plain} plain rows; {battles.n_plain - 2} have none, and learn"
    assert expected in found.line()
    assert found.told("abc")["rows_without"] == battles.n_plain - 2


def test_a_runs_own_table_is_of_all_rows(battles, light_run):
    found = SoftLabels.read(light_run / "oof.csv", battles)
    known = pd.read_csv(light_run / "oof.csv")[list(WINNER_COLUMNS)].to_numpy()
    np.testing.assert_allclose(found.proba[: battles.n_plain], known, rtol=1e-12)
    assert found.line().endswith(f"of {battles.n_plain} of {battles.n_plain} plain rows")


def test_rounded_probabilities_are_brought_to_a_sum_of_1(battles, written):
    row = battles.frame["id"][0]
    found = SoftLabels.read(written(f"{HEADER}{row},0.3333,0.3333,0.3333\n"), battles)
    assert found.proba[0].sum() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,z,t\n1,0,0\n", r"soft\.csv: expected the columns id, winner_model_a, .*found 'id"),
        (HEADER + "a,.2,.4,.4\na,.4,.4,.2\n", r"soft\.csv, row 2, column id: .* that of row 1"),
        (HEADER + "a,.2,.4,.4\nb,.4,x,.2\n", r"row 2, column winner_model_b: .*found 'x'"),
        (HEADER + "a,.2,.4,\n", r"row 1, column winner_tie: expected a finite number, found ''"),
        (HEADER + "a,.5,.6,-.1\n", r"soft\.csv, row 1, column winner_tie: .*0 to 1, found -0\.1"),
        (HEADER + "a,nan,.6,.4\n", r"row 1, column winner_model_a: .*0 to 1, found nan\. Fix the"),
        (HEADER + "a,.4,.4,.2\nb,.4,.4,.4\n", r"row 2, columns winner.*add up to 1, .*sum of 1\.2"),
        (
            HEADER + "a,.4,.4,.2\n",
            r"soft\.csv, column id: expected ids of .*train\.csv, found none",
        ),
    ],
)
def test_what_are_no_soft_labels_is_refused(text, words, battles, written):
    with pytest.raises(DataError, match=words):
        SoftLabels.read(written(text), battles)


def test_training_rows_of_one_id_are_refused(battles, written):
    ids = battles.frame["id"].tolist()
    ids[3] = ids[1]
    doubled = battles._replace(frame=battles.frame.assign(id=ids))
    with pytest.raises(DataError, match=r"train\.csv, column id: expected each id once, for soft"):
        SoftLabels.read(written(f"{HEADER}{ids[0]},.4,.4,.2\n"), doubled)
