"""``python -m pipelines.explain RUN --test CSV --id ID``: what moved a prediction, and how far."""

from pipelines.command.launcher import start

if __name__ == "__main__":  # before the imports that take seconds: the flags come first
    start("explain")

import json
from pathlib import Path

from rich.console import Console

from features.storage.cache import Cache
from pipelines.command.progress import tell
from pipelines.estimator.reading import load_pipeline
from pipelines.explaining.battle import Found, battle_of_file, battle_of_texts
from pipelines.explaining.content import Explained, explained
from pipelines.explaining.screen import show_explained
from pipelines.run.copies import find_run
from pipelines.run.folder import MEMBERS, RunError
from pipelines.stacking.finding import is_stack

__all__ = ["battle_of_file", "battle_of_texts", "explain", "show"]


def explain(
    run: Path, battle: Found, *, encoder: str | None = None, cache: Cache | None = None
) -> Explained:
    """Say what a run predicts of a battle, and what each column adds to that.

    Parameters
    ----------
    run : Path
        A finished run folder, or a folder that holds one and no other.
    battle : Found
        Of `battle_of_file` or `battle_of_texts`.
    encoder : str, optional
        Folder of the frozen encoder, see `pipelines.estimator.reading.load_pipeline`.
    cache : Cache, optional
        Where vectors and matches are kept for the next time.

    Raises
    ------
    RunError
        It is no finished run, or a stack, which has no columns but its members' logits.
    """
    run = find_run(run)
    if is_stack(run):
        inside = sorted(run.glob(f"{MEMBERS}/*/features.json"))
        raise RunError(
            f"{run} is a stack, whose columns are its members' logits. Explain a member that is a "
            f"run{': ' if inside else ', of which it has none'}"
            f"{', '.join(str(path.parent) for path in inside)}."
        )
    return explained(load_pipeline(run, cache, encoder), battle.battles)


def show(
    console: Console, battle: Found, found: Explained, *, top: int, as_json: bool = False
) -> None:
    """Print how the battle was read and what was explained: tables, or all of it as JSON.

    Parameters
    ----------
    console : rich.console.Console
    battle : Found
    found : Explained
    top : int
        Columns of each family in a table, at most.
    as_json : bool
    """
    if as_json:
        tell(console, json.dumps({"notes": battle.notes, **found}, indent=1))
        return
    for note in battle.notes:
        tell(console, note)
    show_explained(console, found, top)
