"""What is asked: the kind of task, the form asked for, and whether it is easy or objective.

Nothing here looks at the answers, so no column can favour one of them: they say how likely a tie
is, and which of the other columns count.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from features.families.wording import first
from features.layout import Formula
from features.table import Statistic, StatisticsFamily, chosen
from features.text import formulas as text
from features.text.formulas import literal, occurrences
from features.text.language import beyond_ascii, letters, not_ascii
from features.text.phrases import anywhere, extended, formulas
from features.text.wordlists import ENGLISH, OTHER_LATIN, PROMPTS, SCRIPTS

# Characters of each turn in which words are told apart: a longer text repeats more of them.
HEAD = 300
UNITS = "words?|sentences?|lines?|paragraphs?|pages?|characters?|tokens?|bullets?|steps?|points?"
WORDS_ASKED = r"\b([0-9]{1,3}(?:[,.][0-9]{3})+|[0-9]{1,6})[ -]words?\b"


def amounts(turn: pl.Expr) -> pl.Expr:
    """Count the lengths asked for by a number, as in ``500 words`` or ``3-sentence``.

    >>> text.measure(amounts, "In 500 words, as a 3-sentence text", "500 wordy cats, two words")
    [2, 0]
    """
    return turn.str.to_lowercase().str.count_matches(rf"\b\d+[ -](?:{UNITS})\b")


def words_asked(turn: pl.Expr) -> pl.Expr:
    """Return log(1 + n) where a turn asks for n words, 0 where no number is given.

    >>> text.measure(words_asked, "Use 0 words", "many words", "3 lines", "٥٠ words")
    [0.0, 0.0, 0.0, 0.0]
    >>> asked = text.measure(words_asked, "a 100-word essay", "99 Words", "Write 1,000 words")
    >>> [round(value, 2) for value in asked]
    [4.62, 4.61, 6.91]
    """
    number = turn.str.to_lowercase().str.extract(WORDS_ASKED).str.replace_all("[,.]", "")
    return number.cast(pl.Float64).fill_null(0.0).log1p()


def options(turn: pl.Expr) -> pl.Expr:
    r"""Count the lines that open like an option of a multiple-choice question.

    >>> text.measure(options, "Which?\nA) one\n (b) two\nC. three", "A man) went.\n1. one")
    [3, 0]
    """
    return turn.str.count_matches(r"(?m)^[^\S\n]*(?:\([A-Ea-e]\)|[A-E][).:]|[a-e][).])[^\S\n]")


def small_start(turn: pl.Expr) -> pl.Expr:
    """1 where a turn begins with a small letter.

    >>> text.measure(small_start, "what is it", " What", "1 is")
    [1, 0, 0]
    """
    return turn.str.count_matches(r"^\s*\p{Ll}")


def bare_end(turn: pl.Expr) -> pl.Expr:
    """1 where a turn ends in a letter or a digit, without any mark.

    >>> text.measure(bare_end, "what is it", "What? ", "")
    [1, 0, 0]
    """
    return turn.str.strip_chars_end().str.tail(1).str.count_matches(r"[\pL\pN]")


def question_end(turn: pl.Expr) -> pl.Expr:
    """1 where a turn ends in a question mark.

    >>> text.measure(question_end, "Why? ", "Why? Say it.")
    [1, 0]
    """
    return turn.str.strip_chars_end().str.tail(1).str.count_matches("[?？؟]")


def code_lines(turn: pl.Expr) -> pl.Expr:
    r"""Count the lines that end in a brace or a semicolon, fenced or not.

    >>> text.measure(code_lines, "Fix:\nif (x) {\n  y = 1;\n}", "Hello; you\n{all}!")
    [3, 0]
    """
    return turn.str.count_matches(r"(?m)[;{}][^\S\n]*$")


def code_characters(turn: pl.Expr) -> pl.Expr:
    """Count the brackets and signs that are rare outside code.

    >>> text.measure(code_characters, "x[0] = {y}; (see below)")
    [6]
    """
    return turn.str.count_matches(r"[{}\[\];=<>]")


def formula_signs(turn: pl.Expr) -> pl.Expr:
    """Count the operators beside a digit, as in ``2*x``.

    >>> text.measure(formula_signs, "2*x + 1 = 7", "well-known and/or it, -5")
    [3, 0]
    """
    return turn.str.count_matches(r"[0-9] ?[-+*/^=×÷]|[+*/^=×÷] ?[0-9]")


def latex(turn: pl.Expr) -> pl.Expr:
    r"""Count the formulas of LaTeX: between dollars, or opened by a command.

    >>> text.measure(latex, r"Is $x^2$ or \(y\) prime?", "It costs $5.")
    [2, 0]
    """
    return turn.str.count_matches(r"\$[^$\n]+\$|\\\(|\\\[|\\(?:frac|sqrt|sum|int|begin)\b")


def repeated_lines(turn: pl.Expr) -> pl.Expr:
    r"""Count the lines that have stood in the turn before, blank ones left out.

    >>> text.measure(repeated_lines, "again\nagain\nand again\n\n\n", "a\r\n\r\n \nb")
    [1, 0]
    """
    stripped = turn.str.split("\n").list.eval(pl.element().str.strip_chars())
    filled = stripped.list.eval(pl.element().filter(pl.element() != ""))
    return filled.list.len().cast(pl.Int64) - filled.list.n_unique().cast(pl.Int64)


def words(turn: pl.Expr) -> pl.Expr:
    """Count the words of the first `HEAD` characters, parted by spaces.

    >>> text.measure(words, "ha ha ho", "")
    [3, 0]
    """
    return turn.str.head(HEAD).str.count_matches("[^ ]+")


def different_words(turn: pl.Expr) -> pl.Expr:
    """Count the different words of the first `HEAD` characters, parted by spaces.

    >>> text.measure(different_words, "Ha ha  ho", "")
    [2, 0]
    """
    parts = turn.str.head(HEAD).str.to_lowercase().str.split(" ")
    return parts.list.eval(pl.element().filter(pl.element() != "").n_unique()).list.first()


def other_script(turn: pl.Expr) -> pl.Expr:
    """Count the letters that are neither Latin nor of the two scripts counted by themselves.

    >>> text.measure(other_script, "ελ and हिन्दी", "Да 好")
    [8, 0]
    """
    rest = [letter for script, letter in SCRIPTS.items() if script not in ("cyrillic", "cjk")]
    return not_ascii(turn).str.count_matches("|".join(rest)).fill_null(0)


def _of_prompt(doc: str, formula: Formula, per: Formula | None = None) -> Statistic:
    return Statistic(doc, formula, per, sides=("prompt",))


AT_HEAD = f"in the first {HEAD} characters of each turn"

STATISTICS: dict[str, Statistic] = {
    "question_marks": _of_prompt("question marks", literal("?", "？", "؟")),
    "question_end": _of_prompt("turns that end in a question mark", question_end),
    "bare_end": _of_prompt("turns that end without any mark", bare_end),
    "small_start": _of_prompt("turns that begin with a small letter", small_start),
    "exclamations": _of_prompt("exclamation marks", literal("!", "！")),
    "quotations": _of_prompt("quotation marks", literal('"', "“", "”")),
    "links": _of_prompt("links", occurrences("https?://")),
    "fences": _of_prompt("fenced code blocks", occurrences(text.FENCE)),
    "code_lines": _of_prompt("lines that end like code", code_lines),
    "code_characters": _of_prompt("share of signs of code", code_characters, text.characters),
    "options": _of_prompt("lines that open like an option to choose", options),
    "list_items": _of_prompt("list items", occurrences(r"(?m)^[^\S\n]*(?:\d+\.|[-*+•])\s")),
    "digits": _of_prompt("share of digits", occurrences("[0-9]"), text.characters),
    "formula_signs": _of_prompt("operators between digits or letters", formula_signs),
    "latex": _of_prompt("formulas in LaTeX", latex),
    "amounts": _of_prompt("lengths asked for by a number", amounts),
    "words_asked": _of_prompt("log(1 + number of words asked for)", words_asked),
    "capitals": _of_prompt(
        f"share of capital letters, {AT_HEAD}",
        first(HEAD, occurrences(r"\p{Lu}")),
        first(HEAD, text.characters),
    ),
    "beyond_ascii": _of_prompt(
        "share of characters that are not ASCII", beyond_ascii, text.characters
    ),
    "cyrillic": _of_prompt("share of Cyrillic letters", letters("cyrillic"), text.characters),
    "cjk": _of_prompt("share of Han and kana", letters("cjk"), text.characters),
    "other_script": _of_prompt("share of other scripts", other_script, text.characters),
    "english": _of_prompt(f"common English words, {AT_HEAD}", first(HEAD, anywhere(ENGLISH))),
    "other_latin": _of_prompt(
        f"common words of other languages in Latin script, {AT_HEAD}",
        first(HEAD, anywhere(OTHER_LATIN)),
    ),
    "type_token": _of_prompt(f"different words over words, {AT_HEAD}", different_words, words),
    "repeated_lines": _of_prompt("lines that stood before in their turn", repeated_lines),
}


class PromptFeatures(StatisticsFamily):
    """What kind of task a prompt sets, in columns that do not change when A and B change places.

    Parameters
    ----------
    statistics : sequence of str, optional
        Names of the statistics to compute; all of them by default.
    words : mapping of str to sequence of str, optional
        Entries to add to the lists of `features.text.wordlists.PROMPTS`, by the list's name; a new
        name makes a new statistic.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Why is the sky blue? Be brief."], ["It is."], ["Because."])
    >>> family = PromptFeatures(["question_marks", "brief", "wh_questions_start"])
    >>> family.fit_transform(battles).values.tolist()
    [[1.0, 1.0, 1.0]]
    """

    name = "prompt"
    STATISTICS = STATISTICS

    def __init__(
        self,
        statistics: Sequence[str] | None = None,
        words: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(statistics)
        self.words = words

    def _table(self) -> dict[str, Statistic]:
        lists = formulas(extended(PROMPTS, self.words, taken=self.STATISTICS))
        listed = {name: _of_prompt(doc, formula) for name, (doc, formula) in lists.items()}
        return chosen(self, {**self.STATISTICS, **listed}, self.statistics)
