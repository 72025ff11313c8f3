"""The generator: a function of its seed, true to its own tables, and lazy."""

import csv
import json
import re
import weakref
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from data.synthetic import generate as synthetic
from data.synthetic.answers import draw_answers
from data.synthetic.generate import (
    CHUNK_ROWS,
    TEST,
    TRAIN,
    draw_chunk,
    draw_chunks,
    main,
    write_battles,
)
from data.synthetic.prompts import SUBJECTS, draw_conversations, pick
from data.synthetic.text import KINDS, LANGUAGES
from data.synthetic.world import (
    EFFECTS,
    MODELS,
    PARTS,
    TIES,
    Prompts,
    Side,
    davidson,
    probabilities,
    score,
    tie_log_weight,
)

FOLDER = Path(synthetic.__file__).parents[1]
SAMPLE = FOLDER / "sample"
FILES = ("train.csv", "test.csv", "train_probabilities.csv", "test_probabilities.csv")
WINNERS = ["winner_model_a", "winner_model_b", "winner_tie"]
COMMAND = ["--rows", "2000", "--test-rows", "500", "--seed", "0"]


def read(path):
    with path.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))


def characters(turns):
    return sum(len(turn or "") for turn in turns)


@pytest.fixture(scope="module")
def world():
    """Ten thousand battles."""
    return [chunk for chunk, _ in draw_chunks(10 * CHUNK_ROWS, seed=7)]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    main([*COMMAND, "--output", str(folder)])
    return folder


@pytest.fixture(scope="module")
def answered():
    """The prompts of a few chunks, with the texts and facts of one side's answers."""
    result = []
    for seed in range(3):
        rng = np.random.Generator(np.random.PCG64(seed))
        conversations = draw_conversations(rng)
        models = pick(rng.random(CHUNK_ROWS), len(MODELS))
        result.append((conversations, *draw_answers(rng, conversations, models)))
    return result


def sides(count=500, seed=0):
    """Random facts, for the law alone."""
    rng = np.random.default_rng(seed)

    def side():
        facts = {effect.fact: rng.random(count) for effect in EFFECTS}
        facts["log_characters"] = rng.normal(6, 1, count)
        return Side(rng.integers(len(MODELS), size=count), facts)

    kind, difficulty = rng.integers(len(KINDS), size=count), rng.integers(3, size=count)
    return Prompts(kind, difficulty), side(), side(), rng.random(count) < 0.1


@pytest.mark.parametrize("name", FILES)
def test_committed_sample_is_what_its_command_makes(written, name):
    assert (written / name).read_bytes() == (SAMPLE / name).read_bytes()


def test_command_is_documented_and_sample_is_small():
    command = f"python -m data.synthetic {' '.join(COMMAND)} --output data/sample"
    assert command in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert command in (synthetic.__doc__ or "")
    assert sum((SAMPLE / name).stat().st_size for name in FILES) < 4_000_000


def test_readme_has_the_bayes_log_loss_and_the_effects(tmp_path):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    train = write_battles(tmp_path, 2000, seed=0)
    test = write_battles(tmp_path, 500, seed=0, split=TEST)
    assert f"{train.bayes:.4f} on `train.csv` and {test.bayes:.4f} on `test.csv`" in readme
    assert f"log loss of {train.drawn:.4f}" in readme
    for effect in EFFECTS:
        prompts = "all" if effect.kinds == KINDS else ", ".join(effect.kinds)
        line = f"| {effect.name} | {effect.size:+.2f} | `{effect.fact}` | {prompts} |"
        assert line in readme
    for name, size in TIES.items():
        assert f"| {name} | {size:+.2f} |" in readme


def test_another_seed_gives_other_battles(tmp_path, written):
    write_battles(tmp_path, 50, seed=1)
    assert read(tmp_path / "train.csv")[0]["prompt"] != read(written / "train.csv")[0]["prompt"]


def test_a_short_file_is_the_start_of_a_long_one(tmp_path, written):
    write_battles(tmp_path, 1200, seed=0)
    assert (written / "train.csv").read_bytes().startswith((tmp_path / "train.csv").read_bytes())


def test_schema(written):
    train, test = read(written / "train.csv"), read(written / "test.csv")
    texts = ["prompt", "response_a", "response_b"]
    assert list(train[0]) == ["id", "model_a", "model_b", *texts, *WINNERS]
    assert list(test[0]) == ["id", *texts]
    assert (len(train), len(test)) == (2000, 500)
    assert len({row["id"] for row in train + test}) == 2500
    assert all(sorted(row[name] for name in WINNERS) == ["0", "0", "1"] for row in train)
    assert all(row["model_a"] != row["model_b"] for row in train)


