"""Steps on a terminal and elsewhere."""

import io
import re

import pytest
from rich.console import Console

from pipelines.command import progress
from pipelines.command.progress import Steps


def console(*, terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def test_elsewhere_a_step_is_one_plain_line():
    steps = Steps(console(terminal=False))
    with steps.step("read") as advance:
        advance(1500)
        advance(500)
    text = steps.console.file.getvalue()
    assert re.fullmatch(r"read: 2,000 battles in \d+\.\d s, [\d,]+ a second\n", text)


@pytest.mark.parametrize("terminal", [False, True])
def test_each_line_of_a_part_begins_with_its_name(terminal, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", -1.0)
    steps = Steps(console(terminal=terminal), "tower")
    steps.tell("device: cpu")
    with steps.step("read") as advance:
        steps.lines("encode", "tokens")(5)
        advance(7)
    assert list(steps.seconds) == ["read"]
    lines = steps.console.file.getvalue()
    for line in ("device: cpu", "encode: 5 tokens", "read: 7 battles"):
        assert f"tower: {line}" in lines
    assert "tower: tower" not in lines


def test_a_step_without_units_tells_its_time():
    steps = Steps(console(terminal=False))
    with steps.step("evaluate"):
        pass
    assert steps.console.file.getvalue() == "evaluate: 0.0 s\n"


def test_a_few_units_have_no_rate():
    steps = Steps(console(terminal=False))
    with steps.step("folds", 3, "folds") as advance:
        advance(3)
    assert steps.console.file.getvalue() == "folds: 3 folds in 0.0 s\n"


def test_elsewhere_a_long_step_writes_log_lines(monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", -1.0)
    steps = Steps(console(terminal=False))
    with steps.step("features", 3000) as advance:
        advance(1000)
        advance(1000)
    with steps.step("predict") as advance:
        advance(7)
    lines = steps.console.file.getvalue().splitlines()
    assert lines[0].startswith("features: 1,000 of 3,000 battles")
    assert lines[1].startswith("features: 2,000 of 3,000 battles")
    assert lines[3].startswith("predict: 7 battles")
    assert "\x1b" not in "".join(lines)


def test_elsewhere_a_short_step_writes_no_log_line():
    steps = Steps(console(terminal=False))
    with steps.step("features", 3000) as advance:
        for _ in range(50):
            advance(10)
    assert len(steps.console.file.getvalue().splitlines()) == 1


def test_a_terminal_shows_a_bar_and_leaves_the_line():
    steps = Steps(console(terminal=True))
    with steps.step("features", 3000) as advance:
        advance(3000)
    text = steps.console.file.getvalue()
    assert "\x1b[" in text
    assert "3000/3000" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert re.search(r"features: 3,000 battles in \d+\.\d s, [\d,]+ a second\n$", plain)


@pytest.mark.parametrize("terminal", [True, False])
def test_steps_are_timed_and_add_up(terminal):
    steps = Steps(console(terminal=terminal))
    for _ in range(2):
        with steps.step("read"):
            pass
    with steps.step("fit"):
        pass
    assert list(steps.seconds) == ["read", "fit"]
    assert all(seconds > 0 for seconds in steps.seconds.values())


@pytest.mark.parametrize("terminal", [True, False])
def test_a_step_that_fails_does_not_say_that_it_is_done(terminal):
    steps = Steps(console(terminal=terminal))
    with pytest.raises(ValueError, match="broken"), steps.step("read"):
        raise ValueError("broken")
    assert "read: " not in steps.console.file.getvalue()
    assert steps.seconds == {}


def test_elsewhere_a_log_line_tells_rate_and_time_left(monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", -1.0)
    steps = Steps(console(terminal=False))
    with steps.step("encode", unit="tokens") as advance:
        advance.expect(4000)
        advance(1000)
    line = steps.console.file.getvalue().splitlines()[0]
    found = re.fullmatch(
        r"encode: 1,000 of 4,000 tokens in 0 s, [\d,]+ a second, (\d+) s left …", line
    )
    assert found, line


def test_on_a_terminal_the_total_may_be_learned_on_the_way():
    steps = Steps(console(terminal=True))
    with steps.step("encode", unit="tokens") as advance:
        advance.expect(300)
        advance(100)
        advance.expect(100)
        advance(0)
    assert advance.total == 100
    assert "encode: 100 tokens in" in steps.console.file.getvalue()


def test_a_note_stands_at_the_end_of_a_log_line(monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", -1.0)
    steps = Steps(console(terminal=False))
    with steps.step("fold 0", unit="steps") as step:
        step.note = "loss 1.0"
        step(1)
    line = steps.console.file.getvalue().splitlines()[0]
    assert re.fullmatch(r"fold 0: 1 steps in \d+ s; loss 1\.0 …", line)


def test_a_bar_shows_the_note():
    steps = Steps(console(terminal=True))
    with steps.step("fold 0", 3, "steps") as step:
        step.note = "loss 1.0"
        step(1)
    assert "loss 1.0" in steps.console.file.getvalue()


def test_what_was_done_before_says_nothing_of_the_rate(monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", -1.0)
    steps = Steps(console(terminal=False))
    with steps.step("fold 0", 1000, "steps") as step:
        step.rated, step.started = 3, step.started - 10.0  # seconds ago
        step.take_up(980)
        step(2)
        step(8)
    lines = steps.console.file.getvalue().splitlines()
    assert re.fullmatch(r"fold 0: 980 of 1,000 steps in 10 s …", lines[0])
    assert re.fullmatch(r"fold 0: 982 of 1,000 steps in 10 s …", lines[1])
    assert re.fullmatch(r"fold 0: 990 of 1,000 steps in 10 s, 10 s left …", lines[2])
