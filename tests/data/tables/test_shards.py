"""Several files, and folders, as one table."""

import pytest

from data.battles import Reading, iter_ids, read_test, read_training
from data.tables.read import DataError
from data.tables.shards import files_of, name_of, not_there
from tests.published import Vote, records_of, write_table


def touched(folder, *names):
    for name in names:
        (folder / name).touch()
    return folder


def test_a_folder_gives_its_tables_in_order_of_name(tmp_path):
    names = ["part-10.csv", "part-2.parquet", "part-1.jsonl.zst", "PART-3.CSV.GZ"]
    others = ["README.md", ".part-0.csv", "_part.csv", "dataset_infos.json", "x.txt"]
    found = files_of(touched(tmp_path, *names, *others))
    assert [path.name for path in found] == [
        "PART-3.CSV.GZ", "part-1.jsonl.zst", "part-2.parquet", "part-10.csv"
    ]  # fmt: skip
    assert files_of([tmp_path / "b", str(tmp_path / "a")]) == (tmp_path / "a", tmp_path / "b")
    assert name_of(found) == "PART-3.CSV.GZ … part-10.csv"


def test_a_folder_of_several_splits(tmp_path):
    touched(tmp_path, "train-00000-of-00002.parquet", "train-00001-of-00002.parquet")
    assert len(files_of(tmp_path)) == 2
    touched(tmp_path, "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"several splits: test, train\. Name the files of one"):
        files_of(tmp_path)


@pytest.mark.parametrize("numbers", ["01", "12", "1", "2", "0", ""])
def test_one_of_so_many_files_that_is_not_there_is_told(numbers, tmp_path):
    touched(tmp_path, "more.parquet")
    touched(tmp_path, *(f"more-0000{number}-of-00002.parquet" for number in numbers))
    told = ["1 of 2 files of more are read, as their names say"] if len(numbers) == 1 else []
    assert not_there(files_of(tmp_path)) == told


def test_files_that_are_not_there_are_told_with_the_battles(tmp_path):
    records = records_of("kaggle", [Vote([f"q {n}"], ["a"], ["b"], n % 3) for n in range(4)])
    write_table(tmp_path / "v-2-of-4.csv", records[2:])
    write_table(tmp_path / "v-1-of-4.csv", records[:2])
    told = ["2 of 4 files of v are read, as their names say"]
    assert read_training(tmp_path).notes == read_test(tmp_path).notes == told


def shards(folder, *, ids=True):
    """Three files of two battles each, in three kinds and two layouts."""
    votes = [Vote([f"q {number}"], ["a"], ["b"], number % 2) for number in range(6)]
    kaggle, arena = records_of("kaggle", votes), records_of("conversations", votes)
    if not ids:
        for record in (*kaggle, *arena):
            del record["id"]
    return [
        write_table(folder / "s-2.parquet", kaggle[2:4]),
        write_table(folder / "s-1.csv", kaggle[:2]),
        write_table(folder / "s-3.jsonl", arena[4:]),
    ]


@pytest.mark.parametrize("ids", [True, False])
def test_shards_are_one_file(ids, tmp_path):
    paths = shards(tmp_path, ids=ids)
    read = read_training(paths)
    assert read.battles["prompt"].tolist() == [[f"q {number}"] for number in range(6)]
    expected = [str(number + ids) for number in range(6)]
    assert read.battles["id"].tolist() == expected
    assert read.y.tolist() == [0, 1] * 3
    assert read.layout == "Kaggle LMSYS, two conversations"
    assert read_training(tmp_path).battles.equals(read.battles)
    test = read_test(tmp_path)
    assert test.battles["id"].tolist() == list(iter_ids(tmp_path)) == expected


def test_an_id_in_two_shards_is_an_error(tmp_path):
    votes = [Vote(["q"], ["a"], ["b"], 0), Vote(["r"], ["a"], ["b"], 0)]
    records = records_of("kaggle", votes)
    for name, number in (("s-1.csv", 7), ("s-2.csv", 7)):
        write_table(tmp_path / name, [{**record, "id": number} for record in records])
    message = r"s-2\.csv, row 1, column id: .* found '7', which stands in s-1\.csv as well"
    for read in (read_training, read_test, lambda path: list(iter_ids(path))):
        with pytest.raises(DataError, match=message):
            read(tmp_path)
    assert read_training(tmp_path / "s-1.csv").counts["duplicate_ids"] == 1


def test_a_shard_of_no_known_layout_is_named_before_any_is_read(tmp_path):
    shards(tmp_path)
    write_table(tmp_path / "s-9.csv", [{"x": 1}])
    with pytest.raises(DataError, match=r"^s-9\.csv: expected the columns of a known layout"):
        next(iter(read_training(tmp_path).battles))
    with pytest.raises(DataError, match="no such layout"):
        read_training(tmp_path, reading=Reading(layout="x"))
