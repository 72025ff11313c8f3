"""``python -m pipelines.explain RUN --test CSV --id ID``: what moved a prediction, and how far."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data.layouts.flags import add_reading_flags, reading_from
from pipelines.command.flags import add_cache_flags, add_files, cache_from, files_from

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.explaining.battle import Found

GO_ON = "Run the same command again."
TEXTS = {
    "prompt": "a JSON list of turns, or any other text, which is one turn as it stands",
    "response_a": "answer A, in the same way",
    "response_b": "answer B, in the same way",
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    add_files(parser, "--test", "battles, a file or a folder, of which --id names one")
    parser.add_argument("--id", metavar="ID", help="of the battle in the test file")
    for name, told in TEXTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help=told)
    parser.add_argument(
        "--top",
        type=int,
        default=3,
        metavar="N",
        help="columns of each family that are shown (default: 3)",
    )
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_argument(
        "--encoder",
        metavar="FOLDER",
        help="where the frozen encoder lies, if not where the run's configuration says",
    )
    add_reading_flags(parser)
    add_cache_flags(parser)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Explain a battle."""
    from rich.console import Console

    from pipelines.explain import explain, show

    battle = _battle(arguments)
    beside = Console(stderr=True) if arguments.json else console  # what is read holds JSON alone
    cache = cache_from(arguments, beside)
    found = explain(arguments.run, battle, encoder=arguments.encoder, cache=cache)
    show(console, battle, found, top=arguments.top, as_json=arguments.json)


def _battle(arguments: argparse.Namespace) -> Found:
    """Find the battle in the file, or make it of the texts; one of the two must be whole."""
    from data.layouts.reading import Reading
    from pipelines.config import ConfigError
    from pipelines.explain import battle_of_file, battle_of_texts
    from pipelines.run.files import check_ordinary

    texts = {name: getattr(arguments, name) for name in TEXTS}
    given = [text for text in texts.values() if text is not None]
    reading, of_file = reading_from(arguments), arguments.id is not None
    test = files_from(arguments.test, reading)
    if arguments.top < 0:
        raise ConfigError(f"--top: expected 0 or more, found {arguments.top}.")
    if test is not None and of_file and not given:
        check_ordinary(test)
        return battle_of_file(test, arguments.id)
    if len(given) == len(texts) and test is None and not of_file:
        if reading != Reading():
            raise ConfigError(
                "--layout, --columns, --votes, --both-bad, --repeated-votes, --encoding and --raw "
                "say how the file of --test is read. Leave them out, or name a file."
            )
        return battle_of_texts(texts)
    raise ConfigError(
        "expected one battle: --test with --id, or --prompt, --response-a and --response-b, all "
        "three of them and no file."
    )
