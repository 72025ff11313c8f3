"""Predictions by id: what is read, and what is refused, by file, row and column."""

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, DataError
from models.stacking.members import StackError
from pipelines.stacking.tables import check_test_ids, read_table

HEADER = "id,winner_model_a,winner_model_b,winner_tie\n"


@pytest.fixture
def written(tmp_path):
    def write(text, name="other.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_probabilities_become_logits(written):
    found = read_table(written(HEADER + "00012,0.25,0.5,0.25\na,0.5,0.25,0.25\n"))
    assert found.id.tolist() == ["00012", "a"]
    np.testing.assert_allclose(found.z, [-np.log(2), np.log(2)], rtol=1e-15)
    np.testing.assert_allclose(found.t, [-np.log(3)] * 2, rtol=1e-15)
    assert found.fold is None


def test_logits_are_taken_as_they_are(written):
    found = read_table(written("z,id,t,fold,more\n-0.1,7,2.5,3,x\n"))
    assert (found.id.tolist(), found.z.tolist(), found.t.tolist()) == (["7"], [-0.1], [2.5])
    assert found.fold.tolist() == [3]


def test_two_probabilities_are_of_votes_without_ties(written):
    found = read_table(written("id,winner_model_a,winner_model_b\na,0.25,0.75\nb,0.5,0.5\n"))
    np.testing.assert_allclose(found.z, [-np.log(3), 0.0], rtol=1e-15)
    assert found.t is None
    name, z, t = found.member("other", np.array([1, 0]))
    assert (name, z.tolist(), t) == ("other", found.z[::-1].tolist(), None)


@pytest.mark.parametrize("ending", ["csv.gz", "parquet"])
def test_other_formats_hold_the_same(ending, tmp_path):
    table = pd.DataFrame({"id": [7, 8], "z": [0.1 + 0.2, -1.0], "t": [0.5, 1e-300], "fold": [0, 1]})
    path = tmp_path / f"other.{ending}"
    table.to_parquet(path) if ending == "parquet" else table.to_csv(path, index=False)
    found = read_table(path)
    assert (found.id.tolist(), found.fold.tolist()) == (["7", "8"], [0, 1])
    assert (found.z.tolist(), found.t.tolist()) == (table["z"].tolist(), table["t"].tolist())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "id,z\n1,2\n",
            r"other\.csv: expected the columns id and either winner_model_a, .* or z, t",
        ),
        ("id,z\n1,2\n", r"found id, z alone"),
        ("id,winner_model_b,winner_tie\n1,.5,.5\n", r"or winner_model_a, winner_model_b where"),
        ("id,winner_model_a,winner_model_b\n1,.5,.4\n", r"model_b: expected .* add up to 1"),
        ("id,z,t,winner_model_a,winner_model_b,winner_tie\n1,0,0,.4,.4,.2\n", r", found both\."),
        ("id,z,t\n1,0,0\n2,0,nan\n", r"other\.csv, row \d, column t: expected a finite number"),
        ("id,z,t\n1,0,inf\n", r"column t: expected a finite number, found inf"),
        (HEADER + "1,0.4,0.4,0.4\n", r"other\.csv, row \d.*add up to 1"),
        (HEADER + "1,0.4,0.4,0.2\n2,0.4,0.7,-0.1\n", r"column winner_tie: expected a probability"),
        (HEADER + "1,0.4,0.4,0.2\n2,0.4,nan,0.6\n", r"winner_model_b: expected a finite number"),
    ],
)
def test_what_is_no_prediction_is_refused(text, words, written):
    with pytest.raises(StackError, match=words):
        read_table(written(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("z,t\n0,0\n", r"other\.csv: expected the columns id, found 'z, t'"),
        ("id,z,t\n", r"found a header and no rows"),
        ("", r"found an empty file"),
        ("id,z,t\n1,0,0\n2,x,0\n", r"row 2, column z: expected a finite number, found 'x'"),
        ("id,z,t\n1,0,\n", r"row 1, column t: expected a finite number, found ''"),
        ("id,z,t,fold\n1,0,0,1.5\n", r"row 1, column fold: expected a whole number, found '1\.5'"),
        (
            "id,z,t\n1,0,0\n2,0,0\n1,1,1\n",
            r"row 3, column id: .* found '1', which is that of row 1",
        ),
    ],
)
def test_what_is_no_table_is_refused(text, words, written):
    with pytest.raises(DataError, match=words):
        read_table(written(text))


def test_rows_are_found_by_id_and_lacking_ones_are_told(written):
    table = read_table(written("id,z,t\na,0,0\nb,1,0\nc,2,0\n"))
    assert table.places(np.array(["c", "a"], dtype=object), "train.csv").tolist() == [2, 0]
    with pytest.raises(
        StackError,
        match=r"column id: expected each row of train\.csv, found none for 2 of 3, the first of "
        r"which has the id 'x'",
    ):
        table.places(np.array(["x", "a", "y"], dtype=object), "train.csv")


def test_a_test_file_is_held_against_the_tables(written):
    table = written("id,z,t\na,0,0\nb,1,0\n")
    text = "id,prompt,response_a,response_b\n"
    check_test_ids(written(text + "b,p,x,y\n", "test.csv"), {"other": table})
    check_test_ids(written("prompt\np\n", "test.csv"), {})  # nobody needs ids
    with pytest.raises(StackError, match=r"other\.csv, column id: expected each row of .*test"):
        check_test_ids(written(text + "b,p,x,y\nc,p,x,y\n", "test.csv"), {"other": table})
    with pytest.raises(DataError, match=r"test\.csv, row 2, column id: expected each id once"):
        check_test_ids(written(text + "b,p,x,y\nb,q,x,y\n", "test.csv"), {"other": table})
    without = "prompt,response_a,response_b\np,x,y\n"
    with pytest.raises(DataError, match=r"test\.csv: expected a column id; not there: id"):
        check_test_ids(written(without, "test.csv"), {"other": table})


def test_what_a_run_writes_reads_back(light_run):
    from models.heads import probabilities

    found = read_table(light_run / "oof.csv")
    table = pd.read_csv(light_run / "oof.csv", dtype={"id": str})
    assert found.id.tolist() == table["id"].tolist()
    back = probabilities(found.z, found.t)
    np.testing.assert_allclose(back, table[list(WINNER_COLUMNS)], rtol=0, atol=1e-15)
