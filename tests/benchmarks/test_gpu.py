"""What is measured on a GPU: the steps run small on a CPU, and one that fails stops no other."""

import os
import sys
import time

import numpy as np
import polars as pl
import pytest
from transformers import ModernBertModel

from benchmarks.gpu import boosting, common, encoders, fit, matching, rates, texts, tower
from benchmarks.gpu.__main__ import STEPS, Step, main
from features.encoding.encoder import Encoder
from models.device import DeviceError

FAILS = "import sys; print('begun', flush=True); sys.exit('no such card')"
GOES_ON = "import time; print('begun', flush=True); time.sleep(60)"


def step(code, seconds=60):
    return Step("A thing", ("-c", code), seconds, sized=False)


@pytest.fixture
def ran(tmp_path):
    """Run steps and return the status and what was written."""

    def run(steps, *flags):
        output = tmp_path / "gpu.md"
        status = main(["--output", str(output), *flags], steps)
        return status, output.read_text()

    return run


def test_a_step_that_fails_says_why_and_the_next_one_goes_on(ran):
    status, told = ran({"bad": step(FAILS), "good": step("print('well')")})
    assert status == 1
    assert "begun" in told
    assert "**This step failed with status 1.**" in told
    assert "no such card" in told
    assert told.index("no such card") < told.index("well")


def test_all_well_is_0(ran):
    status, told = ran({"good": step("print('well')")})
    assert status == 0
    assert "**" not in told


def test_a_step_is_stopped_at_its_limit_with_all_that_it_started(ran):
    start = time.monotonic()
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GOES_ON!r}])"
    status, told = ran({"long": step(child, 3), "good": step("print('well')")})
    assert time.monotonic() - start < 30
    assert status == 1
    assert "begun" in told
    assert "stopped after its 3 s" in told
    assert "well" in told


def test_what_is_left_when_the_minutes_are_up_is_named(ran):
    status, told = ran({"long": step(GOES_ON), "late": step("print('well')")}, "--minutes", "0.02")
    assert status == 1
    assert "Not run: the minutes are up." in told
    assert "well" not in told


def test_only_some_are_run(ran):
    told = ran({"one": step("print('first')"), "two": step("print('second')")}, "--only", "two")[1]
    assert "second" in told
    assert "first" not in told


def test_an_unknown_step_is_an_error(capsys):
    with pytest.raises(SystemExit) as error:
        main(["--only", "nothing"])
    assert error.value.code == 2
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_every_step_takes_small(monkeypatch, capsys):
    for wanted in STEPS.values():
        if wanted.sized:
            module = sys.modules[wanted.command[1]]
            monkeypatch.setattr(sys, "argv", ["step", "--help"])
            with pytest.raises(SystemExit) as error:
                module.main()
            assert error.value.code == 0
            assert "--small" in capsys.readouterr().out


