"""Keys of the cache hold the source of what they keep: all of it, and little else."""

import ast

import pytest

from data import source
from data.source import ROOT
from features.encoding import encoder
from features.matching import store as matching
from features.ngram import vocabulary
from features.ngram.tokens import Grams

# They carry what is computed elsewhere, or name it, or refuse what cannot be.
CARRIERS = {
    "data.home",
    "data.source",
    "features.layout",
    "features.parameters",
    "features.sides",
    "features.storage.cache",
    "features.storage.segments",
}
KEPT = {
    "counts": ("features.ngram.vocabulary", vocabulary.SOURCE),
    "vectors": ("features.encoding.store", encoder.SOURCE),
    "matches": ("features.matching.store", (*matching.SOURCE, *encoder.SOURCE)),
}


def is_module(name):
    return ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file()


def imported(module):
    """The project's own modules that a module imports, wherever in it."""
    tree = ast.parse(ROOT.joinpath(*module.split(".")).with_suffix(".py").read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


def reached(start):
    """What a module imports, and what those import, without what lies behind carriers."""
    found, ahead = set(), [start]
    while ahead:
        module = ahead.pop()
        if module not in found | CARRIERS and is_module(module):
            found.add(module)
            ahead += imported(module)
    return found


@pytest.mark.parametrize("what", KEPT)
def test_a_key_holds_the_source_of_all_that_the_value_comes_from(what):
    start, listed = KEPT[what]
    assert len(reached(start)) > 4
    assert reached(start) <= set(listed)


@pytest.mark.parametrize("what", KEPT)
def test_all_that_is_listed_is_there(what):
    assert all(map(is_module, KEPT[what][1]))


@pytest.mark.parametrize("module", ["features.families.style", "features.ngram.gaps"])
def test_an_edit_elsewhere_throws_nothing_away(module):
    assert not any(module in listed for _, listed in KEPT.values())


@pytest.fixture
def edit(monkeypatch, tmp_path):
    """Look at the source as if a module had been edited."""

    def edited(module):
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes() + b"# edited\n")
        source._hashed.cache_clear()
        monkeypatch.setattr(source.Path, "read_bytes", lambda at: reads(copy if at == path else at))

    reads = source.Path.read_bytes
    yield edited
    monkeypatch.undo()
    source._hashed.cache_clear()


def test_other_source_has_other_counts(edit):
    def key():
        return vocabulary._key(["a text"], Grams("word", 1, 2), 1)

    before = key()
    edit("features.families.style")
    assert key() == before
    edit("features.ngram.kernels")
    assert key() != before


def test_other_source_has_other_vectors_and_matches(edit, tiny_encoder):
    def keys():
        store = matching.EncoderStore(encoder.Encoder(str(tiny_encoder)))
        return store.encoder.identity, store._identity(matching.Matching(0.05, 64))

    before = keys()
    edit("features.matching.passes")
    assert keys()[0] == before[0]
    assert keys()[1] != before[1]
    edit("features.encoding.pooling")
    assert keys()[0] != before[0]
