"""Where things may be kept on machines with no home for the user."""

from pathlib import Path

from data import home


def test_the_users_cache_is_where_the_system_says(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert home.user_cache() == Path("/somewhere")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert home.user_cache() == Path("/home/me/.cache")


def unknown(monkeypatch):
    def nobody(_):
        raise KeyError

    for name in ("XDG_CACHE_HOME", "HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)


def test_there_may_be_none(monkeypatch):
    unknown(monkeypatch)
    assert home.user_cache() is None


def test_a_folder_may_be_made_below_one_that_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    assert home.may_be_made(tmp_path / "a" / "b")
    assert home.may_be_made(Path("relative/b"))
    assert not home.may_be_made(tmp_path / "file")
    assert not home.may_be_made(tmp_path / "file" / "b")
    assert not (tmp_path / "a").exists()


def test_no_loop_is_kept_in_a_folder_named_tilde(tmp_path, monkeypatch):
    source = tmp_path / "loops.py"
    assert home.keeps_compiled(source)
    unknown(monkeypatch)
    assert home.keeps_compiled(source)  # beside the source
    monkeypatch.setattr("data.home.os.access", lambda *_: False)
    assert not home.keeps_compiled(source)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    assert home.keeps_compiled(source)
