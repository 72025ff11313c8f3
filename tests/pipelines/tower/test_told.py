"""What is shown of a training."""

import re

import pytest

from pipelines.command import progress
from pipelines.command.progress import Steps
from pipelines.tower.told import Told


@pytest.fixture
def shown(quiet, monkeypatch):
    """Let a function tell things, and return the lines that were shown while no time went by."""
    monkeypatch.setattr(progress, "LOG_EVERY", -1.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: 1000.0)

    def of(happen):
        steps = Steps(quiet())
        with steps.step("fold 1", unit="steps") as step:
            step.started -= 10.0  # seconds ago
            told = Told(step, lambda: 1234.0)
            told.began -= 10.0
            happen(told)
        return steps.console.file.getvalue().splitlines()

    return of


def test_a_step_shows_tokens_a_second_loss_memory_and_time_left(shown):
    def happen(told):
        for step in range(1, 6):
            told.read(2000)
            told.trained(step, 10, 1.25)

    line = shown(happen)[-2]
    assert re.fullmatch(
        r"fold 1: 5 of 10 steps in 10 s, 10 s left; 1,000 tokens a second, loss 1\.2500, "
        r"1,234 MB …",
        line,
    )


def test_steps_of_an_earlier_process_are_not_rated(shown):
    def happen(told):
        for step in range(96, 101):
            told.trained(step, 105, 1.0)

    assert "100 of 105 steps in 10 s, 10 s left" in shown(happen)[-2]


def test_an_evaluation_and_a_warning_are_lines(shown):
    row = {"step": 1200, "epoch": 1.5, "loss": 1.0, "log_loss": 1.0512, "accuracy": 0.4}

    def happen(told):
        told.evaluated(row)
        told.say("memory ran out")

    lines = shown(happen)
    assert lines[0] == ("fold 1: epoch 1.50, step 1,200: inner log loss 1.0512, accuracy 0.4000")
    assert lines[1] == "fold 1: memory ran out"


def test_tokens_are_counted_where_frozen_layers_read(quiet, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", -1.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: 1000.0)
    steps = Steps(quiet())
    with steps.step("texts", unit="tokens") as step:
        step.started -= 10.0
        told = Told(step, lambda: 1234.0)
        told.expect(4000)
        told.read(1000)
    line = steps.console.file.getvalue().splitlines()[-2]
    assert line == "texts: 1,000 of 4,000 tokens in 10 s, 100 a second, 30 s left; 1,234 MB …"
