"""`pipelines.tune` in processes of its own, which may kill themselves by SIGKILL at a given place.

They are forked by one that has imported all that a study needs and used nothing of it.
"""

import multiprocessing
import os

from optuna.storages import JournalStorage, RDBStorage

from models.partwise import PartwiseModel
from pipelines.command.launcher import start
from pipelines.tuning.evaluation import Evaluator
from pipelines.tuning.folder import StudyFolder
from pipelines.tuning.slots import Slots
from tests.pipelines.run.dying import AFTER, BEFORE, Command, Death, die_at_call

PLACES = {
    "before a fit": [(PartwiseModel, "fit_parts", BEFORE)],
    "between two folds": [(Evaluator, "predict", AFTER)],
    "with some parameters": [
        (RDBStorage, "_set_trial_param", AFTER),  # which the storage before it calls
        (JournalStorage, "set_trial_param", AFTER),
    ],
    "with its name in a slot": [(Slots, "_take", AFTER)],
    "before the outcome": [(Slots, "finish", BEFORE)],
    "after the outcome": [(Slots, "finish", AFTER)],
    "before the results": [(StudyFolder, "write", BEFORE)],
}


def be_the_command(flags, streams, place, times):
    """Be the process of the command, whose streams are files."""
    for number, path in streams.items():
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if place is not None:
        death = Death(times)
        for owner, name, moment in PLACES[place]:
            die_at_call(owner, name, moment, death)
    start("tune", flags)


def started(flags, folder, place=None, times=1, number=0):
    """Start the command, to die when the place is reached for the `times`-th time."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([__name__, "lightgbm", "pipelines.tune", "pipelines.cli.tune"])
    streams = {1: folder / f"out-{number}", 2: folder / f"err-{number}"}
    process = forking.Process(target=be_the_command, args=(flags, streams, place, times))
    process.start()
    return Command(process, streams)
