"""The default fit on a GPU and on the CPU: ``python -m benchmarks.gpu.fit [--folds N] [--small]``.

``pipelines.fit --no-cache`` on ``arena/train.csv`` and ``arena/extra.csv`` of the folder that
``ARENABOOST_DATA`` names, or on the bundled sample: seconds, memory, log loss, and where the time
went. A quick fit on the sample goes before, so that loops are compiled. ``--small`` takes the
sample, one family and a few rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu.common import CardMemory, small_parser
from benchmarks.tables import write, write_header, write_row
from models.device import find_device

FEW = (
    'families=["length"]', 'model.members=["xgboost"]', "folds.n_folds=2", "model.inner_folds=2",
    "learners.xgboost.max_rounds=5",
)  # fmt: skip
QUICK = ('model.members=["linear"]', "folds.n_folds=2", "model.inner_folds=2")
LONG = 1.0  # seconds of a part that is worth a row


def main() -> int:
    """Print a Markdown table for each device."""
    parser = small_parser("benchmarks.gpu.fit", __doc__)
    parser.add_argument("--folds", type=int, metavar="N", help="instead of the preset's")
    options = parser.parse_args()
    settings = FEW if options.small else _folds(options.folds)
    devices = ("cuda", "cpu") if find_device("auto").name == "cuda" else ("cpu",)
    with tempfile.TemporaryDirectory() as folder:
        if not options.small:
            fitted(Path(folder, "quick"), "cpu", [], QUICK)
        for device in devices:
            files = [] if options.small else _files()
            with CardMemory() as card:
                report = fitted(Path(folder, device), device, files, settings)
            told(report, card.most_mb)
    return 0


def fitted(run: Path, device: str, files: list[str], settings: Sequence[str]) -> dict[str, Any]:
    """Fit in a process of its own, and return the report.

    Raises
    ------
    subprocess.CalledProcessError
        The fit failed; it has said why.
    """
    command = [sys.executable, "-m", "pipelines.fit", "--no-cache", "--debug", "--device", device]
    command += ["--output", str(run), *files]
    command += [flag for each in settings for flag in ("--set", each)]
    subprocess.run(command, stdout=sys.stderr, check=True)
    report: dict[str, Any] = json.loads((run / "report.json").read_text())
    return report


def told(report: Mapping[str, Any], card_mb: float) -> None:
    """Print what a run says of itself."""
    loss = report["scores"]["metrics"]["log_loss"]["value"]
    write(
        f"\n{report['device']['name']} ({report['device']['reason']}): "
        f"{sum(report['seconds'].values()):.0f} s, log loss {loss:.4f}, "
        f"{report['peak_memory_mb']:,} MB, {card_mb:,.0f} MB of the card; trained on "
        f"{report['device']['used']}\n"
    )
    write_header(("step", "part", "seconds"))
    for step, seconds in report["seconds"].items():
        write_row([f"**{step}**", "", f"{seconds:.1f}"])
        for name, part in flat(report["parts"].get(step, {})):
            if part >= LONG:
                write_row(["", name, f"{part:.1f}"])


def flat(parts: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Give each number in nested parts, with the names that lead to it."""
    for name, value in parts.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}: {inner}", seconds) for inner, seconds in flat(value))
        else:
            yield name, value


def _folds(folds: int | None) -> tuple[str, ...]:
    return () if folds is None else (f"folds.n_folds={folds}",)


def _files() -> list[str]:
    folder = os.environ.get("ARENABOOST_DATA")
    if not folder:
        return []
    arena = Path(folder, "arena")
    return ["--train", str(arena / "train.csv"), "--extra", str(arena / "extra.csv")]


if __name__ == "__main__":
    sys.exit(main())
