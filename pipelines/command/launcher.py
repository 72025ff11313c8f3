"""The one launcher of all commands: ``python -m pipelines.fit …``, ``arenaboost fit …``.

Nothing that takes long is imported here before it is used, so that a process listens to Ctrl-C from
the first moment on.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from pipelines.command.flags import Parser
from pipelines.command.names import hidden_line, leave_working_folder
from pipelines.command.process import WRONG_USE, own_process, say

# Each module has a docstring that says what the command does, GO_ON (how to go on after an
# interruption), add_flags(parser), and run(arguments, console).
COMMANDS = {
    "fit": "pipelines.cli.fit",
    "predict": "pipelines.cli.predict",
    "finetune": "pipelines.cli.finetune",
    "stack": "pipelines.cli.stack",
    "tune": "pipelines.cli.tune",
    "explain": "pipelines.cli.explain",
    "select": "pipelines.cli.select",
}
PROGRAM = "arenaboost"


def main() -> NoReturn:
    """Be the process of the command that the first argument names: ``arenaboost fit …``.

    Nothing is imported from the working folder, whatever lies there.
    """
    own_process()
    leave_working_folder()
    parser = Parser(prog=PROGRAM, description="Predict which of two answers a person prefers.")
    parser.add_argument(
        "command",
        choices=COMMANDS,
        metavar="COMMAND",
        help=f"one of {', '.join(COMMANDS)}; COMMAND --help tells its flags",
    )
    name = parser.parse_args(sys.argv[1:2]).command
    start(name, sys.argv[2:], prog=f"{PROGRAM} {name}")


def start(name: str, argv: Sequence[str] | None = None, *, prog: str | None = None) -> NoReturn:
    """Be the process of a command: streams are open, and a signal ends it with one line.

    Parameters
    ----------
    name : str
        One of `COMMANDS`.
    argv : sequence of str, optional
        Its flags, by default those of the process.
    prog : str, optional
        What it is called in ``--help``.
    """
    hidden = hidden_line(name, by_module=prog is None)
    if hidden:
        say(hidden)
        sys.exit(WRONG_USE)
    own_process(import_module(COMMANDS[name]).GO_ON)
    sys.exit(launch(name, sys.argv[1:] if argv is None else argv, prog=prog))


def launch(name: str, argv: Sequence[str], *, prog: str | None = None) -> int:
    """Run a command within this process, and return its exit status.

    Returns
    -------
    int
        0; 2 for a wrong use (flags, configuration, files that are not what they should be); 1
        for a failure; 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        With status 2 at a wrong flag, with 0 after ``--help``.
    """
    command = import_module(COMMANDS[name])
    description = _described(str(command.__doc__))
    parser = Parser(prog=prog or f"python -m pipelines.{name}", description=description)
    command.add_flags(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of a fault")
    arguments = parser.parse_args(argv)
    from pipelines.command.errors import run_command  # knows the faults of all packages

    return run_command(command.run, arguments, go_on=command.GO_ON)


def _described(docstring: str) -> str:
    """Return what a command does, without how it is called: usage says that.

    >>> _described("``python -m pipelines.bake``: from flour to bread.")
    'From flour to bread.'
    """
    does = docstring.partition(": ")[2]
    return does[:1].upper() + does[1:]
