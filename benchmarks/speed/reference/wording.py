r"""The statistics of the families `wording` and `prompt` as a Python loop would compute them.

The second half of the yardstick of `benchmarks.speed.features`, see `loops`. Each list of words is
one compiled alternation behind one ``\b``, a text is put in lower case once, and what only other
scripts can hold is not looked for in ASCII.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence

import regex

from benchmarks.speed.reference.loops import FENCE, Row, Values, beside, filled, ratio, share
from features.text.wordlists import ANSWERS, ENGLISH, OTHER_LATIN, PROMPTS, SCRIPTS, WordList

Count = Callable[[str], int]
OPENING, CLOSING, WINDOW, HEAD, LAST_LINE = 200, 300, 400, 300, 400  # characters
OWN_SCRIPT = 0.25

FINAL = r"""\.!?…。！？।؟;)）\]}>"'”’»」`|*_~\u2600-\u27BF\U0001F000-\U0001FAFF\uFE0F"""
UNFINISHED = re.compile(f"[^{FINAL}]")
ITEM = re.compile(rf"(?:^|\n)[^\S\n]*(?:[-*+•]|\d+[.)])[^\S\n][^\n]*[^{FINAL}\n]\Z")
ASKING = regex.compile(r"[?？؟][^\p{L}\p{N}.!…。！:;?？؟]*\Z")
DIGIT = re.compile("[0-9]")
CAPITAL, CAPITAL_BEYOND_ASCII = re.compile("[A-Z]"), regex.compile(r"\p{Lu}")
WHITE_SPACE = re.compile(r"\s\s+")
SMALL_START = regex.compile(r"\s*\p{Ll}")
LETTERS = {script: regex.compile(pattern) for script, pattern in SCRIPTS.items()}
OTHER_SCRIPT = regex.compile(
    "|".join(SCRIPTS[script] for script in SCRIPTS if script not in ("cyrillic", "cjk"))
)

UNITS = "words?|sentences?|lines?|paragraphs?|pages?|characters?|tokens?|bullets?|steps?|points?"
AMOUNT = re.compile(rf"\b\d+[ -](?:{UNITS})\b")
WORDS_ASKED = re.compile(r"\b([0-9]{1,6})[ -]words?\b")
PROMPT_LITERALS = {
    "question_marks": ("?", "？", "؟"),
    "exclamations": ("!", "！"),
    "quotations": ('"', "“", "”"),
    "links": ("http://", "https://"),
}
PROMPT_PATTERNS = {
    "fences": FENCE,
    "code_lines": re.compile(r"(?m)[;{}][^\S\n]*$"),
    "options": re.compile(r"(?m)^[^\S\n]*(?:\([A-Ea-e]\)|[A-E][).:]|[a-e][).])[^\S\n]"),
    "list_items": re.compile(r"(?m)^[^\S\n]*(?:\d+\.|[-*+•])\s"),
    "formula_signs": re.compile(r"[0-9] ?[-+*/^=×÷]|[+*/^=×÷] ?[0-9]"),
    "latex": re.compile(r"\$[^$\n]+\$|\\\(|\\\[|\\(?:frac|sqrt|sum|int|begin)\b"),
    "code_characters": re.compile(r"[{}\[\];=<>]"),
    "digits": DIGIT,
}


def alternation(entries: Iterable[str], before: str = "", after: str = "") -> Count:
    """Return the function that counts entries of a word list in a text."""
    ordered = sorted(entries, key=len, reverse=True)
    if not ordered:
        return lambda text: 0
    firsts = "".join(sorted({re.escape(entry[0]) for entry in ordered}))  # a fifth faster
    pattern = rf"{before}(?=[{firsts}])\b(?:{'|'.join(map(_entry, ordered))}){after}"
    ascii_text, other_text = re.compile(pattern).findall, regex.compile(pattern).findall
    return lambda text: len(ascii_text(text) if text.isascii() else other_text(text))


def _entry(entry: str) -> str:
    stem = entry.removesuffix("*")
    end = r"\w*" if stem != entry else r"\b" if stem[-1].isalnum() else ""
    return re.escape(stem).replace("'", "['’]") + end


# A place: what stands before and after an entry, and which part of a turn is looked at.
PLACES = {
    "anywhere": ("", "", "all"),
    "opening": ("", "", "opening"),
    "start": (r"\A[^\w]*", "", "opening"),
    "closing": ("", "", "closing"),
    "whole": (r"\A[^\w]*", r"[^\w]*\Z", "all"),
}


def _counters(lists: dict[str, WordList]) -> list[tuple[str, str, Count, Count | None]]:
    """Return statistic, part, count in lower case, and count of entries with capitals."""
    counters = []
    for name, row in lists.items():
        small = [entry for entry in row.entries if entry == entry.lower()]
        capital = [entry for entry in row.entries if entry != entry.lower()]
        for place in row.places:
            before, after, part = PLACES[place]
            exact = alternation(capital, before, after) if capital else None
            statistic = name if place == "anywhere" else f"{name}_{place}"
            counters.append((statistic, part, alternation(small, before, after), exact))
    return counters


ANSWER_COUNTERS, PROMPT_COUNTERS = _counters(ANSWERS), _counters(PROMPTS)
ENGLISH_WORDS, OTHER_WORDS = alternation(ENGLISH), alternation(OTHER_LATIN)


def _listed(turns: Sequence[str], counters: list[tuple[str, str, Count, Count | None]]) -> Values:
    values: Values = dict.fromkeys((counter[0] for counter in counters), 0)
    for turn in turns:
        parts = {"all": turn, "opening": turn[:OPENING], "closing": turn[-CLOSING:]}
        lower = {part: text.lower() for part, text in parts.items()}
        for name, part, small, exact in counters:
            values[name] += small(lower[part]) + (exact(parts[part]) if exact else 0)
    return values


