from benchmarks.quality.fits import FITS, fitted
from benchmarks.quality.versions import Version


def test_finished_runs_are_not_made_again(tmp_path, monkeypatch):
    """What an interrupted call has left is used, and only the rest is fitted."""
    monkeypatch.setenv("ARENABOOST_DATA", str(tmp_path))
    asked = []
    monkeypatch.setattr(Version, "run", lambda version, module, *of: asked.append((module, of)))
    done = tmp_path / "keep" / "v1" / "no_extra_rows" / "0"
    done.mkdir(parents=True)
    (done / "DONE").touch()
    runs = fitted("no extra rows", Version("v1", tmp_path), [0, 1], tmp_path / "keep")
    assert runs == [done, done.with_name("1")]
    ((module, arguments),) = asked
    assert module == "pipelines.fit"
    assert arguments[-4:] == ("--seed", "1", "--output", str(runs[1]))
    assert "--extra" not in arguments


def test_settings_and_extra_rows_are_passed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("ARENABOOST_DATA", str(tmp_path))
    asked = []
    monkeypatch.setattr(Version, "run", lambda version, module, *of: asked.append(of))
    fitted("linear alone", Version("v1", tmp_path), [2], tmp_path / "keep", tmp_path / "cache")
    assert f"--set={FITS['linear alone'].settings[0]}" in asked[0]
    assert str(tmp_path / "arena" / "extra.csv") in asked[0]
    assert str(tmp_path / "cache") in asked[0]
