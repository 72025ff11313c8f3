"""Trainings in processes of their own: ``python -m tests.models.tower.worker WHAT FOLDER``."""

import os
import pickle
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.tower.training import train
from models.tower.watch import Silent
from models.tower.world import World
from tests.models.tower.backbones import Kept, material_of, state_of


class File:
    """Checkpoints in a file."""

    def __init__(self, path):
        self.path = path

    def read(self):
        return self.path.read_bytes() if self.path.exists() else None

    def write(self, content):
        aside = self.path.with_suffix(".aside")
        aside.write_bytes(content)
        aside.replace(self.path)


class Killed(Silent):
    """Ends the process, at once, after so many steps."""

    def __init__(self, step):
        self.step = step

    def trained(self, step, steps, loss):
        if step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def told(folder):
    with (folder / "told.pickle").open("rb") as file:
        return pickle.load(file)


def killed(folder):
    """Train until the process is killed."""
    given = told(folder)
    material = material_of(given["backbone"], given["battles"], **given["settings"])
    train(
        material, given["y"], given["rows"],
        checkpoints=File(folder / "checkpoint"), watch=Killed(given["step"]),
    )  # fmt: skip


def together(folder):
    """Train with the other processes; each writes its weights."""
    given = told(folder)
    world = World.here()
    for number, settings in enumerate(given["settings"]):
        material = material_of(given["backbone"], given["battles"], **settings)
        notes = Kept()
        found = train(
            material, given["y"], given["rows"], epochs=given["epochs"],
            checkpoints=notes, world=world,
        )  # fmt: skip
        save_file(state_of(found), folder / f"{number}-{world.rank}.safetensors")
    told_by_all = world.gather(world.rank)
    assert told_by_all == list(range(world.size))
    assert world.broadcast(world.rank) == 0
    world.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"killed": killed, "together": together}[sys.argv[1]](Path(sys.argv[2]))