def _matches(letters: regex.Pattern, text: str) -> int:
    return 0 if text.isascii() else len(letters.findall(text))


def _capitals(text: str) -> int:
    return len((CAPITAL if text.isascii() else CAPITAL_BEYOND_ASCII).findall(text))


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def wording(row: Row) -> Values:
    """Return the columns of the family `wording`."""
    prompt, a, b = map(filled, row)
    languages = [_language(text) for text in (prompt, a, b)]
    values: Values = {}
    of_a, of_b = (_listed(text, ANSWER_COUNTERS) for text in (a, b))
    for name in of_a:
        values |= beside(name, of_a[name], of_b[name], scale=True)
    of_a, of_b = (
        _voice(text) | _ending(text[-1]) | _beside_prompt(language, languages[0])
        for text, language in zip((a, b), languages[1:], strict=True)
    )
    for name in of_a:
        values |= beside(name, of_a[name], of_b[name], scale=False)
    return values


def _voice(turns: Sequence[str]) -> Values:
    characters = sum(map(len, turns))
    heads = [turn[:WINDOW] for turn in turns]
    words = [_spaced(head.lower()) for head in heads]
    tokens = sum(map(len, words))
    return {
        "digits": share(sum(len(DIGIT.findall(turn)) for turn in turns), characters),
        "beyond_ascii": share(sum(map(_beyond_ascii, turns)), characters),
        "capitals": share(sum(map(_capitals, heads)), sum(map(len, heads))),
        "type_token": share(sum(len(set(found)) for found in words), tokens),
        "word_length": share(sum(len(word) for found in words for word in found), tokens),
    }


def _spaced(text: str) -> list[str]:
    one_line = WHITE_SPACE.sub(" ", text.replace("\n", " ")).strip()
    return one_line.split(" ") if one_line else []


def _ending(turn: str) -> Values:
    end = turn.rstrip()
    unfinished = UNFINISHED.match(end[-1:]) is not None
    return {
        "unfinished": unfinished,
        "unfinished_item": unfinished and ITEM.search(end[-LAST_LINE:]) is not None,
        "open_fence": turn.count("```") % 2,
        "ends_asking": ASKING.search(turn[-20:]) is not None,
    }


def _language(turns: Sequence[str]) -> Values:
    heads = [turn[:HEAD] for turn in turns]
    lower = [head.lower() for head in heads]
    counts: Values = {
        name: sum(_matches(letter, head) for head in heads) for name, letter in LETTERS.items()
    }
    lean = ratio(sum(map(ENGLISH_WORDS, lower)), sum(map(OTHER_WORDS, lower)))
    return counts | {"lean": lean, "characters": sum(map(len, heads))}


def _beside_prompt(answer: Values, prompt: Values) -> Values:
    most = max(SCRIPTS, key=lambda script: prompt[script])
    if share(prompt[most], prompt["characters"]) >= OWN_SCRIPT:
        shared = answer[most]
    else:
        shared = answer["characters"] - sum(answer[script] for script in SCRIPTS)
    return {
        "same_script": share(shared, answer["characters"]),
        "english": answer["lean"],
        "same_language": prompt["lean"] * answer["lean"],
    }


def prompt(row: Row) -> Values:
    """Return the columns of the family `prompt`."""
    turns = filled(row.prompt)
    characters = sum(map(len, turns))
    values = _listed(turns, PROMPT_COUNTERS) | _heads([turn[:HEAD] for turn in turns])
    for name, strings in PROMPT_LITERALS.items():
        values[name] = sum(turn.count(string) for turn in turns for string in strings)
    for name, pattern in PROMPT_PATTERNS.items():
        values[name] = sum(len(pattern.findall(turn)) for turn in turns)
    values["beyond_ascii"] = sum(map(_beyond_ascii, turns))
    scripts = {name: LETTERS[name] for name in ("cyrillic", "cjk")} | {"other_script": OTHER_SCRIPT}
    for name, letter in scripts.items():
        values[name] = sum(_matches(letter, turn) for turn in turns)
    for name in ("code_characters", "digits", "beyond_ascii", *scripts):
        values[name] = share(values[name], characters)
    for turn in turns:
        for name, value in _asked(turn).items():
            values[name] = values.get(name, 0) + value
    return {f"{name}_prompt": value for name, value in values.items()}


def _heads(heads: list[str]) -> Values:
    lower = [head.lower() for head in heads]
    words = [[word for word in head.split(" ") if word] for head in lower]
    return {
        "capitals": share(sum(map(_capitals, heads)), sum(map(len, heads))),
        "english": sum(map(ENGLISH_WORDS, lower)),
        "other_latin": sum(map(OTHER_WORDS, lower)),
        "type_token": share(sum(len(set(found)) for found in words), sum(map(len, words))),
    }


def _asked(turn: str) -> Values:
    lower, last = turn.lower(), turn.rstrip()[-1:]
    lines = [line for line in map(str.strip, turn.split("\n")) if line]
    number = WORDS_ASKED.search(lower)
    return {
        "question_end": last in ("?", "？", "؟"),
        "bare_end": last.isalnum(),
        "small_start": SMALL_START.match(turn) is not None,
        "amounts": len(AMOUNT.findall(lower)),
        "words_asked": math.log1p(int(number[1])) if number else 0.0,
        "repeated_lines": len(lines) - len(set(lines)),
    }
