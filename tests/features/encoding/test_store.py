"""Vectors kept in memory and on disk: encoded once, never wrong, whoever else writes there."""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from features.encoding.encoder import Encoder
from features.encoding.store import VectorStore
from features.storage.cache import Cache
from tests.encoders import Told

TEXTS = [f"text number {n} " * (n % 5 + 1) for n in range(30)]


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr("features.storage.segments.SHARD_CHARACTERS", 200)


@pytest.fixture
def store(tiny_encoder, tmp_path):
    """Make a store that keeps its vectors in a folder."""

    def make(limit=10**9, cache=True, **options):
        kept = Cache(tmp_path / "cache", limit) if cache else None
        return VectorStore(Encoder(str(tiny_encoder), **options), kept)

    return make


@pytest.fixture
def expected(tiny_encoder):
    return Encoder(str(tiny_encoder)).encode(TEXTS).vectors


def segments(tmp_path):
    return sorted((tmp_path / "cache").glob("*"))


def filled(store, texts=TEXTS):
    made = store()
    made.add(texts)
    return made


def test_each_distinct_text_is_read_once(store):
    made = store(cache=False)
    made.add([*TEXTS, *TEXTS])
    read = made.tokens_read
    made.add(TEXTS)
    made.vectors(TEXTS[::-1])
    assert made.tokens_read == read == Encoder(made.encoder.name).encode(TEXTS).tokens.sum()


@pytest.mark.parametrize("cache", [True, False])
def test_vectors_are_those_of_the_encoder_hit_or_miss(store, expected, cache):
    for _ in range(2):
        made = store(cache=cache)
        made.add(TEXTS)
        np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)
        np.testing.assert_array_equal(made.vectors(TEXTS[5:3:-1]).vectors, expected[5:3:-1])


def test_another_run_reads_nothing_and_loads_no_network(store, expected):
    filled(store)
    again = filled(store)
    assert again.tokens_read == 0
    assert "backbone" not in vars(again.encoder)
    np.testing.assert_array_equal(again.vectors(TEXTS).vectors, expected)


@pytest.mark.parametrize("cache", [True, False])
def test_more_texts_can_be_added_and_those_there_are_not_read_again(store, expected, cache):
    made = store(cache=cache)
    made.add(TEXTS[:10])
    made.add(TEXTS[5:])
    assert made.tokens_read == store().encoder.encode(TEXTS).tokens.sum()
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)


def test_other_texts_are_encoded_and_kept_by_the_whole_call(store, expected):
    made = filled(store, TEXTS[:10])
    before = made.tokens_read
    np.testing.assert_array_equal(made.vectors(TEXTS[5:20]).vectors, expected[5:20])
    asked = made.tokens_read - before
    assert asked == store().encoder.encode(TEXTS[5:20]).tokens.sum()
    other = store()
    np.testing.assert_array_equal(other.vectors(TEXTS[5:20][::-1]).vectors, expected[5:20][::-1])
    assert other.tokens_read == 0
    other.vectors(TEXTS[6:20])
    assert other.tokens_read > 0


@pytest.mark.parametrize("option", [{"pooling": "cls"}, {"length": 8}, {"long": "head_tail"}])
def test_other_options_do_not_find_these_vectors(store, option):
    filled(store)
    made = store(**option)
    made.add(TEXTS)
    assert made.tokens_read > 0


@pytest.mark.parametrize("how", ["truncated", "altered", "empty", "removed"])
def test_a_damaged_chunk_is_noticed_and_encoded_again(store, expected, tmp_path, how):
    filled(store)
    path = segments(tmp_path)[1]
    content = path.read_bytes()
    altered = content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]
    if how == "removed":
        path.unlink()
        made = filled(store)
    else:
        path.write_bytes({"truncated": content[:-1], "altered": altered, "empty": b""}[how])
        with pytest.warns(RuntimeWarning, match="damaged, and removed"):
            made = filled(store)
    assert 0 < made.tokens_read < 100
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)
    assert filled(store).tokens_read == 0


def test_a_file_of_something_else_under_a_chunks_name_is_passed_over(store, expected, tmp_path):
    made = filled(store)
    start = segments(tmp_path)[0].stem[:35]
    Cache(tmp_path / "cache", 10**9).put(f"{start}0", {"counts": np.arange(3)})
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)
    np.testing.assert_array_equal(filled(store).vectors(TEXTS).vectors, expected)


