"""Versions of the packages: the tree that this runs from, and commits in folders of their own."""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("data", "features", "models", "pipelines")


class VersionError(ValueError):
    """A version that cannot be had or run, with the reason in words."""


class Version(NamedTuple):
    """The folder that the packages are imported from, and a name that changes when they do."""

    name: str
    folder: Path

    def run(self, module: str, *arguments: str) -> None:
        """Run one of its modules in a process of its own, quietly.

        Raises
        ------
        VersionError
            It failed, or another version's packages would have been imported.
        """
        where = _python(self.folder, "-c", "import pipelines; print(pipelines.__file__)")
        if not Path(where.stdout.strip()).is_relative_to(self.folder):
            raise VersionError(
                f"{self.name}: pipelines would be imported from {where.stdout.strip()}, not from "
                f"{self.folder}. Unset PYTHONPATH and PYTHONSAFEPATH."
            )
        done = _python(self.folder, "-m", module, *arguments)
        if done.returncode:
            raise VersionError(
                f"{self.name}: python -m {module} {' '.join(arguments)} ended with status "
                f"{done.returncode}:\n{done.stderr.strip()[-2000:]}"
            )

    def output(self, *arguments: str) -> str:
        """Return what this interpreter writes in the version's folder.

        Raises
        ------
        VersionError
            It failed.
        """
        done = _python(self.folder, *arguments)
        if done.returncode:
            raise VersionError(f"{self.name}: {done.stderr.strip()[-2000:]}")
        return done.stdout


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in a folder, which comes first on its path."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def this_tree(root: Path = ROOT) -> Version:
    """Return the version that this runs from, named by its commit and what is not committed."""
    commit = _git(root, "rev-parse", "HEAD").decode()[:10]
    if not _git(root, "status", "--porcelain", "--", *PACKAGES):
        return Version(commit, root)
    digest = hashlib.sha256()
    for path in sorted(path for name in PACKAGES for path in (root / name).rglob("*")):
        if path.suffix in (".py", ".toml"):
            digest.update(path.read_bytes())
    return Version(f"{commit}-{digest.hexdigest()[:10]}", root)


@contextmanager
def checked_out(commit: str, root: Path = ROOT) -> Iterator[Version]:
    """Give a commit's files in a temporary folder.

    Raises
    ------
    VersionError
        There is no such commit.
    """
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").decode().strip()
    if not found:
        raise VersionError(f"{commit}: expected a run folder or a commit, found neither.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", found))) as archive:
            archive.extractall(folder, filter="data")
        yield Version(found[:10], folder)


def _git(root: Path, *arguments: str) -> bytes:
    """Return what git prints, nothing where it fails."""
    command: Sequence[str] = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, check=False).stdout
