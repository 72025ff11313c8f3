"""Answers of the synthetic world, a chunk at a time: their texts, and the facts of the texts.

Habits are drawn for whole columns of turns and sentences; Python only joins the pieces.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from data.synthetic import text as text
from data.synthetic.prompts import (
    ENGLISH,
    SUBJECTS,
    Conversations,
    Turns,
    choose,
    draw_subjects,
    draw_words,
    pick,
    places,
)
from data.synthetic.world import MODELS, Floats, Integers, Side

Flags = npt.NDArray[np.bool_]

NULL_TURNS, EMPTY_TURNS = 0.002, 0.003
SENTENCES = (7.5, 4.5, 3.5, 7.5, 2.5, 3.0)
"""Median number of sentences in a turn of a model of no verbosity, by kind of prompt."""

SENTENCES_SPREAD = 0.45
"""Standard deviation of the logarithm of that number."""

MOST_SENTENCES = 30
SECTION = 4
"""Sentences in a paragraph, or under a header."""

_OPENERS = text.flatten([language.openers for language in text.LANGUAGES])
_PREDICATES = text.flatten([language.predicates for language in text.LANGUAGES])
_TITLES = text.flatten(
    [[f"\n\n## {title}\n\n" for title in language.titles] for language in text.LANGUAGES]
)
# What stands before a sentence: nothing, a space, a paragraph, a list's mark, a header.
_LEADS = (
    *("", " ", "\n\n", "\n- ", "\n* "),
    *(f"\n{number}. " for number in range(1, MOST_SENTENCES)),
    *_TITLES.words,
)
_PARAGRAPH, _BULLET, _NUMBERS = 2, 3, 5
_HEADERS = _NUMBERS + MOST_SENTENCES - 1
_SUBJECT_FORMS = (
    *SUBJECTS.words,
    *(f"**{subject}**" for subject in SUBJECTS.words),
    *(subject.replace("the ", "teh ") for subject in SUBJECTS.words),
)
_CODING, _MATHS, _LIST = (text.KINDS.index(kind) for kind in ("coding", "maths", "list"))


@dataclass(frozen=True)
class _Plan:
    """What each of T turns will look like; arrays of shape (T,)."""

    model: Integers
    language: Integers
    foreign: Flags
    refused: Flags
    is_null: Flags
    missing: Flags
    sentences: Integers
    mark: Integers
    headers: Flags
    bold: Flags
    code: Integers
    cut: Flags
    opening: Integers
    sign_off: Integers
    wrong_sum: Flags


@dataclass(frozen=True)
class _Sentences:
    """The sentences of all turns; arrays of shape (S,)."""

    turn: Integers
    lead: Integers
    opener: Integers
    subject: Integers
    form: Integers
    predicate: Integers
    repeated: Flags


def draw_answers(
    rng: np.random.Generator, conversations: Conversations, model: Integers
) -> tuple[Turns, Side]:
    """Let the models (shape (n,)) answer; give the T turns' texts, and the facts of n answers."""
    plan = _plan(rng, conversations, model[conversations.row])
    sentences = _sentences(rng, conversations, plan)
    texts = _texts(conversations, plan, sentences)
    return texts, Side(model, _facts(conversations, plan, sentences, texts))


def _habit(name: str, model: Integers) -> Floats:
    return np.array([getattr(one, name) for one in MODELS])[model]


def _rate(name: str, model: Integers) -> Floats:
    return _habit(name, model) / 100