@pytest.fixture
def small(monkeypatch):
    """Have steps run small, on the bundled sample."""
    monkeypatch.delenv("ARENABOOST_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["step", "--small"])


def test_rates_run_small(small, monkeypatch, capsys):
    monkeypatch.setattr(rates, "matrix_rate", lambda device, dtype: 1e12)
    assert rates.main() == 0
    assert "| matrix products, bfloat16 | 1.00 TFLOP/s |" in capsys.readouterr().out


@pytest.mark.parametrize("learner", ["xgboost", "lightgbm"])
def test_boosting_runs_small(small, monkeypatch, capsys, learner):
    lacking = {
        name: library._replace(lack=lambda: "no such card")
        for name, library in boosting.LIBRARIES.items()
    }
    monkeypatch.setattr(boosting, "LIBRARIES", lacking)
    monkeypatch.setattr(boosting, "SMALL_ROWS", 400)
    monkeypatch.setattr(sys, "argv", ["step", "--small", "--learner", learner])
    assert boosting.main() == 0
    told = capsys.readouterr().out
    assert "| cpu |" in told
    assert "Owed: the line of a GPU. no such card" in told


def test_lightgbm_is_fitted_on_what_is_raced():
    assert boosting.LIBRARIES["lightgbm"].learner("gpu").device_type == "gpu"
    assert boosting.LIBRARIES["lightgbm"].learner("cpu").device_type == "cpu"


def test_what_lightgbm_lacks_is_said(monkeypatch):
    def refuse(device_type):
        raise DeviceError(f"no {device_type} here")

    monkeypatch.setattr(boosting, "check_lightgbm", refuse)
    assert boosting.lack_of_opencl() == "no gpu here"
    monkeypatch.setattr(boosting, "check_lightgbm", lambda device_type: None)
    assert boosting.lack_of_opencl() == ""


def test_copies_of_a_battle_are_like_it_and_stay_in_its_fold():
    rows, swap = boosting.made_rows(100)
    assert swap(rows.X).shape == rows.X.shape
    assert set(rows.y.tolist()) == {0, 1}
    period = next(n for n in range(1, 100) if np.allclose(rows.X[n], rows.X[0], rtol=0.03))
    assert 50 < period < 100  # the share of decided battles
    assert not np.array_equal(rows.X[period:], rows.X[:-period])
    np.testing.assert_allclose(rows.X[period:], rows.X[:-period], rtol=0.03)
    np.testing.assert_array_equal(rows.fold[period:], rows.fold[:-period])
    np.testing.assert_array_equal(rows.y[period:], rows.y[:-period])


@pytest.mark.parametrize(("learner", "gpu"), [("xgboost", "cuda"), ("lightgbm", "gpu")])
def test_devices_that_do_not_agree_are_said(capsys, learner, gpu):
    library = boosting.LIBRARIES[learner]
    fast, slow = (
        boosting.Found(device, 1.0, 1.0, loss, 0.0) for device, loss in ((gpu, 0.5), ("cpu", 0.502))
    )
    assert boosting._judged(library, fast, slow) == 1
    assert "differ by 0.00200" in capsys.readouterr().out
    assert boosting._judged(library, fast, slow._replace(loss=0.5005)) == 0
    fallen = slow._replace(loss=0.5)
    assert boosting._judged(library, fallen, fallen) == 1
    assert f"asked for {gpu} and took cpu" in capsys.readouterr().out


def test_encoders_run_small(small, tiny_encoder, monkeypatch, capsys):
    tiny = encoders.Architecture("tiny", lambda folder: tiny_encoder, 64, 3, 32, 3, 0)
    monkeypatch.setattr(encoders, "ARCHITECTURES", {"tiny": tiny})
    assert encoders.main() == 0
    told = capsys.readouterr().out
    assert "| arenaboost |" in told
    assert "| SentenceTransformer.encode, 32 a batch |" in told
    assert "| 1.00 | 1.00000 |" in told
    assert "Share of the matrix rate" in told


@pytest.mark.parametrize("name", ["modernbert", "deberta"])
def test_towers_run_small(small, monkeypatch, capsys, name):
    if name == "deberta" and tower.TOKENIZERS not in os.environ:
        pytest.skip(f"{tower.TOKENIZERS} does not name the folder of tokenizers")
    monkeypatch.setattr(tower, "matrix_rate", lambda device, dtype: 1e12)
    monkeypatch.setattr(sys, "argv", ["step", "--small", name])
    assert tower.main() == 0
    told = capsys.readouterr().out
    assert "random weights, 96 tokens, fp32" in told
    assert "| `Trainer` |" in told
    assert "| arenaboost |" in told
    assert "Share of the matrix rate" in told


def test_operations_of_a_training_step(tmp_path):
    sizes = tower.SMALL | {"num_hidden_layers": 4, "local_attention": 8}
    network = ModernBertModel.from_pretrained(tower.random_modernbert(tmp_path, **sizes))
    matrices = 4 * (64 * 3 * 64 + 64 * 64 + 64 * 2 * 128 + 128 * 64)
    seen = 2 * (10 * 10 + 5 * 5) + 2 * (10 * 9 + 5 * 5)  # layers 0 and 3 have no window
    assert tower.flops([10, 5], network) == 6 * matrices * 15 + 12 * 64 * seen


@pytest.mark.parametrize(("flags", "said"), [((), "From states"), (("--strings",), "From strings")])
def test_matching_runs_small(small, tiny_encoder, monkeypatch, capsys, flags, said):
    monkeypatch.setattr(matching, "random_minilm", lambda folder: tiny_encoder)
    monkeypatch.setattr(sys, "argv", ["step", "--small", *flags])
    assert matching.main() == 0
    told = capsys.readouterr().out
    assert said in told
    assert "12 battles" in told


def test_repeated_battles_share_no_text():
    battle = {"prompt": [["7", None]], "response_a": [["8"]], "response_b": [["9"]]}
    found = matching.repeated(pl.DataFrame(battle), 2)
    assert found["prompt"].to_list() == [["0 7", None], ["1 7", None]]
    assert found["response_b"].to_list() == [["0 9"], ["1 9"]]


def test_minilms_architecture_reads(tmp_path):
    encoder = Encoder(str(texts.random_minilm(tmp_path)), length=16)
    assert encoder.encode(["Name a prime."]).vectors.shape == (1, 384)


@pytest.mark.slow
def test_fit_runs_small(small, capfd):
    assert fit.main() == 0
    told = capfd.readouterr().out
    assert "log loss" in told
    assert "| **folds** |" in told


def test_memory_of_no_card_is_none(monkeypatch):
    monkeypatch.setattr(common, "USED", ("no-such-command",))
    with common.CardMemory() as card:
        time.sleep(0.7)
    assert card.most_mb == 0.0


def test_memory_of_a_card_is_its_most(monkeypatch):
    monkeypatch.setattr(common, "USED", (sys.executable, "-c", "print(1000)"))
    with common.CardMemory() as card:
        time.sleep(1.5)
    assert card.most_mb == pytest.approx(1048.576)
