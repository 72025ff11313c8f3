r"""Pure formulas on text, and views that they read it through.

A formula is a polars expression of strings in, an expression of numbers out. They count over whole
columns in polars' Rust kernels, whose regular expressions take time linear in the text, or in
compiled passes that count many things at once (`features.tally`); both use every core. `measure`
evaluates one of them on plain strings. All count Unicode characters, not bytes.

`words` counts the runs of letters, digits and underscores, `tokens` punctuation marks besides:
style control's measure of length. `sentences` counts the ends of sentences: a run of ``.!?…``
before white space or the end, or a CJK full stop. `lines` are those that hold more than white
space, `paragraphs` the blocks between blank lines. `headers`, `ordered`, `unordered`, `bold_items`,
`table_rows` and `quotes` are lines that open as in markdown.

>>> measure(words, "Don't stop -- go!", "  "), measure(tokens, "Hi, you!")
([4, 0], [4])
>>> measure(sentences, "It is 3.5. Really?! Yes", "好。"), measure(lines, "one\n\n two\n  \n")
([2, 1], [2])
>>> measure(paragraphs, "one\nmore\n\n two\n \n\n", "", "one")
[2, 0, 1]
>>> measure(headers, "# One\n #Two\n####### Three"), measure(quotes, " > Said\n>No")
([1], [1])
>>> measure(ordered, "1. One\n2.Two"), measure(unordered, "- One\n* **Two**\n+Three")
([1], [2])
>>> measure(bold_items, "1. **One**\n-\n**Two**"), measure(table_rows, "| a | b |\n|a\nb|")
([1], [1])
"""

from functools import partial

import polars as pl

from features.tally import Formula, Tally, Total, through
from features.text import passes

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

    >>> measure(literal("!", "?", "<-"), "what?! no <- yes!")
    [4]
    """
    single = "".join(string for string in strings if len(string) == 1)
    parts: list[Formula] = [Tally(passes.characters, single)] if single else []
    parts += [partial(_of_string, string) for string in strings if len(string) != 1]
    return parts[0] if len(parts) == 1 else Total(tuple(parts))


def _of_string(string: str, text: pl.Expr) -> pl.Expr:
    return text.str.count_matches(string, literal=True)


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


# What is counted in passes together; `features.text.passes` has the regular expressions.
words = Tally(passes.runs, "words")
sentences = Tally(passes.runs, "sentences")
lines = Tally(passes.runs, "lines")
paragraphs = Tally(passes.runs, "paragraphs")
tokens = Tally(passes.marks, "tokens")
headers = Tally(passes.marks, "headers")
ordered = Tally(passes.marks, "ordered")
unordered = Tally(passes.marks, "unordered")
bold_items = Tally(passes.marks, "bold_items")
table_rows = Tally(passes.marks, "table_rows")
quotes = Tally(passes.marks, "quotes")


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
    return through(without_fences, formula)