def _plan(rng: np.random.Generator, conversations: Conversations, model: Integers) -> _Plan:
    draws = rng.random((17, len(model)))
    kind = conversations.kind[conversations.row]
    asked = conversations.language[conversations.row]
    is_null = draws[0] < NULL_TURNS
    missing = draws[0] < NULL_TURNS + EMPTY_TURNS
    foreign = (draws[1] < _foreign_rate(asked, model)) & ~missing
    other = np.where(asked == ENGLISH, 1 + pick(draws[2], len(text.LANGUAGES) - 1), ENGLISH)
    refused = (draws[3] < _rate("refusal", model)) & ~missing
    language = np.where(foreign, other, asked)
    count = _counts(draws[4:7].sum(axis=0), kind, model)
    count = np.where(missing, 0, np.where(refused, np.minimum(count, 2), count))
    fluent = (language == ENGLISH) & ~refused & ~missing
    cut = (draws[12] < _rate("cut", model)) & ~missing
    coded = (kind == _CODING) & (draws[11] < _rate("code", model)) & ~refused & ~missing
    return _Plan(
        model=model,
        language=language,
        foreign=foreign,
        refused=refused,
        is_null=is_null,
        missing=missing,
        sentences=count,
        mark=_marks(draws[7:9], kind, count, model),
        headers=(draws[9] < _rate("headers", model)) & (count > SECTION),
        bold=draws[10] < _rate("bold", model),
        code=np.where(coded, pick(draws[16], len(text.CODE)), -1),
        cut=cut,
        opening=_wording("opening", fluent & (draws[13] < 0.6), model),
        sign_off=_wording("sign_off", fluent & ~cut & (draws[14] < 0.5), model),
        wrong_sum=draws[15] < _rate("wrong_sum", model),
    )


def _wording(name: str, used: Flags, model: Integers) -> Integers:
    return np.where(used, _habit(name, model), 0).astype(np.int64)


def _foreign_rate(asked: Integers, model: Integers) -> Floats:
    # A prompt in another language is often answered in English, hardly ever the reverse.
    return np.where(asked == ENGLISH, 0.01, 1.0) * _rate("foreign", model)


def _counts(three_draws: Floats, kind: Integers, model: Integers) -> Integers:
    # Three uniform draws less their mean, doubled, are close to a standard normal draw.
    spread = SENTENCES_SPREAD * 2 * (three_draws - 1.5)
    mean = np.array(SENTENCES)[kind] * np.exp(_habit("verbosity", model) + spread)
    return np.clip(np.rint(mean), 1, MOST_SENTENCES).astype(np.int64)


def _marks(draws: Floats, kind: Integers, count: Integers, model: Integers) -> Integers:
    """Choose bullets, numbers or (0) no list."""
    rate = _rate("lists", model) * np.where(kind == _LIST, 1.5, 0.7)
    mark = np.array([_BULLET, _BULLET + 1, _NUMBERS])[choose(draws[1], (0.3, 0.2, 0.5))]
    return np.where((draws[0] < rate) & (count >= 3), mark, 0)


def _sentences(rng: np.random.Generator, conversations: Conversations, plan: _Plan) -> _Sentences:
    turn, place = places(plan.sentences)
    draws = rng.random((8, len(turn)))
    language, model = plan.language[turn], plan.model[turn]
    strays = (draws[0] < _rate("drift", model)) | plan.foreign[turn]
    other = draw_subjects(language, pick(draws[1], len(text.TOPICS)), draws[2])
    typo = (draws[3] < _rate("typos", model)) & (language == ENGLISH)
    bold = plan.bold[turn] & (draws[3] > 0.5)
    repeated = (draws[4] < _rate("loops", model)) & (place > 0)
    said = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(turn))))
    return _Sentences(
        turn=turn,
        lead=_leads(plan, turn, place, draws[5]),
        opener=draw_words(_OPENERS, language, draws[6])[said],
        subject=np.where(strays, other, conversations.subject[turn])[said],
        form=np.where(typo, 2, np.where(bold, 1, 0))[said],
        predicate=draw_words(_PREDICATES, language, draws[7])[said],
        repeated=repeated,
    )


def _leads(plan: _Plan, turn: Integers, place: Integers, draws: Floats) -> Integers:
    language, mark = plan.language[turn], plan.mark[turn]
    spaced = np.array([int(one.space == " ") for one in text.LANGUAGES])[language]
    item = np.where(mark == _NUMBERS, _NUMBERS + place - 1, mark)
    new_section = place % SECTION == 0
    prose = np.where(new_section, _PARAGRAPH, spaced)
    plain = np.where(mark > 0, item, prose)
    title = _HEADERS + draw_words(_TITLES, language, draws)
    lead = np.where(plan.headers[turn] & new_section, title, plain)
    return np.where(place == 0, 0, lead)


