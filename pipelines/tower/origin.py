"""Where battles and folds of a tower are from: files that are named, or a finished run's own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ValidationError

from data.battles import Files, Named, Reading
from data.layouts.reading import SKIP_AT_MOST, BothBad, RepeatedVotes
from models.tower.settings import TowerSettings
from pipelines.run.copies import check_copy
from pipelines.run.files import check_ordinary
from pipelines.run.folder import RunError, file_hash
from pipelines.run.folds import Folds, cut_folds, read_folds
from pipelines.run.inputs import SAMPLE, Battles, Inputs, files_hash
from pipelines.settings import ConfigError

TELLING = ("report.json", "logits.json")  # of a run, of a tower
SHOWN = 12  # digits of a hash


class Given(NamedTuple):
    """Files that are named, and how files are said to be read."""

    train: Named | None = None
    test: Named | None = None
    extra: tuple[Named, ...] = ()
    skip_bad_rows: bool = False
    soft_labels: Path | None = None
    reading: Reading = Reading()


class Origin(NamedTuple):
    """What a tower is made from.

    Attributes
    ----------
    inputs : Inputs
    skip_bad_rows : bool
        Leave out training rows that cannot be read.
    run : Path or None
        The finished run whose folds are taken.
    folds : Folds or None
        Those folds; None where they are cut by the tower's own settings.
    soft_labels : Path or None
        Another model's probabilities of the rows, by id.
    """

    inputs: Inputs
    skip_bad_rows: bool = False
    run: Path | None = None
    folds: Folds | None = None
    soft_labels: Path | None = None

    @classmethod
    def of(cls, given: Given, run: Path | None = None) -> Self:
        """Find the files of a finished run, or take those that are named, or the bundled sample.

        Raises
        ------
        RunError
            There is no such run, or a file of it is gone or changed.
        ConfigError
            A test file is named, and no training file.
        """
        for path in (given.train, given.test, *given.extra, given.soft_labels):
            if path is not None:
                check_ordinary(path)
        if run is not None:
            return cls._of_run(run, given)
        if given.train is not None:
            inputs = Inputs(given.train, given.test, given.extra)
        elif given.test or given.extra:
            raise ConfigError(
                "--test and --extra go with --train or RUN: the bundled sample is generated."
            )
        else:
            inputs = Inputs(SAMPLE / "train.csv", SAMPLE / "test.csv")
        inputs.check()
        return cls(inputs, given.skip_bad_rows, soft_labels=given.soft_labels)

    @classmethod
    def _of_run(cls, run: Path, given: Given) -> Self:
        check_copy(run)
        folds, told = read_folds(run), _told(run)
        if told is not None:
            _check_reading(run, told, given)
            skip = given.skip_bad_rows or told.skip_bad_rows
            return cls(_found(run, told, given), skip, run, folds, given.soft_labels)
        if given.train is None:
            raise RunError(
                f"{run} does not tell which files it was made from. Name them as they were given "
                "to it: --train CSV, and with it --extra CSV."
            )
        inputs = Inputs(given.train, given.test, given.extra)
        return cls(inputs, given.skip_bad_rows, run, folds, given.soft_labels)

    def settled(self, settings: TowerSettings) -> TowerSettings:
        """Return the settings with as many folds as there are.

        Raises
        ------
        ConfigError
            They ask for another number than the run has.
        """
        if self.folds is None:
            return settings
        number = self.folds.number
        if "n_folds" in settings.model_fields_set and settings.n_folds != number:
            raise ConfigError(
                f"n_folds: {self.run} has {number} folds. Got {settings.n_folds}. Leave the key "
                "out to take the run's, or leave out RUN."
            )
        return settings.model_copy(update={"n_folds": number})

    def check_soft_labels(self, settings: TowerSettings) -> None:
        """Refuse settings that ask for soft labels which are not named, or for none of those.

        Raises
        ------
        ConfigError
            Says what goes with what.
        """
        if settings.distill and self.soft_labels is None:
            raise ConfigError(
                f"distill={settings.distill:g} needs soft labels: name a table of them, such as a "
                "run's oof.csv, by python -m pipelines.finetune --soft-labels CSV, or leave the "
                "key out."
            )
        if self.soft_labels is not None and not settings.distill:
            raise ConfigError(
                f"--soft-labels {self.soft_labels}: nothing reads them where distill is 0. Say "
                "what share of the loss they have, such as --set distill=0.5, or leave the flag "
                "out."
            )

    def folds_of(self, settings: TowerSettings, battles: Battles) -> Folds:
        """Return the fold of each plain row.

        Raises
        ------
        DataError
            Folds cannot be cut of these rows.
        RunError
            The battles are not those of the run.
        """
        if self.folds is None or self.run is None:
            return cut_folds(battles, settings.n_folds, settings.seed)
        self.folds.check(battles, self.run)
        return self.folds


class _Reading(BaseModel):
    layout: str | None
    columns: dict[str, str]
    votes: dict[str, int]
    both_bad: BothBad
    repeated_votes: RepeatedVotes | None = None
    encoding: str | None = None
    raw: bool = False
    skip_at_most: float = SKIP_AT_MOST


class _File(BaseModel):
    """See `pipelines.run.inputs.FileTold`."""

    file: str
    path: str
    sha256: str
    shards: list["_File"] = []
    reading: _Reading | None = None

    def read_so(self, named: Named) -> Files:
        """Return files as the run read them."""
        known = self.reading
        return Files.of(named, Reading() if known is None else Reading(**known.model_dump()))


class _Told(BaseModel):
    """What a run tells of its files, see `pipelines.run.inputs.InputsTold`."""

    train: _File
    extra: list[_File]
    test: _File | None
    skip_bad_rows: bool


def _told(run: Path) -> _Told | None:
    """Return what a run tells of its files, None where it is silent."""
    for name in TELLING:
        if not (run / name).is_file():
            continue
        try:
            content = json.loads((run / name).read_bytes())
            known = content.get("inputs")
            return None if known is None else _Told.model_validate(known)
        except (ValueError, RecursionError, AttributeError, ValidationError):
            raise RunError(
                f"{run / name}: expected the file that the run wrote, found one that was changed "
                "since. Fit the run again."
            ) from None
    return None


def _check_reading(run: Path, told: _Told, given: Given) -> None:
    """Refuse to read a run's files in another way than it did; a test file may be any."""
    known = told.train.read_so(told.train.path).reading.binding()
    said = given.reading.binding()
    if given.test is None and said not in (Reading(), known):
        raise ConfigError(
            f"the files of {run} are read as it read them, not by other --layout, --columns, "
            "--votes, --both-bad, --repeated-votes or --encoding. Leave these flags out, or fit "
            "the run anew with them."
        )


