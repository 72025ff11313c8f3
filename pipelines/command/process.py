"""What a command asks of its process before anything else: streams to write to, and a quiet end.

Only the standard library is imported here, so that a command can ask for it before the imports that
take seconds.
"""

import io
import os
import signal
import sys
from types import FrameType

from pipelines.run.unfinished import drop_unfinished

SHOW_CURSOR = b"\x1b[?25h\n"
STREAMS = ("stdin", "stdout", "stderr")
WRONG_USE, FAILED, INTERRUPTED = 2, 1, 130  # exit statuses


def say(line: str) -> None:
    """Write a line that says what is wrong."""
    sys.stderr.write(f"error: {line.strip()}\n")


def own_process(go_on: str = "") -> None:
    """Open streams that are closed, let all text be printed, and end at a signal with one line.

    Parameters
    ----------
    go_on : str, optional
        Says how to go on after an interruption.
    """
    _open_streams()
    _end_at_signals(go_on)


def _open_streams() -> None:
    """Put the null device in the place of closed streams, or a file of ours would be in it."""
    while (number := os.open(os.devnull, os.O_RDWR)) < len(STREAMS):
        pass
    os.close(number)
    for number, name in enumerate(STREAMS[1:], start=1):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # of an encoding without some of our signs, say
            stream.reconfigure(errors="replace" if name == "stdout" else "backslashreplace")


def _end_at_signals(go_on: str) -> None:
    """Let Ctrl-C and SIGTERM end the process at once, with a line that says how to go on.

    An exception would strike anywhere: in a callback of XGBoost it breaks the memory. And what is
    on the disk bears a sudden end.
    """

    def end(number: int, frame: FrameType | None) -> None:
        drop_unfinished()
        if os.isatty(1):
            os.write(1, SHOW_CURSOR)  # progress bars hide it
        os.write(2, f"error: interrupted. {go_on}".strip().encode() + b"\n")
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)
