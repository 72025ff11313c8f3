"""All that is owed on a GPU, by one command: ``python -m benchmarks.gpu [--minutes N]``.

The steps of `STEPS` run one after the other, the most valuable first, each in a process of its own
with its own limit. What a step prints is written to the screen and to ``--output`` as it comes, as
Markdown; a step that fails says why, and the next one goes on. When the minutes are up, what is
left is named. Without a CUDA device the same steps run small, on the CPU, to see that they run.

Texts are the real ones of the folder that ``ARENABOOST_DATA`` names, else the bundled sample's;
DeBERTa's tokenizer lies in the folder that ``ARENABOOST_MODELS`` names.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from threading import Timer
from time import monotonic
from typing import IO, NamedTuple

from joblib import cpu_count

from benchmarks.gpu.rates import torch_device
from models.device import find_device

SHOWN_LINES = 150  # of what a step that failed said
LIBRARIES = (
    "torch",
    "transformers",
    "accelerate",
    "disentangled-flash",
    "sentence-transformers",
    "xgboost",
    "lightgbm",
    "numpy",
)
Write = Callable[[str], None]


class Step(NamedTuple):
    """One thing that is owed.

    Attributes
    ----------
    what : str
        The heading over its results.
    command : tuple of str
        Arguments of Python. They get ``--small`` where there is no GPU, if `sized`.
    seconds : float
        At most.
    sized : bool
        Whether the command takes ``--small`` and prints Markdown; else its output is set as it is.
    """

    what: str
    command: tuple[str, ...]
    seconds: float
    sized: bool = True


BOOSTING = ("-m", "benchmarks.gpu.boosting")
TESTS = ("-m", "pytest", "-m", "gpu", "--quiet", "tests")
STEPS: dict[str, Step] = {
    "tests": Step("Tests marked `gpu`", TESTS, 120, sized=False),
    "rates": Step("What the device can do", ("-m", "benchmarks.gpu.rates"), 40),
    "tower": Step("Towers trained", ("-m", "benchmarks.gpu.tower"), 240),
    "boosting": Step("XGBoost on CUDA and on the CPU", BOOSTING, 150),
    "deberta": Step("DeBERTa-v3-base", ("-m", "benchmarks.gpu.encoders", "deberta"), 90),
    "matching": Step("Battles matched", ("-m", "benchmarks.gpu.matching"), 60),
    "fit": Step("The default fit, two folds", ("-m", "benchmarks.gpu.fit", "--folds", "2"), 300),
    "opencl": Step(
        "LightGBM through OpenCL and on the CPU", (*BOOSTING, "--learner", "lightgbm"), 150
    ),
    "strings": Step("Read and matched", ("-m", "benchmarks.gpu.matching", "--strings"), 120),
    "minilm": Step("MiniLM", ("-m", "benchmarks.gpu.encoders", "minilm"), 60),
}


def main(argv: Sequence[str] | None = None, steps: Mapping[str, Step] = STEPS) -> int:
    """Run the steps, and return 1 where one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0, metavar="N", help="for all of it")
    parser.add_argument("--output", type=Path, metavar="FILE", help="Markdown, begun anew")
    parser.add_argument(
        "--only", nargs="+", default=list(steps), choices=list(steps), metavar="STEP",
        help=f"of {', '.join(steps)}",
    )  # fmt: skip
    options = parser.parse_args(argv)
    end = monotonic() + 60.0 * options.minutes
    device = find_device("auto")
    with written(options.output) as write:
        write(f"{device.reason}; {cpu_count()} cores; {_versions()}")
        chosen = [name for name in steps if name in options.only]
        small = torch_device() == "cpu"  # some steps need no XGBoost that knows the card
        done = [run(steps[name], end, small, write) for name in chosen]
    return int(not all(done))


def run(step: Step, end: float, small: bool, write: Write) -> bool:
    """Run one step until it is over, its limit or the end is reached; say whether all went well."""
    write(f"\n## {step.what}\n")
    limit = min(step.seconds, end - monotonic())
    if limit <= 0:
        write("Not run: the minutes are up.")
        return False
    command = [sys.executable, *step.command, *(["--small"] if small and step.sized else [])]
    if not step.sized:
        write("```")
    started = monotonic()
    status, said = _followed(command, limit, write)
    if not step.sized:
        write("```")
    seconds = monotonic() - started
    if status == 0:
        write(f"\n{seconds:.0f} s")
        return True
    stopped = seconds >= limit
    why = f"stopped after its {limit:.0f} s" if stopped else f"failed with status {status}"
    write(f"\n**This step {why}.**" + (f"\n\n```\n{said}\n```" if said else ""))
    return False


def _followed(command: Sequence[str], limit: float, write: Write) -> tuple[int, str]:
    """Hand on a command's lines as they come; return its status and the end of its errors."""
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1"},
            start_new_session=True,
        ) as process,
    ):
        timer = Timer(limit, _kill, [process])
        timer.start()
        try:
            for line in process.stdout or ():
                write(line.rstrip("\n"))
            status = process.wait()
        finally:
            timer.cancel()
            _kill(process)
        errors.seek(0)
        return status, "\n".join(errors.read().splitlines()[-SHOWN_LINES:])


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all that it started; nothing where none is left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def written(output: Path | None) -> Iterator[Write]:
    """Give what writes a line to the screen and, at once, to a file."""
    with open(output or os.devnull, "w", encoding="utf-8") as file:
        both: tuple[IO[str], ...] = (sys.stdout, file)

        def write(line: str) -> None:
            for stream in both:
                stream.write(line + "\n")
                stream.flush()

        yield write


def _versions() -> str:
    found = [f"Python {python_version()}"]
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            found.append(f"no {library}")
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main())