def _found(run: Path, told: _Told, given: Given) -> Inputs:
    """Return the run's files, from where they are named to be or from where they lay.

    A test file that is named may be any: nothing that was learned depends on it.
    """
    named: list[Named] = [] if given.train is None else [given.train]
    (train,) = _matched([told.train], named, "--train", run)
    extra = _matched(told.extra, given.extra, "--extra", run)
    test = given.test
    if test is None and told.test is not None:
        (test,) = _matched([told.test], [], "--test", run)
    return Inputs(train, test, tuple(extra))


def _matched(told: Sequence[_File], named: Sequence[Named], flag: str, run: Path) -> list[Files]:
    """Return files for each that is told, of those that are named or else from where they lay."""
    known = {one.sha256 for one in told}
    hashes = {files_hash(one): Files.of(one) for one in named}
    for found, files in hashes.items():
        if found not in known:
            expected = " or ".join(sorted(sha[:SHOWN] for sha in known)) or "none"
            raise RunError(
                f"{flag} {files}: expected a file that {run} was made from (SHA-256 {expected}), "
                f"found another ({found[:SHOWN]}). Name that file, or leave the flag out."
            )
    return [
        one.read_so(hashes[one.sha256] if one.sha256 in hashes else _where_it_lay(one, flag, run))
        for one in told
    ]


def _where_it_lay(told: _File, flag: str, run: Path) -> Named:
    if told.shards:
        return tuple(_where_one_lay(shard, flag, run) for shard in told.shards)
    return _where_one_lay(told, flag, run)


def _where_one_lay(told: _File, flag: str, run: Path) -> Path:
    places = [path for path in map(Path, (told.path, told.file)) if path.is_file()]
    hashes = {path: file_hash(path) for path in places}
    for path, found in hashes.items():
        if found == told.sha256:
            return path
    found = f"another ({hashes[places[0]][:SHOWN]})" if places else "no such file"
    raise RunError(
        f"{told.path}: expected the file that {run} was made from (SHA-256 "
        f"{told.sha256[:SHOWN]}), found {found}. Name where it lies now: {flag} CSV."
    )
