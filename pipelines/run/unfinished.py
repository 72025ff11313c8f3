"""Files that are being written aside. Only the standard library is imported here."""

from pathlib import Path

being_written: set[Path] = set()  # which the end of the process takes along


def drop_unfinished() -> None:
    """Remove what this process has written aside so far, for one that ends at once."""
    for aside in being_written:
        aside.unlink(missing_ok=True)
