r"""The statistics of the feature families as a Python loop would compute them, battle by battle.

The yardstick of `benchmarks.speed.features`, with `wording`: compiled patterns, all
counts taken once, sets from the interpreter's own C. The package `regex` stands in where a text is
not ASCII, for its ``\w`` is that of polars' expressions; the standard library's, a quarter faster,
leaves out combining marks.
"""

import math
import re
import statistics
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import regex


class Row(NamedTuple):
    """One battle: three conversations, a turn a string or None."""

    prompt: Sequence[str | None]
    a: Sequence[str | None]
    b: Sequence[str | None]


Values = dict[str, float]

WORD, WORD_BEYOND_ASCII = re.compile(r"\w+"), regex.compile(r"\w+")
TOKEN, TOKEN_BEYOND_ASCII = re.compile(r"\w+|[^\w\s]"), regex.compile(r"\w+|[^\w\s]")
SENTENCE_END = re.compile(r"[.!?…]+(?:\s|\Z)|[。！？]+")
LINE = re.compile(r"(?m)^[^\S\n]*\S")
PARAGRAPH = re.compile(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")
FENCE = re.compile(r"```[^`]*```")

# Counted in the text without its fenced code, and in the whole of it.
PROSE_PATTERNS = {
    "headers": re.compile(r"(?m)^#{1,6}\s"),
    "ordered": re.compile(r"(?m)^[^\S\n]*\d+\.\s"),
    "unordered": re.compile(r"(?m)^[^\S\n]*[-*+]\s"),
    "stars": re.compile(r"\*\*[^*\n]+\*\*"),
    "underscores": re.compile(r"__[^_\n]+__"),
    "bold_items": re.compile(r"(?m)^[^\S\n]*(?:\d+\.|[-*+])[^\S\n]+\*\*"),
    "inline_code": re.compile(r"`[^`\n]+`"),
    "table_rows": re.compile(r"(?m)^[^\S\n]*\|[^\n]*\|"),
    "quotes": re.compile(r"(?m)^[^\S\n]*>\s"),
}
PATTERNS = {
    "links": re.compile(r"https?://|\]\("),
    "latex": re.compile(
        r"\$\$|\\\(|\\\[|\\(?:frac|sqrt|sum|int|begin|cdot|times|left|alpha|beta|theta|pi)\b"
    ),
    "emoji": re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55]"),
}
LITERALS = {
    "quotations": ('"', "“", "”", "«", "»"),
    "commas": (",", "，", "、"),
    "full_stops": (".", "。"),
    "colons": (":", "："),
    "semicolons": (";", "；"),
    "question_marks": ("?", "？"),
    "exclamations": ("!", "！"),
    "parentheses": ("(", "（"),
    "dashes": ("—", "–", " - "),
    "newlines": ("\n",),
    "blank_lines": ("\n\n",),
}


def words(text: str) -> list[str]:
    """Find the words of a text."""
    return (WORD if text.isascii() else WORD_BEYOND_ASCII).findall(text)


def tokens(text: str) -> list[str]:
    """Find the words and punctuation marks of a text."""
    return (TOKEN if text.isascii() else TOKEN_BEYOND_ASCII).findall(text)


def filled(conversation: Sequence[str | None]) -> list[str]:
    """Put empty text for null turns, and one empty turn for none."""
    return [turn or "" for turn in conversation] or [""]


def ratio(a: float, b: float) -> float:
    """Compare two counts without their scale."""
    return (a - b) / (a + b + 1)


def share(part: float, whole: float) -> float:
    """Divide, giving 0 where the whole is 0."""
    return part / whole if whole else 0.0


def beside(name: str, a: float, b: float, scale: bool) -> Values:
    """Return the columns of A and B: compared by ratio where they have a scale."""
    last = {f"{name}_ratio": ratio(a, b)} if scale else {f"{name}_diff": a - b}
    return {f"{name}_a": a, f"{name}_b": b} | last


def length(row: Row) -> Values:
    """Return the default columns of the family `length`."""
    prompt, a, b = (_lengths(filled(text)) for text in row)
    values: Values = {}
    for name in prompt:
        one, other = a[name], b[name]
        values |= beside(name, one, other, scale=False) | {f"{name}_prompt": prompt[name]}
        if "_log_" not in name:
            values[f"{name}_ratio"] = ratio(one, other)
    name = "characters_log_sum"
    against = (a[name] - prompt[name], b[name] - prompt[name])
    values |= beside(f"{name}_minus_prompt", *against, scale=False)
    for name in ("characters_sum", "characters_last", "words_sum", "sentences_sum", "lines_sum"):
        against = (ratio(a[name], prompt[name]), ratio(b[name], prompt[name]))
        values |= beside(f"{name}_to_prompt", *against, scale=False)
    for name in ("characters_sum", "words_sum", "sentences_sum"):
        values[f"{name}_bucket_diff"] = _bucket(a[name] - b[name])
    return values


def _lengths(turns: list[str]) -> Values:
    characters = [len(turn) for turn in turns]
    counts = {
        "characters": characters,
        "words": [len(words(turn)) for turn in turns],
        "sentences": [len(SENTENCE_END.findall(turn)) for turn in turns],
        "lines": [len(LINE.findall(turn)) for turn in turns],
        "paragraphs": [len(PARAGRAPH.findall(turn)) for turn in turns],
    }
    values: Values = {}
    for unit, numbers in counts.items():
        values[f"{unit}_sum"] = total = sum(numbers)
        values[f"{unit}_log_sum"] = math.log1p(total)
    mean = values["characters_sum"] / len(characters)
    return values | {
        "characters_mean": mean,
        "characters_log_mean": math.log1p(mean),
        "characters_std": statistics.pstdev(characters) if len(characters) > 1 else 0.0,
        "characters_last": characters[-1],
        "words_last": counts["words"][-1],
    }