def test_cells_are_written_as_kaggle_does(written):
    rows = read(written / "train.csv") + read(written / "test.csv")
    cells = [row[name] for row in rows for name in ("prompt", "response_a", "response_b")]
    decoded = [json.loads(cell) for cell in cells]
    assert all(isinstance(turn, str | None) for turns in decoded for turn in turns)
    assert any(None in turns for turns in decoded)
    assert any("" in turns for turns in decoded)
    assert any("\\u0" in cell for cell in cells)
    for cell, turns in zip(cells, decoded, strict=True):
        assert json.dumps(turns, separators=(",", ":")) == cell.replace("\\/", "/")
    for row in rows:
        lengths = {len(json.loads(row[n])) for n in ("prompt", "response_a", "response_b")}
        assert len(lengths) == 1
        assert None not in json.loads(row["prompt"])


def test_slash_is_escaped_as_kaggle_does():
    assert synthetic._cell(["a/b", None]) == '["a\\/b",null]'


def test_probability_files(written):
    for name in ("train", "test"):
        rows = read(written / f"{name}_probabilities.csv")
        assert list(rows[0]) == ["id", *WINNERS]
        assert [row["id"] for row in rows] == [row["id"] for row in read(written / f"{name}.csv")]
        values = np.array([[float(row[column]) for column in WINNERS] for row in rows])
        assert values.min() > 0
        assert values.max() < 1
        np.testing.assert_allclose(values.sum(axis=1), 1, rtol=0, atol=4e-16)
        number = {"train": TRAIN, "test": TEST}[name]
        assert np.array_equal(values[:500], draw_chunk(0, number, 0).parts[:500] / PARTS)


def test_votes_follow_the_probabilities(world):
    parts = np.concatenate([chunk.parts for chunk in world]) / PARTS
    label = np.concatenate([chunk.label for chunk in world])
    for side in range(3):
        p, hit = parts[:, side], label == side
        for part in np.array_split(np.argsort(p), 10):
            error = (hit[part] - p[part]).sum() / np.sqrt((p[part] * (1 - p[part])).sum())
            assert abs(error) < 4


def test_bayes_log_loss_leaves_something_to_find(tmp_path):
    summary = write_battles(tmp_path, 5000, seed=3)
    assert 0.93 < summary.bayes < 0.98
    assert summary.bayes == pytest.approx(summary.drawn, abs=0.03)
    assert summary.bayes != summary.drawn


def test_battles_look_like_the_arena(world):
    label = np.concatenate([chunk.label for chunk in world])
    share = np.bincount(label) / len(label)
    np.testing.assert_allclose(share, [0.345, 0.345, 0.31], atol=0.02)
    prompts = [json.dumps(turns) for chunk in world for turns in chunk.prompt]
    assert 0.88 < len(set(prompts)) / len(prompts) < 0.96
    turns = np.array([len(one) for chunk in world for one in chunk.prompt])
    assert 0.11 < (turns > 1).mean() < 0.15
    assert turns.max() == 6
    assert any(a == b for c in world for a, b in zip(c.response_a, c.response_b, strict=True))


def test_longer_answer_wins_about_as_often_as_in_the_arena(world):
    a = np.array([characters(turns) for chunk in world for turns in chunk.response_a])
    b = np.array([characters(turns) for chunk in world for turns in chunk.response_b])
    label = np.concatenate([chunk.label for chunk in world])
    decided = (label != 2) & (a != b)
    assert 0.58 < ((a > b) == (label == 0))[decided].mean() < 0.65


def test_repeated_prompts_repeat_within_small_files(written):
    repeats = Counter(row["prompt"] for row in read(written / "train.csv"))
    assert sum(count > 1 for count in repeats.values()) > 50


def test_swapping_the_sides_swaps_the_probabilities_exactly():
    prompts, a, b, identical = sides()
    straight = probabilities(prompts, a, b, identical)
    swapped = probabilities(prompts, b, a, identical)
    assert np.array_equal(swapped, straight[:, [1, 0, 2]])
    assert (straight.sum(axis=1) == PARTS).all()
    assert (straight > 0).all()


