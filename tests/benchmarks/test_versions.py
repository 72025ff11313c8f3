import subprocess

import pytest

from benchmarks.quality.versions import Version, VersionError, checked_out, this_tree

MODULE = "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text({!r})\n"


def git(root, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """Two commits of a package `pipelines` whose `fit` writes which one it is."""
    root = tmp_path / "repository"
    (root / "pipelines").mkdir(parents=True)
    (root / "pipelines" / "__init__.py").write_text("")
    git(root, "init", "-q")
    for word in ("old", "new"):
        (root / "pipelines" / "fit.py").write_text(MODULE.format(word))
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", word)
    return root


def test_a_commit_runs_its_own_packages(repository, tmp_path):
    found = tmp_path / "found"
    with checked_out("HEAD~1", repository) as version:
        version.run("pipelines.fit", str(found))
        assert found.read_text() == "old"
    assert not version.folder.exists()
    this_tree(repository).run("pipelines.fit", str(found))
    assert found.read_text() == "new"


def test_a_commit_that_is_not_there(repository):
    with (
        pytest.raises(VersionError, match="nowhere: expected a run folder or a commit"),
        checked_out("nowhere", repository),
    ):
        pass


def test_another_versions_packages_are_refused(repository, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(VersionError, match="pipelines would be imported from"):
        Version("empty", tmp_path / "empty").run("pipelines.fit")


def test_a_failure_says_why(repository):
    with pytest.raises(VersionError, match=r"(?s)pipelines\.fit  ended with status 1.*IndexError"):
        this_tree(repository).run("pipelines.fit")


def test_the_name_tells_changes_that_are_not_committed(repository):
    committed = this_tree(repository).name
    (repository / "pipelines" / "fit.py").write_text("1\n")
    one = this_tree(repository).name
    (repository / "pipelines" / "fit.py").write_text("2\n")
    assert len({committed, one, this_tree(repository).name}) == 3
    git(repository, "checkout", "-q", ".")
    assert this_tree(repository).name == committed