def _bucket(difference: float) -> float:
    edges = (1, 10, 25, 50, 100, 200, 400, 800, 1600, 3200)
    size = sum(edge <= abs(difference) for edge in edges)
    return math.copysign(size, difference) if difference else 0.0


def turns(row: Row) -> Values:
    """Return the columns of the family `turns`."""
    prompt, a, b = (_turns(text) for text in row)
    values = {
        "turns_prompt": float(len(row.prompt)),
        "turns_absdiff": float(abs(len(row.a) - len(row.b))),
        "last_share_prompt": prompt["last_share"],
    }
    for name in prompt:
        values |= beside(name, a[name], b[name], scale=False)
    return values


def _turns(conversation: Sequence[str | None]) -> Values:
    lengths = [len(turn) for turn in filled(conversation)]
    first, last, total = lengths[0], lengths[-1], sum(lengths)
    changes = [abs(one - other) for one, other in pairwise(lengths)]
    change = sum(changes) / len(changes) if changes else 0.0
    return {
        "null": sum(turn is None for turn in conversation),
        "empty": sum(turn is not None and not turn.strip() for turn in conversation),
        "last_share": last / max(total, 1),
        "growth": ratio(last, first),
        "unevenness": change / max(total / len(lengths), 1),
    }


def style(row: Row) -> Values:
    """Return the columns of the family `style`."""
    a, b = (_add(map(_style, filled(text))) for text in (row.a, row.b))
    values: Values = {}
    for counts in (a, b):
        counts["code_share"] = share(counts.pop("code"), counts.pop("characters"))
    for name in a:
        values |= beside(name, a[name], b[name], scale=name != "code_share")
    return values


def _style(turn: str) -> Values:
    prose, fences = FENCE.subn("", turn)
    counts: Values = {name: len(found.findall(prose)) for name, found in PROSE_PATTERNS.items()}
    counts |= {name: len(found.findall(turn)) for name, found in PATTERNS.items()}
    counts |= {name: sum(map(turn.count, strings)) for name, strings in LITERALS.items()}
    return counts | {
        "tokens": len(tokens(prose)),
        "lists": counts["ordered"] + counts["unordered"],
        "bold": counts.pop("stars") + counts.pop("underscores"),
        "fences": fences,
        "code": len(turn) - len(prose),
        "characters": len(turn),
    }


def _add(counts: Iterable[Values]) -> Values:
    total, *others = counts
    for other in others:
        for name, value in other.items():
            total[name] += value
    return total


class Compared(NamedTuple):
    """What the family `overlap` compares of one text."""

    whole: str
    words: list[str]
    distinct: set[str]
    long: set[str]
    last: set[str]


def overlap(row: Row) -> Values:
    """Return the columns of the family `overlap`."""
    prompt, a, b = map(_compared, row)
    values: Values = {}
    of_a, of_b = (_repetition(text) | _taken(prompt, text) for text in (a, b))
    for name in of_a:
        values |= beside(name, of_a[name], of_b[name], scale=False)
    longer = max(len(a.whole), len(b.whole))
    return (
        values
        | _alike("words", a.distinct, b.distinct)
        | _alike("trigrams", _trigrams(a.whole.lower()), _trigrams(b.whole.lower()))
        | {
            "same_start_pair": share(_common_start(a.whole, b.whole), longer),
            "same_end_pair": share(_common_start(a.whole[::-1], b.whole[::-1]), longer),
            "identical_pair": float(a.whole == b.whole),
        }
    )


def _compared(conversation: Sequence[str | None]) -> Compared:
    whole = "\n".join(turn for turn in conversation if turn is not None)
    found = words(whole.lower())
    distinct = set(found)
    last = set(words((conversation[-1] or "").lower())) if len(conversation) > 1 else distinct
    return Compared(whole, found, distinct, {word for word in distinct if len(word) >= 5}, last)


def _trigrams(items: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(items, items[1:], items[2:], strict=False))


def _taken(prompt: Compared, answer: Compared) -> Values:
    shared = len(prompt.distinct & answer.distinct)
    long = len(prompt.long & answer.long)
    last = len(prompt.last & answer.last)
    return {
        "prompt_words_used": share(shared, len(prompt.distinct)),
        "words_from_prompt": share(shared, len(answer.distinct)),
        "prompt_long_words_used": share(long, len(prompt.long)),
        "long_words_from_prompt": share(long, len(answer.long)),
        "last_prompt_words_used": share(last, len(prompt.last)),
        "last_words_from_prompt": share(last, len(answer.last)),
    }


def _repetition(answer: Compared) -> Values:
    lines = [line for line in map(str.strip, answer.whole.split("\n")) if line]
    phrases = max(len(answer.words) - 2, 0)
    plain = answer.whole.encode()[:65_536]
    saved = 1 - len(zlib.compress(plain, 1, wbits=-15)) / max(len(plain), 1)
    return {
        "compressible": max(0.0, saved),
        "repeated_lines": share(len(lines) - len(set(lines)), len(lines)),
        "repeated_trigrams": share(phrases - len(_trigrams(answer.words)), phrases),
    }


def _alike(name: str, a: set[Any], b: set[Any]) -> Values:
    shared = len(a & b)
    return {
        f"{name}_jaccard_pair": share(shared, len(a) + len(b) - shared),
        f"{name}_contained_pair": share(shared, min(len(a), len(b))),
    }


def _common_start(a: str, b: str) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(a), len(b)))
