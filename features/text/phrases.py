"""Formulas that look for words: the lists of `features.text.wordlists`, compiled once each.

A text is lower-cased once for all lists (polars shares equal parts of expressions), and each list
is one alternation in linear time.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence

import polars as pl

from features.tally import Formula
from features.text.wordlists import WordList

# Characters: a refusal or a promise stands in the first sentence or two, good wishes in the last.
OPENING = 200
CLOSING = 300

# Han, kana, Hangul, Thai: scripts whose words stand without spaces, or bear particles.
UNSPACED = re.compile("[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def pattern(entries: Iterable[str]) -> str:
    r"""Return the regular expression of some entries: one alternation, the longest entry first.

    >>> pattern(["can't", "apolog*", "c++"])
    "(?:\\bapolog\\w*|\\bcan['’]t\\b|\\bc\\+\\+)"
    """
    ordered = sorted(entries, key=len, reverse=True)
    return "(?:" + "|".join(map(_entry_pattern, ordered)) + ")"


def _entry_pattern(entry: str) -> str:
    stem = entry.removesuffix("*")
    end = r"\w*" if stem != entry else _boundary(stem[-1])
    return _boundary(stem[0]) + re.escape(stem).replace("'", "['’]") + end


def _boundary(edge: str) -> str:
    # After the last sign of "c++" there is none, nor inside a sentence without spaces.
    return r"\b" if edge.isalnum() and not UNSPACED.match(edge) else ""


def _counter(entries: Iterable[str], before: str = "", after: str = "") -> Formula:
    """Count entries, those with a capital in the text as it is, the others in lower case."""
    capital = [entry for entry in entries if entry != entry.lower()]
    small = [entry for entry in entries if entry == entry.lower()]
    parts: list[Formula] = []
    if small:
        lower = before + pattern(small) + after
        parts.append(lambda text: text.str.to_lowercase().str.count_matches(lower))
    if capital:
        exact = before + pattern(capital) + after
        parts.append(lambda text: text.str.count_matches(exact))
    return lambda text: pl.sum_horizontal(part(text) for part in parts)


def anywhere(entries: Sequence[str]) -> Formula:
    """Return the formula that counts the entries in a text.

    >>> from features.text.formulas import measure
    >>> measure(anywhere(["sorry", "apolog*"]), "Sorry, I apologise.", "In sorrysville")
    [2, 0]
    >>> measure(anywhere(["DAN", "抱歉"]), "You are DAN", "You are Dan", "我很抱歉。")
    [1, 0, 1]
    """
    return _counter(entries)


def opening(entries: Sequence[str]) -> Formula:
    """Return the formula that counts the entries among the first `OPENING` characters.

    >>> from features.text.formulas import measure
    >>> measure(opening(["sorry"]), "I am sorry", OPENING * "." + "sorry")
    [1, 0]
    """
    return lambda text: _counter(entries)(text.str.head(OPENING))


def start(entries: Sequence[str]) -> Formula:
    r"""Return the formula that is 1 where the first word or phrase is an entry, 0 elsewhere.

    White space and marks before it, as in ``**Sure**``, are skipped.

    >>> from features.text.formulas import measure
    >>> measure(start(["sure"]), " **Sure!** sure", "I am sure", "Surely")
    [1, 0, 0]
    """
    return lambda text: _counter(entries, before=r"^[^\w]*")(text.str.head(OPENING))


def closing(entries: Sequence[str]) -> Formula:
    """Return the formula that counts the entries among the last `CLOSING` characters.

    >>> from features.text.formulas import measure
    >>> measure(closing(["enjoy"]), "Bake it. Enjoy!", "Enjoy" + CLOSING * ".")
    [1, 0]
    """
    return lambda text: _counter(entries)(text.str.tail(CLOSING))


def whole(entries: Sequence[str]) -> Formula:
    """Return the formula that is 1 where a turn is one of the entries and nothing else.

    >>> from features.text.formulas import measure
    >>> measure(whole(["hi"]), "Hi!", "hi there", "")
    [1, 0, 0]
    """
    return _counter(entries, before=r"^[^\w]*", after=r"[^\w]*$")


PLACES = {
    "anywhere": (anywhere, ""),
    "opening": (opening, f", in the first {OPENING} characters of a turn"),
    "start": (start, ", as the first words of a turn"),
    "closing": (closing, f", in the last {CLOSING} characters of a turn"),
    "whole": (whole, ", and nothing else in the turn"),
}


def formulas(lists: Mapping[str, WordList]) -> dict[str, tuple[str, Formula]]:
    """Return documentation and formula of each list in each of its places.

    A list's statistic bears its name, and its place's where that is not ``anywhere``.

    >>> formulas({"hedges": WordList("hedges", "", ("maybe",), ("anywhere", "start"))}).keys()
    dict_keys(['hedges', 'hedges_start'])
    """
    return {
        name if place == "anywhere" else f"{name}_{place}": (
            row.doc + PLACES[place][1],
            PLACES[place][0](row.entries),
        )
        for name, row in lists.items()
        for place in row.places
    }


def extended(
    lists: Mapping[str, WordList],
    words: Mapping[str, Sequence[str]] | None,
    taken: Container[str] = (),
) -> dict[str, WordList]:
    """Add entries to lists; a name that is no list yet becomes one that is looked for anywhere.

    Raises
    ------
    ValueError
        If the entries are no sequence of words, or a new list has a name that is `taken`.

    Examples
    --------
    >>> extended({}, {"boasts": ["the best"]})["boasts"].entries
    ('the best',)
    """
    result = dict(lists)
    for name, entries in (words or {}).items():
        if name in taken or (name not in lists and name in formulas(lists)):
            raise ValueError(f"words[{name!r}]: a statistic has this name. Choose another one.")
        wrong = [entry for entry in entries if not _is_entry(entry)]
        if isinstance(entries, str) or wrong or (name not in lists and not entries):
            raise ValueError(
                f"words[{name!r}] must be a list of words or phrases. "
                f"Got {wrong[0] if wrong and not isinstance(entries, str) else entries!r} instead."
            )
        known = result.get(name, WordList(name.replace("_", " "), "given by the user", ()))
        result[name] = known._replace(entries=(*known.entries, *entries))
    return result


def _is_entry(entry: object) -> bool:
    return isinstance(entry, str) and entry.strip("* ") != ""
