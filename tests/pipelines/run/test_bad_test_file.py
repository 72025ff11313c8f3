"""A bad test file costs no work: told before the first fold, and nothing fitted depends on it."""

import pandas as pd
import pytest

from pipelines import fit as fitting
from pipelines.estimator import out_of_fold
from pipelines.run.folder import is_run
from tests.commands import fit


def no_column(path):
    path.write_text('id,prompt,response_a\n1,"[""q""]","[""a""]"\n')


def no_rows(path):
    path.write_text("id,prompt,response_a,response_b\n")


def no_parquet(path):
    path.with_suffix(".parquet").write_bytes(bytes(range(256)) * 8)


def cut_off(path):
    """Its first chunk can be read, its end cannot."""
    import gzip

    rows = "".join(f"{row},p,a{row * 7919},b\n" for row in range(30_000))
    whole = gzip.compress(("id,prompt,response_a,response_b\n" + rows).encode())
    path.with_suffix(".csv.gz").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (no_column, "test.csv", "not there: response_b"),
        (no_rows, "test.csv", "found a header and no rows"),
        (no_parquet, "test.parquet", "cannot be read as such"),
        (cut_off, "test.csv.gz", "cannot be read as such"),
        (lambda path: None, "test.csv", "no such file"),
    ],
)
def test_it_is_told_before_any_work(make, name, words, files, light_flags, tmp_path, capsys):
    def read(*_, **__):
        raise AssertionError("the test file comes first")

    make(tmp_path / "test.csv")
    flags = ["--train", str(files / "train.csv"), "--test", str(tmp_path / name), *light_flags]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "read_inputs", read)
        assert fit([*flags, "--output", str(tmp_path / "run"), "--no-cache"]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run.partial").exists()


@pytest.fixture
def stopped(files, light_flags, tmp_path, monkeypatch, capsys):
    """A fit that ended, after its folds and a submission, in front of the last step."""

    def stop(*_, **__):
        raise OSError(28, "No space left on device")

    (tmp_path / "test.csv").write_bytes((files / "test.csv").read_bytes())
    flags = ["--train", str(files / "train.csv"), *light_flags]
    flags += ["--output", str(tmp_path / "run"), "--no-cache"]
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "report_of", stop)
        assert fit([*flags, "--test", str(tmp_path / "test.csv")]) == 1
    assert (tmp_path / "run.partial" / "submission.csv").is_file()
    capsys.readouterr()
    return flags


def refit(*_):
    raise AssertionError("the folds are there")


def test_a_mended_file_goes_on_with_the_folds(stopped, tmp_path, monkeypatch, capsys):
    table = pd.read_csv(tmp_path / "test.csv", dtype=str, keep_default_na=False)
    table.iloc[:3].to_csv(tmp_path / "test.csv", index=False)
    monkeypatch.setattr(out_of_fold, "_fit_fold", refit)
    assert fit([*stopped, "--test", str(tmp_path / "test.csv")]) == 0
    assert "going on with" in capsys.readouterr().out
    assert len((tmp_path / "run" / "submission.csv").read_text().splitlines()) == 4


def test_leaving_it_out_goes_on_and_leaves_no_old_submission(stopped, tmp_path, monkeypatch):
    monkeypatch.setattr(out_of_fold, "_fit_fold", refit)
    assert fit(stopped) == 0
    assert is_run(tmp_path / "run")
    assert not (tmp_path / "run" / "submission.csv").exists()
