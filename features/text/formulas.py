"""Pure formulas on text, and the normal form of words that word-based systems count.

A formula is a polars expression of strings in, an expression of numbers out. They count over whole
columns in polars' Rust kernels, which use every core and whose regular expressions take time linear
in the text. `measure` evaluates one of them on plain strings. Everything that counts, counts
Unicode characters, not bytes.

`Normalisation` turns words into what is counted of them, each different word once.
"""

import polars as pl

from features.layout import Formula

# A code fence as Chatbot Arena's style control removes it: no backtick between the fences.
FENCE = r"```[^`]*```"


def measure(formula: Formula, *texts: str) -> list[float]:
    """Evaluate a formula on plain strings.

    >>> measure(characters, "four", "")
    [4, 0]
    """
    frame = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
    return frame.select(formula(pl.col("text"))).to_series().to_list()


def occurrences(pattern: str) -> Formula:
    r"""Return the formula that counts the matches of a regular expression.

    The syntax is that of Rust's ``regex``: no look-around and no back-references, linear time.

    >>> measure(occurrences(r"\d+"), "10 or 20")
    [2]
    """
    return lambda text: text.str.count_matches(pattern)


def literal(*strings: str) -> Formula:
    """Return the formula that counts all occurrences of some fixed strings, added up.

    >>> measure(literal("!", "?"), "what?! no!")
    [3]
    """
    return lambda text: pl.sum_horizontal(
        text.str.count_matches(string, literal=True) for string in strings
    )


def characters(text: pl.Expr) -> pl.Expr:
    """Count Unicode code points.

    >>> measure(characters, "naïve", "日本")
    [5, 2]
    """
    return text.str.len_chars()


def stripped_characters(text: pl.Expr) -> pl.Expr:
    r"""Count the characters between the white space at both ends.

    >>> measure(stripped_characters, " a b\n", "  ")
    [3, 0]
    """
    return text.str.strip_chars().str.len_chars()


def words(text: pl.Expr) -> pl.Expr:
    r"""Count the runs of letters, digits and underscores (``\w+``).

    >>> measure(words, "Don't stop -- go!", "  ")
    [4, 0]
    """
    return text.str.count_matches(r"\w+")


def tokens(text: pl.Expr) -> pl.Expr:
    r"""Count words and punctuation marks (``\w+|[^\w\s]``), style control's measure of length.

    >>> measure(tokens, "Hi, you!")
    [4]
    """
    return text.str.count_matches(r"\w+|[^\w\s]")


def sentences(text: pl.Expr) -> pl.Expr:
    """Count sentence ends: a run of ``.!?…`` before white space or the end, or a CJK full stop.

    >>> measure(sentences, "It is 3.5. Really?! Yes", "好。")
    [2, 1]
    """
    return text.str.count_matches(r"[.!?…]+(?:\s|$)|[。！？]+")


def lines(text: pl.Expr) -> pl.Expr:
    r"""Count the lines that hold more than white space.

    >>> measure(lines, "one\n\n two\n  \n")
    [2]
    """
    return text.str.count_matches(r"(?m)^[^\S\n]*\S")


def paragraphs(text: pl.Expr) -> pl.Expr:
    r"""Count the blocks of text between blank lines.

    >>> measure(paragraphs, "one\nmore\n\n two\n \n\n", "", "one")
    [2, 0, 1]
    """
    return text.str.count_matches(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")


def without_fences(text: pl.Expr) -> pl.Expr:
    """Remove fenced code, as style control does before it counts.

    >>> measure(without_fences, "a ```code``` b ```open")
    ['a  b ```open']
    """
    return text.str.replace_all(FENCE, "")


def prose(formula: Formula) -> Formula:
    """Return a formula that is evaluated on the text without its fenced code.

    >>> measure(prose(words), "two words ```and code```")
    [2]
    """
    return lambda text: formula(without_fences(text))