def test_no_side_of_the_page_is_favoured(world):
    parts = np.concatenate([chunk.parts for chunk in world]) / PARTS
    assert parts[:, 0].mean() == pytest.approx(parts[:, 1].mean(), abs=0.01)


def test_davidson_has_z_and_nu_as_its_log_odds():
    z, nu = np.array([-1.3, 0.4, 2.0]), np.array([-0.5, 0.0, 0.7])
    a, b, tie = (davidson(z, np.exp(nu)) / PARTS).T
    np.testing.assert_allclose(np.log(a / b), z, atol=2e-5)
    np.testing.assert_allclose(np.log(tie) - (np.log(a) + np.log(b)) / 2, nu, atol=2e-5)


def test_identical_texts_are_no_contest():
    prompts, a, b, _ = sides()
    parts = probabilities(prompts, a, b, np.ones(500, dtype=bool))
    assert np.array_equal(parts[:, 0], parts[:, 1])
    assert (parts[:, 2] > 0.8 * PARTS).all()


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_each_effect_moves_the_score_by_its_size_in_its_prompts(effect):
    prompts, a, _, _ = sides()
    more = Side(a.model, {**a.facts, effect.fact: a.facts[effect.fact] + 1})
    moved = score(prompts, more) - score(prompts, a)
    fact_sizes = [
        sum(other.size for other in EFFECTS if other.fact == effect.fact and kind in other.kinds)
        for kind in KINDS
    ]
    np.testing.assert_allclose(moved, np.array(fact_sizes)[prompts.kind], atol=1e-12)
    assert effect.size in fact_sizes


def test_ties_are_likelier_between_answers_of_like_length_and_for_easy_prompts():
    prompts, a, b, _ = sides()
    none = np.zeros(500, dtype=bool)
    like = Side(b.model, {**b.facts, "log_characters": a.facts["log_characters"]})
    gain = tie_log_weight(prompts, a, like, none) - tie_log_weight(prompts, a, b, none)
    assert (gain >= 0).all()
    assert gain.max() > 0.4
    easy = tie_log_weight(Prompts(prompts.kind, np.zeros(500, dtype=int)), a, b, none)
    hard = tie_log_weight(Prompts(prompts.kind, np.full(500, 2)), a, b, none)
    np.testing.assert_allclose(easy - hard, TIES["easy"])


def by_answer(conversations, texts, count):
    """Sum a count of each turn's text (None read as empty) over the turns of an answer."""
    values = [float(count(turn or "", number)) for number, turn in enumerate(texts)]
    return np.bincount(conversations.row, values)


# The Arena's own definitions, so that the facts are what a feature can count.
COUNTED = {
    "log_items": r"(?m)^[^\S\n]*(?:\d+\.|[-*+])\s",
    "log_headers": r"(?m)^#{1,6}\s",
    "log_bold": r"\*\*[^*\n]+\*\*",
    "log_typos": r"\bteh\b",
}


@pytest.mark.parametrize("fact", COUNTED)
def test_counted_facts_are_readable_in_the_text(answered, fact):
    for conversations, texts, side in answered:
        found = by_answer(
            conversations, texts, lambda turn, _: len(re.findall(COUNTED[fact], turn))
        )
        np.testing.assert_allclose(side.facts[fact], np.log1p(found))
        assert found.max() > 0


def test_other_facts_are_readable_in_the_text(answered):
    refusals = [language.refusal.strip() for language in LANGUAGES]
    for conversations, texts, side in answered:
        facts, turns = side.facts, conversations.turns
        length = by_answer(conversations, texts, lambda turn, _: len(turn))
        np.testing.assert_allclose(facts["log_characters"], np.log(50 + length))
        missing = by_answer(conversations, texts, lambda turn, _: not turn)
        np.testing.assert_allclose(facts["missing"], missing / turns)
        code = by_answer(conversations, texts, lambda turn, _: "```" in turn)
        np.testing.assert_allclose(facts["code"], code / turns)
        refusal = by_answer(conversations, texts, lambda turn, _: any(r in turn for r in refusals))
        np.testing.assert_allclose(facts["refusal"], refusal / turns)


def test_focus_is_the_naming_of_what_the_prompt_asks_about(answered):
    for conversations, texts, side in answered:
        noun = [SUBJECTS.words[s].removeprefix("the ") for s in conversations.subject]
        named = by_answer(conversations, texts, lambda turn, n, noun=noun: turn.count(noun[n]))
        assert np.array_equal(side.facts["focus"] > 0, named > 0)
        assert all(word in text for word, text in zip(noun, conversations.texts, strict=True))


