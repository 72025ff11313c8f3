"""Which script and which language a text is in, and whether an answer keeps to its prompt's."""

import numpy as np
import polars as pl

from features.layout import TEXTS, Formula, count, share, turns_of
from features.sides import Array, ratio
from features.text import formulas as text
from features.text.phrases import anywhere
from features.text.wordlists import ENGLISH, OTHER_LATIN, SCRIPTS

# A script is a text's own from this share of its characters on: white space, marks, digits and
# names in Latin leave Chinese or Russian above it, a quoted word leaves English below it.
OWN_SCRIPT = 0.25
# Characters at the head of each turn that tell its language: some fifty words, a dozen of them
# among the commonest of any language.
HEAD = 300


def not_ascii(text: pl.Expr) -> pl.Expr:
    """Return the text where it holds more than ASCII, null elsewhere.

    Seven eighths of the Arena's text is plain ASCII and need not be searched.

    >>> from features.text.formulas import measure
    >>> measure(not_ascii, "plain", "naïve")
    [None, 'naïve']
    """
    return pl.when(text.str.len_bytes() != text.str.len_chars()).then(text)


def letters(script: str) -> Formula:
    """Return the formula that counts the letters of a script other than Latin.

    >>> from features.text.formulas import measure
    >>> measure(letters("cyrillic"), "Да, yes", "yes")
    [2, 0]
    """
    return lambda text: not_ascii(text).str.count_matches(SCRIPTS[script]).fill_null(0)


def beyond_ascii(text: pl.Expr) -> pl.Expr:
    """Count the characters that are not ASCII.

    >>> from features.text.formulas import measure
    >>> measure(beyond_ascii, "naïve “x”", "plain")
    [3, 0]
    """
    return not_ascii(text).str.count_matches(r"[^\x00-\x7F]").fill_null(0)


def characters_of_script(other: Array, total: Array, own: Array) -> Array:
    r"""Count the characters of each text that are in the prompt's own script.

    Latin, without a count of its own, is what is in none of the counted scripts.

    Parameters
    ----------
    other : ndarray, shape (n_scripts, n_battles)
        The text's letters in each script other than Latin.
    total : ndarray, shape (n_battles,)
        The text's characters.
    own : ndarray of float64, shape (n_battles,)
        The prompt's script as a row of `other`, -1 for Latin, from `own_script`.

    Examples
    --------
    >>> other, total = np.array([[8.0, 8.0]]), np.array([10.0, 10.0])
    >>> characters_of_script(other, total, own=np.array([0, -1]))
    array([8., 2.])
    """
    counted = np.vstack([other, total - other.sum(axis=0)])  # Latin last: row -1
    return counted[own.astype(np.intp), np.arange(len(total))]


def own_script(other: Array, total: Array) -> Array:
    """Return the script of each text: a row of `other`, or -1 for Latin.

    It is the one with the most letters, if they are at least `OWN_SCRIPT` of the characters.

    >>> own_script(np.array([[8.0, 1.0, 0.0]]), np.array([10.0, 10.0, 0.0]))
    array([ 0., -1., -1.])
    """
    most = other.argmax(axis=0).astype(np.float64)
    return np.where(share(other.max(axis=0), total) >= OWN_SCRIPT, most, -1.0)


COUNTS: dict[str, Formula] = {
    "characters": text.characters,
    "english": anywhere(ENGLISH),
    "other": anywhere(OTHER_LATIN),
    **{name: letters(name) for name in SCRIPTS},
}


def beside_prompt(battles: pl.DataFrame) -> dict[str, Array]:
    """Return the answers' language, and how far script and language are the prompt's.

    The first `HEAD` characters of each turn are looked at. Each result has the shape
    (2, n_battles), for answer A and answer B.

    >>> battles = {"prompt": [["und das?"]], "response_a": [["the end"]], "response_b": [["Да"]]}
    >>> beside_prompt(pl.DataFrame(battles))["same_language"].round(2).tolist()
    [[-0.33], [0.0]]
    """
    turns = turns_of(battles, list(TEXTS.values()))
    turns = turns._replace(text=turns.text.select(pl.col("text").str.head(HEAD)))
    totals = {name: turns.total(values) for name, values in count(turns, COUNTS).items()}
    characters = totals["characters"]
    other = np.stack([totals[name] for name in SCRIPTS], axis=1)  # (3 texts, scripts, battles)
    own = own_script(other[0], characters[0])
    shared = np.stack([characters_of_script(other[i], characters[i], own) for i in (1, 2)])
    lean = ratio(totals["english"], totals["other"])
    return {
        "same_script": share(shared, characters[1:]),
        "english": lean[1:],
        "same_language": lean[0] * lean[1:] + 0.0,  # no negative zero
    }