def _texts(conversations: Conversations, plan: _Plan, sentences: _Sentences) -> Turns:
    shape = sentences.subject + sentences.form * len(SUBJECTS.words)
    columns = (sentences.lead, sentences.opener, shape, sentences.predicate)
    pieces = [
        _LEADS[lead] + _OPENERS.words[opener] + _SUBJECT_FORMS[subject] + _PREDICATES.words[end]
        for lead, opener, subject, end in zip(*(c.tolist() for c in columns), strict=True)
    ]
    bounds = [0, *np.cumsum(plan.sentences).tolist()]
    texts: Turns = ["".join(pieces[start:stop]) for start, stop in pairwise(bounds)]
    _frame(texts, conversations, plan)
    _damage(texts, plan, sentences)
    return texts


def _frame(texts: Turns, conversations: Conversations, plan: _Plan) -> None:
    """Put openings, refusals, products and code before the sentences, sign-offs after them."""
    for turn in np.flatnonzero(plan.code >= 0).tolist():
        number = str(conversations.subject[turn] % 7 + 2)
        texts[turn] = f"{text.CODE[plan.code[turn]].replace('{n}', number)}\n{texts[turn]}"
    for turn in np.flatnonzero(_calculates(conversations, plan)).tolist():
        first, second = conversations.factors[conversations.row[turn]]
        result = int(first * second) + 10 * int(plan.wrong_sum[turn])
        texts[turn] = f"{first} * {second} = {result}. {texts[turn]}"
    for turn in np.flatnonzero(plan.refused).tolist():
        texts[turn] = f"{text.LANGUAGES[plan.language[turn]].refusal}{texts[turn]}"
    openings, sign_offs = plan.opening.tolist(), plan.sign_off.tolist()
    for turn, (opening, sign_off) in enumerate(zip(openings, sign_offs, strict=True)):
        if opening or sign_off:
            texts[turn] = f"{text.OPENINGS[opening]}{texts[turn]}{text.SIGN_OFFS[sign_off]}"


def _damage(texts: Turns, plan: _Plan, sentences: _Sentences) -> None:
    """Stop some texts in the middle of their last sentence, and lose others altogether."""
    last = np.cumsum(plan.sentences) - 1
    for turn in np.flatnonzero(plan.cut).tolist():
        predicate = _PREDICATES.words[sentences.predicate[last[turn]]]
        texts[turn] = (texts[turn] or "")[: -(len(predicate) // 2 + 1)]
    for turn in np.flatnonzero(plan.missing).tolist():
        texts[turn] = None if plan.is_null[turn] else ""


def _calculates(conversations: Conversations, plan: _Plan) -> Flags:
    maths = conversations.kind[conversations.row] == _MATHS
    return maths & (conversations.position == 0) & ~plan.refused & ~plan.missing


def _facts(
    conversations: Conversations, plan: _Plan, sentences: _Sentences, texts: Turns
) -> dict[str, Floats]:
    """Sum up what `EFFECTS` speaks of, one value per answer."""
    rows, turns = len(conversations.turns), conversations.turns

    def by_turn(values: npt.NDArray[Any]) -> Floats:
        sums = np.bincount(conversations.row, values.astype(float), minlength=rows)
        return sums.astype(np.float64)

    def by_sentence(values: npt.NDArray[Any]) -> Floats:
        return by_turn(np.bincount(sentences.turn, values.astype(float), minlength=len(texts)))

    lead = sentences.lead
    spoken = np.maximum(1, by_sentence(np.ones(len(lead))))
    focused = sentences.subject == conversations.subject[sentences.turn]
    characters = by_turn(np.array([len(one or "") for one in texts]))
    return {
        "log_characters": np.log(50 + characters),
        "log_items": np.log1p(by_sentence((lead >= _BULLET) & (lead < _HEADERS))),
        "log_headers": np.log1p(by_sentence(lead >= _HEADERS)),
        "log_bold": np.log1p(by_sentence(sentences.form == 1)),
        "log_typos": np.log1p(by_sentence(sentences.form == 2)),
        "focus": by_sentence(focused) / spoken,
        "repeated": by_sentence(sentences.repeated) / spoken,
        "code": by_turn(plan.code >= 0) / turns,
        "refusal": by_turn(plan.refused) / turns,
        "missing": by_turn(plan.missing) / turns,
        "foreign": by_turn(plan.foreign) / turns,
        "cut": by_turn(plan.cut) / turns,
        "wrong_sum": by_turn(plan.wrong_sum & _calculates(conversations, plan)),
    }