def test_interrupted_it_goes_on_where_it_was(store, expected):
    class Interrupted(Told):
        def __call__(self, tokens):
            super().__call__(tokens)
            if self.done > 100:
                raise KeyboardInterrupt

    first = store()
    with pytest.raises(KeyboardInterrupt):
        first.add(TEXTS, Interrupted())
    made = filled(store)
    assert 0 < made.tokens_read < filled_tokens(made)
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)


def filled_tokens(made):
    return int(made.vectors(TEXTS).tokens.sum())


def test_two_processes_share_a_folder(store, tiny_encoder, tmp_path, expected):
    """Both end with all vectors, and have not both read everything."""
    code = (
        "import sys; from pathlib import Path; from features.storage import segments\n"
        "from features.storage.cache import Cache; from features.encoding.encoder import Encoder\n"
        "from features.encoding.store import VectorStore\n"
        "segments.SHARD_CHARACTERS = 200\n"
        "texts = [f'text number {n} ' * (n % 5 + 1) for n in range(400)]\n"
        f"cache = Cache(Path({str(tmp_path / 'cache')!r}), 10**9)\n"
        f"store = VectorStore(Encoder({str(tiny_encoder)!r}), cache)\n"
        "store.add(texts); print(store.tokens_read, int(store.vectors(texts).tokens.sum()))"
    )
    root = Path(__file__).parents[3]
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    read = [tuple(map(int, process.communicate(timeout=120)[0].split())) for process in both]
    assert all(process.returncode == 0 for process in both)
    (first, total), (second, other) = read
    assert total == other
    assert max(first, second) <= total <= first + second < 1.9 * total
    texts = [f"text number {n} " * (n % 5 + 1) for n in range(400)]
    made = filled(store, texts)
    assert made.tokens_read == 0
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)


def test_what_another_process_has_read_meanwhile_is_taken_over(store, expected):
    """A second store fills the folder while the first one is at its first shard."""
    first, told = store(), []

    class Meanwhile(Told):
        def __call__(self, tokens):
            super().__call__(tokens)
            if not told:
                told.append(filled(store).tokens_read)

    first.add(TEXTS, Meanwhile())
    assert first.tokens_read < told[0]
    np.testing.assert_array_equal(first.vectors(TEXTS).vectors, expected)


def test_a_small_limit_is_kept_and_changes_nothing(store, expected, tmp_path):
    made = store(limit=3000)
    made.add(TEXTS)
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= 3000


def test_a_folder_that_cannot_be_written_is_told_once(store, expected, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    made = store()
    with pytest.warns(RuntimeWarning, match="not kept") as told:
        made.add(TEXTS)
    assert len(told) == 1
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)


def test_no_cache_leaves_nothing_behind(store, tmp_path):
    store(cache=False).add(TEXTS)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_of_tokens_and_of_how_many_there_seem_to_be(store):
    made, told = store(cache=False), Told()
    made.add(TEXTS, told)
    assert told.done == made.tokens_read == told.expected[-1]
    assert all(0.3 * told.done < total < 3 * told.done for total in told.expected)


def test_order_does_not_matter(store, expected):
    texts = TEXTS.copy()
    random.Random(0).shuffle(texts)
    made = store(cache=False)
    made.add(texts)
    np.testing.assert_array_equal(made.vectors(TEXTS).vectors, expected)


def test_no_file_is_kept_open(store):
    before = len(os.listdir("/proc/self/fd"))
    made = filled(store)
    again = filled(store)
    assert len(os.listdir("/proc/self/fd")) == before
    assert made.tokens_read > again.tokens_read


def test_threads_may_share_a_store(store, expected):
    made = store(cache=False)
    parts = [TEXTS[start : start + 6] for start in range(0, 30, 6)] * 4

    def use(part):
        made.add(part)
        return made.vectors(part).vectors

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(use, parts))
    for part, vectors in zip(parts, found, strict=True):
        start = TEXTS.index(part[0])
        np.testing.assert_array_equal(vectors, expected[start : start + 6])


def test_files_are_mapped_and_not_read_into_memory(store, tmp_path):
    filled(store)
    arrays = Cache(tmp_path / "cache", 10**9).get(segments(tmp_path)[0].stem, mapped=True)
    assert isinstance(arrays["vectors"], np.memmap)
    os.unlink(segments(tmp_path)[0])
    assert np.isfinite(arrays["vectors"]).all()
    with pytest.raises(ValueError, match="read-only"):
        arrays["vectors"][0] = 0
