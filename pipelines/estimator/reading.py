"""A fitted estimator, read back from a run folder whose files are what the run wrote."""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError
from sklearn.pipeline import Pipeline

from data.battles import make_battles
from features import EncoderError
from features.forked import ForkedError
from features.matching.store import EncoderStore
from features.storage.cache import Cache
from models.device import find_device
from models.preference import PASSED_THROUGH
from pipelines.config import Config, ConfigError, load_config
from pipelines.estimator.build import build_pipeline, load_features
from pipelines.estimator.encoding import hand_over
from pipelines.run.copies import WAY_OUT, check_copy, check_files
from pipelines.run.folder import RunError, digest

CONFIG, MODELS, REPORT = "config.toml", "models", "report.json"

FORMAT = 5  # of run folders: one more with each change after which an old one cannot be read


class _Device(BaseModel):
    name: Literal["cpu", "cuda"]


class _Report(BaseModel):
    """What ``report.json`` must hold for its run to be read."""

    device: _Device
    files: dict[str, str]


def load_pipeline(run: Path, cache: Cache | None = None, encoder: str | None = None) -> Pipeline:
    """Return the fitted estimator that lies in a run folder.

    It predicts on the kind of device that the run was fitted on, or on the CPU where that is not
    there, with a warning: probabilities may then differ in the last digits.

    Parameters
    ----------
    run : Path
    cache : Cache, optional
        Where vectors of a frozen encoder are kept on disk.
    encoder : str, optional
        Folder of the frozen encoder, where that is not what the configuration names; its files
        must be those that the run was fitted with.

    Raises
    ------
    RunError
        If the folder is no finished run, is one of another version, or holds a file that is not
        the one that the run wrote.
    EncoderError
        If its frozen encoder cannot be had.
    """
    check_copy(run)
    report = read_report(run)
    wanted, found = report.device.name, find_device("auto")
    if wanted == "cuda" != found.name:
        warnings.warn(f"{run} was fitted on a GPU; {found.reason}.", stacklevel=2)
    device = wanted if wanted == found.name else "cpu"
    return read_pipeline(run, report.files, device, cache=cache, encoder=encoder)


def read_report(run: Path) -> _Report:
    """Return what the report of a run tells of its models.

    Raises
    ------
    RunError
        It is no run's report, or one of another version.
    """
    path = run / REPORT
    if not path.is_file():
        raise altered(path, "no such file", WAY_OUT)
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise altered(path, "a file that is no JSON") from None
    if not isinstance(content, dict):
        raise altered(path, "no JSON object")
    if content.get("kind") == "stack":
        raise RunError(
            f"{run} is a stack: it holds several estimators. Predict with it by pipelines.predict, "
            f"or name one of the folders in {run / 'members'}."
        )
    _check_format(run, content)
    try:
        return _Report.model_validate(content)
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise altered(path, f"no valid {key}") from None


def _check_format(run: Path, report: Mapping[str, object]) -> None:
    found, libraries = report.get("format", 1), report.get("versions")
    if found == FORMAT:
        return
    theirs = libraries.get("arenaboost") if isinstance(libraries, dict) else None
    install = f", or install arenaboost {theirs}" if theirs else ""
    raise RunError(
        f"{run}: made by arenaboost {theirs or 'of an unknown version'} with format {found!r}, "
        f"this one reads format {FORMAT}. Fit the run again{install}."
    )


def read_pipeline(
    folder: Path,
    hashes: Mapping[str, str],
    device: str,
    store: EncoderStore | None = None,
    cache: Cache | None = None,
    encoder: str | None = None,
) -> Pipeline:
    """Return the fitted estimator of a configuration and model files, checked by their SHA-256.

    Parameters
    ----------
    folder : Path
        A run folder, finished or not.
    hashes : mapping of str to str
        Path in the folder -> SHA-256, of the configuration and of each model file.
    device : {"cpu", "cuda"}
    store : EncoderStore, optional
        With the encoder, loaded already, and what it has read; a new one by default.
    cache : Cache, optional
        Where a new store keeps on disk what it makes.
    encoder : str, optional
        Where the encoder lies, if not where the configuration says.
    """
    check_files(folder, hashes)
    files = {name: checked(folder / name, known) for name, known in hashes.items()}
    if CONFIG not in files:
        raise altered(folder / REPORT, f"no hash of {CONFIG}")
    try:
        config = load_config(file=folder / CONFIG)
    except ConfigError as error:
        raise RunError(f"{error} The run was made by another version: fit it again.") from None
    if encoder is not None:
        config = _with_encoder(config, encoder, folder)
    pipeline = build_pipeline(config, device, cache)
    models = {name.removeprefix(f"{MODELS}/"): content for name, content in files.items()}
    with _altered_where_it_fails(folder, models):
        load_features(pipeline, models)
        pipeline.named_steps["model"].load(models)
        _check_columns(folder, pipeline)
    if store is not None:
        hand_over(pipeline, store)
    with _altered_where_it_fails(folder, models):
        pipeline.predict_proba(make_battles(["Hi"], ["Hello!"], ["Hey"]))
    return pipeline


def _with_encoder(config: Config, encoder: str, folder: Path) -> Config:
    """Return the configuration with its encoder lying elsewhere."""
    if config.encoder is None:
        raise RunError(f"--encoder {encoder}: {folder} was fitted without a frozen encoder.")
    return config.model_copy(update={"encoder": {**config.encoder, "name": encoder}})


@contextmanager
def _altered_where_it_fails(folder: Path, files: Mapping[str, bytes]) -> Iterator[None]:
    """Load models or try them: whatever fails, they are not the run's."""
    try:
        yield
    except (RunError, EncoderError, ForkedError):
        raise
    except Exception as error:
        name = str(error.args[0]) if isinstance(error, KeyError) else ""
        if Path(name).suffix and name not in files:
            raise altered(folder / REPORT, f"no hash of {MODELS}/{name}") from None
        found = f"models that cannot be read ({type(error).__name__}: {error})"
        raise altered(folder / MODELS, found) from error


def checked(path: Path, known: str) -> bytes:
    """Return a file's content.

    Raises
    ------
    RunError
        Its SHA-256 is not the known one.
    """
    content = path.read_bytes() if path.is_file() else None
    if content is None or digest(content) != known:
        found = "no such file" if content is None else "a file that was changed since"
        raise altered(path, found)
    return content


def altered(path: Path, found: str, way_out: str = "Fit the run again.") -> RunError:
    """Return what says that a file is not the one that was written there."""
    return RunError(f"{path}: expected the file that the run wrote, found {found}. {way_out}")


def _check_columns(folder: Path, pipeline: Pipeline) -> None:
    """Refuse a model that was fitted on other columns than the features make now."""
    names = pipeline.named_steps["features"].get_feature_names_out()
    made = [name for name in names if name not in PASSED_THROUGH]
    known = pipeline.named_steps["model"].feature_names_in_
    for place, (wanted, found) in enumerate(zip_longest(known, made)):
        if wanted != found:
            raise RunError(
                f"{folder}, column {place} of the features: expected {wanted or 'none'}, which the "
                f"model was fitted on, found {found or 'none'}. The run was made by another "
                "version of the features: fit it again."
            )