def test_repetition_is_the_same_sentence_twice_in_a_row(answered):
    def repeats(turn, _):
        said = re.sub(r"\n(?:\d+\.|[-*]|## .*\n)", " ", turn)
        sentences = [one.strip() for one in re.split(r"(?<=\.)\s+", said)]
        return sum(a == b for a, b in pairwise(sentences))

    for conversations, texts, side in answered:
        english = conversations.language == 0
        found = by_answer(conversations, texts, repeats) > 0
        # Not quite always: one may be cut off, and chance can say the same twice.
        assert (found == (side.facts["repeated"] > 0))[english].mean() > 0.97
        assert 0.05 < found[english].mean() < 0.5


def test_foreign_answers_are_in_another_script(answered):
    for conversations, texts, side in answered:
        ascii_turns = by_answer(conversations, texts, lambda turn, _: turn != "" and turn.isascii())
        other_script = conversations.language >= [one.code for one in LANGUAGES].index("ru")
        share = (ascii_turns / conversations.turns)[other_script]
        np.testing.assert_allclose(side.facts["foreign"][other_script], share)
        assert 0 < share.mean() < 0.5


def test_wrong_sums_are_wrong_and_the_others_right(answered):
    checked = Counter()
    for conversations, texts, side in answered:
        for turn, answer in enumerate(texts):
            product = re.search(r"(\d+) \* (\d+) = (\d+)\.", answer or "")
            if product:
                first, second, result = map(int, product.groups())
                row = conversations.row[turn]
                assert f"What is {first} * {second}?" in conversations.texts[turn]
                assert (first * second != result) == side.facts["wrong_sum"][row]
                checked[side.facts["wrong_sum"][row]] += 1
    assert min(checked[0.0], checked[1.0]) > 10


def test_a_cut_answer_stops_without_a_full_stop(answered):
    ends = (".", "!", "。")
    for conversations, texts, side in answered:
        stopped = by_answer(
            conversations, texts, lambda turn, _: bool(turn) and not turn.endswith(ends)
        )
        np.testing.assert_allclose(side.facts["cut"], stopped / conversations.turns)


def test_chunks_are_drawn_one_by_one():
    first = list(islice(draw_chunks(10**12, seed=0), 2))
    assert [use for _, use in first] == [CHUNK_ROWS, CHUNK_ROWS]


def test_writing_keeps_no_chunk_but_the_last(tmp_path, monkeypatch):
    seen = []

    def watched(*args):
        chunk = draw_chunk(*args)
        seen.append(weakref.ref(chunk))
        return chunk

    monkeypatch.setattr(synthetic, "draw_chunk", watched)
    alive = []
    advance = lambda rows: alive.append(sum(one() is not None for one in seen))  # noqa: E731
    write_battles(tmp_path, 6 * CHUNK_ROWS, seed=0, advance=advance)
    assert len(alive) == 6
    assert max(alive) <= 2


def test_an_interrupted_file_never_gets_its_name(tmp_path):
    def stop(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        write_battles(tmp_path, 10, seed=0, advance=stop)
    assert not (tmp_path / "train.csv").exists()


def test_command_names_both_log_losses(tmp_path, capsys):
    main(["--rows", "20", "--test-rows", "5", "--seed", "4", "--output", str(tmp_path / "new")])
    printed = capsys.readouterr().out
    summary = write_battles(tmp_path, 20, seed=4)
    assert (
        f"Bayes log loss (mean entropy of the true probabilities): {summary.bayes:.4f}" in printed
    )
    assert f"true probabilities on the drawn votes: {summary.drawn:.4f}" in printed
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(FILES)


@pytest.mark.parametrize(
    ("flag", "value"), [("--rows", "0"), ("--rows", "many"), ("--seed", "-1"), ("--test-rows", "0")]
)
def test_bad_numbers_are_refused(tmp_path, capsys, flag, value):
    with pytest.raises(SystemExit, match="2"):
        main(["--rows", "5", "--output", str(tmp_path / "new"), f"{flag}={value}"])
    assert f"argument {flag}: expected a whole number of at least" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_reader_takes_the_sample(written):
    battles = pytest.importorskip("data.battles")
    read_back = battles.read_training(written / "train.csv")
    train = read(written / "train.csv")
    vote = [[row[name] for name in WINNERS].index("1") for row in train]
    assert list(read_back.y) == vote
    assert read_back.battles["group"].nunique() < len(train)
