"""The model of all rows: fitted, written into the run, and read back as `predict` will read it."""

import json
from typing import Any, NamedTuple

import pandas as pd
from sklearn.pipeline import Pipeline

from data.battles import swap_battles
from features.matching.store import EncoderStore
from models.choice import Chosen
from models.device import Device
from models.measures.metrics import swap_error
from pipelines.command.progress import Steps
from pipelines.config import Config, write_config
from pipelines.estimator.build import describe_columns, dump_features, fit_pipeline, learned_report
from pipelines.estimator.encoding import encoder_store, hand_over
from pipelines.estimator.reading import CONFIG, MODELS, read_pipeline
from pipelines.estimator.timing import Seconds, fit_parts
from pipelines.run.folder import UnfinishedRun, digest
from pipelines.run.inputs import Battles

SWAP_CHECK_ROWS = 1000


class Final(NamedTuple):
    """The model of all rows, as it lies in the run folder.

    Attributes
    ----------
    pipeline : Pipeline
        Read back from the files.
    hashes : dict of str to str
        Path in the folder -> SHA-256, of the configuration and of each model file.
    chosen : Chosen
        What it was given: what the outer folds say of it.
    swap_error : float
        How far a swap of the answers is from swapping the probabilities.
    settings : dict
        What makes the learners' libraries give the same bytes again, by library.
    families : dict
        What each family that learns says of what it learned.
    seconds : dict
        Where the time of the fit went.
    """

    pipeline: Pipeline
    hashes: dict[str, str]
    chosen: Chosen
    swap_error: float
    settings: dict[str, dict[str, Any]]
    families: dict[str, dict[str, Any]]
    seconds: dict[str, Any]


def fit_final(
    config: Config,
    device: Device,
    pipeline: Pipeline,
    battles: Battles,
    chosen: Chosen,
    run: UnfinishedRun,
    steps: Steps,
) -> Final:
    """Fit on all rows, and leave the model and its columns in the run.

    Rounds, penalties and calibration are the `chosen` ones: no inner folds are cut.
    """
    seconds: Seconds = {}
    pipeline.named_steps["model"].set_params(chosen=chosen)
    with steps.step("final fit"):
        fit_pipeline(pipeline, battles.frame, battles.y, seconds)
    model = pipeline.named_steps["model"]
    learned = model.dump() | dump_features(pipeline)
    files = {f"{MODELS}/{name}": content for name, content in learned.items()}
    files[CONFIG] = write_config(config).encode()
    for name, content in files.items():
        run.write(name, content)
    hashes = {name: digest(content) for name, content in files.items()}
    store = encoder_store(pipeline)
    fitted = read_pipeline(run.path, hashes, device.name, store)
    run.write("features.json", _columns(fitted))
    error = _swap_error(fitted, battles.plain[0].iloc[:SWAP_CHECK_ROWS])
    if store is not None:
        # Test texts are read as `pipelines.predict` reads them, whatever the training texts are.
        hand_over(fitted, EncoderStore(store.encoder, store.cache))
    return Final(
        pipeline=fitted,
        hashes=hashes,
        chosen=chosen,
        swap_error=error,
        settings=_settings(fitted),
        families=learned_report(pipeline),
        seconds=seconds | fit_parts(pipeline),
    )


def _settings(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    models = pipeline.named_steps["model"].models_.values()
    return {library: told for model in models for library, told in model.settings().items()}


def _swap_error(pipeline: Pipeline, battles: pd.DataFrame) -> float:
    return swap_error(
        pipeline.predict_proba(battles), pipeline.predict_proba(swap_battles(battles))
    )


def _columns(pipeline: Pipeline) -> bytes:
    """Return every feature column: its place, which is its name in the models, and its meaning."""
    docs = describe_columns(pipeline)
    columns = [
        {
            "position": position,
            "name": name,
            "family": name.partition("__")[0],
            "side": name.rpartition("_")[2],
            "documentation": docs[name],
        }
        for position, name in enumerate(pipeline.named_steps["model"].feature_names_in_)
    ]
    return json.dumps(columns, indent=1, ensure_ascii=False).encode()
