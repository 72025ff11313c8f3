"""How an answer speaks: refusals, hedges, persons, vocabulary, language, and how it ends."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import Field

from features.family import BattleFamily
from features.layout import TEXTS, Formula, Turns, turns_of
from features.sides import Array
from features.table import SHARE, Row, Statistic, chosen, documentation, evaluate, side_columns
from features.tally import head, through
from features.text import formulas as text
from features.text.formulas import occurrences
from features.text.language import beside_prompt, beyond_ascii
from features.text.phrases import extended, formulas
from features.text.wordlists import ANSWERS

ANSWER_COLUMNS = [TEXTS["a"], TEXTS["b"]]


def first(characters: int, formula: Formula) -> Formula:
    """Return a formula that sees the first characters of a turn alone.

    >>> text.measure(first(3, text.characters), "abcdef", "ab")
    [3, 2]
    """
    return through(head(characters), formula)


def first_words(window: int) -> Formula:
    r"""Return the formula of the words in the first `window` characters, in lower case.

    They are what spaces and line breaks part, punctuation left on: three times as fast as finding
    runs of letters. A text without words gives one empty word.

    >>> text.measure(first_words(15), "The cat,\n\nthe  dog", " ")
    [['the', 'cat,', 'the'], ['']]
    """

    def words(turn: pl.Expr) -> pl.Expr:
        lower = turn.str.head(window).str.to_lowercase()
        one_line = lower.str.replace_all("\n", " ", literal=True).str.replace_all(r"\s\s+", " ")
        return one_line.str.strip_chars().str.split(" ")

    return words


def word_tokens(words: pl.Expr) -> pl.Expr:
    """Count the words of a list that `first_words` made.

    >>> word_lists = pl.DataFrame({"words": [["the", "cat", "the"], [""]]})
    >>> word_lists.select(word_tokens(pl.col("words"))).to_series().to_list()
    [3, 0]
    """
    return words.list.len().cast(pl.Int64) - _wordless(words)


def word_types(words: pl.Expr) -> pl.Expr:
    """Count the different words of a list that `first_words` made.

    >>> word_lists = pl.DataFrame({"words": [["the", "cat", "the"], [""]]})
    >>> word_lists.select(word_types(pl.col("words"))).to_series().to_list()
    [2, 0]
    """
    return words.list.n_unique().cast(pl.Int64) - _wordless(words)


def _wordless(words: pl.Expr) -> pl.Expr:
    return (words.list.first() == "").cast(pl.Int64)


def word_characters(words: pl.Expr) -> pl.Expr:
    """Count the characters of the words of a list.

    >>> word_lists = pl.DataFrame({"words": [["the", "naïve", "cat"], [""]]})
    >>> word_lists.select(word_characters(pl.col("words"))).to_series().to_list()
    [11, 0]
    """
    return words.list.join("").str.len_chars()


# A turn is finished by a mark, a quotation or bracket closed, markup closed, a row of a table, or
# an emoji. A colon and a comma announce more.
FINAL = r"""\.!?…。！？।؟;)）\]}>"'”’»」`|*_~\x{2600}-\x{27BF}\x{1F000}-\x{1FAFF}\x{FE0F}"""
LAST_LINE = 400  # characters: a line that is longer is no item that may go without a full stop


def unfinished(turn: pl.Expr) -> pl.Expr:
    """1 where the last character is a letter, a digit, a comma or a colon, not a closing mark.

    >>> text.measure(unfinished, "It is", "It is. ", 'He said "no"', "It is,", "Done 🎉", "")
    [1, 0, 0, 1, 0, 0]
    """
    return turn.str.strip_chars_end().str.tail(1).str.count_matches(f"[^{FINAL}]")


def unfinished_item(turn: pl.Expr) -> pl.Expr:
    r"""1 where a turn is unfinished, but in a list item, which needs no full stop.

    >>> text.measure(unfinished_item, "Buy:\n- milk", "1. milk", "- milk\nand so on", "- milk.")
    [1, 1, 0, 0]
    """
    item = rf"(?:^|\n)[^\S\n]*(?:[-*+•]|\d+[.)])[^\S\n][^\n]*[^{FINAL}\n]$"
    return turn.str.strip_chars_end().str.tail(LAST_LINE).str.count_matches(item)


def ends_asking(turn: pl.Expr) -> pl.Expr:
    """1 where the last mark of a turn is a question mark.

    >>> text.measure(ends_asking, 'Shall I "go on"? 😀', "Why? So.", "**Which one?**", "")
    [1, 0, 1, 0]
    """
    return turn.str.tail(20).str.count_matches(r"[?？؟][^\pL\pN.!…。！:;?？؟]*$")


def open_fence(turn: pl.Expr) -> pl.Expr:
    """1 where a code fence is opened and not closed.

    >>> text.measure(open_fence, "```py x", "```py x``` done", "")
    [1, 0, 0]
    """
    return turn.str.count_matches("```", literal=True) % 2


BESIDE_PROMPT: dict[str, Row] = {  # what `beside_prompt` computes
    "same_script": Row("share of the characters that are in the prompt's script"),
    "english": Row("common English words against those of other languages in Latin script"),
    "same_language": Row("the same times the prompt's: below 0 where the languages differ"),
}

ENDINGS: dict[str, Statistic] = {
    "unfinished": Statistic("last turn ends without a closing mark", unfinished, sides=SHARE),
    "unfinished_item": Statistic("the same in a list item", unfinished_item, sides=SHARE),
    "open_fence": Statistic("last turn leaves a code fence open", open_fence, sides=SHARE),
    "ends_asking": Statistic("last turn ends in a question", ends_asking, sides=SHARE),
}

CHARACTERS: dict[str, Statistic] = {
    "digits": Statistic("share of digits", occurrences("[0-9]"), text.characters, SHARE),
    "beyond_ascii": Statistic(
        "share of characters that are not ASCII", beyond_ascii, text.characters, SHARE
    ),
}

VOCABULARY: dict[str, Statistic] = {
    "type_token": Statistic(
        "different words over words in the window", word_types, word_tokens, SHARE
    ),
    "word_length": Statistic("mean word length in the window", word_characters, word_tokens, SHARE),
}

# Names that no list may take.
FIXED = CHARACTERS.keys() | VOCABULARY.keys() | ENDINGS.keys() | BESIDE_PROMPT.keys()


def all_turns(battles: pl.DataFrame) -> Turns:
    """Lay out all turns of both answers."""
    return turns_of(battles, ANSWER_COLUMNS)


def last_turns(battles: pl.DataFrame) -> Turns:
    """Lay out the last turn of both answers.

    >>> battles = pl.DataFrame({"response_a": [["1", "2"]], "response_b": [["3"]]})
    >>> last_turns(battles).text["text"].to_list()
    ['2', '3']
    """
    return turns_of(battles.with_columns(pl.col(ANSWER_COLUMNS).list.tail(1)), ANSWER_COLUMNS)


class WordingFeatures(BattleFamily):
    """Words and phrases of the answers, their vocabulary, their language and their endings.

    Parameters
    ----------
    statistics : sequence of str, optional
        Names of the statistics to compute; all of them by default.
    words : mapping of str to sequence of str, optional
        Entries to add to the lists of `features.text.wordlists.ANSWERS`, by the list's name; a new
        name makes a new statistic.
    window : int, default=400
        Characters at the head of each turn in which vocabulary and capital letters are measured:
        the same for both answers, since a longer text always repeats more of its words.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Who won?"], ["I'm sorry, I can't say."], ["Brazil, I think."])
    >>> wording = WordingFeatures(["apologies", "boasts"], words={"boasts": ["brazil"]})
    >>> wording.fit_transform(battles).filter(like="ratio").to_dict("list")
    {'wording__apologies_ratio': [0.5], 'wording__boasts_ratio': [-0.5]}
    """

    name = "wording"

    def __init__(
        self,
        statistics: Sequence[str] | None = None,
        words: Mapping[str, Sequence[str]] | None = None,
        window: Annotated[int, Field(ge=1)] = 400,
    ) -> None:
        self.statistics = statistics
        self.words = words
        self.window = window

    def _counted(self) -> dict[str, Statistic]:
        """Return the statistics of whole turns, which depend on the parameters."""
        lists = formulas(extended(ANSWERS, self.words, taken=FIXED | {"capitals"}))
        capitals = Statistic(
            f"share of capital letters in the first {self.window} characters of each turn",
            first(self.window, occurrences(r"\p{Lu}")),
            first(self.window, text.characters),
            SHARE,
        )
        listed = {name: Statistic(doc, formula) for name, (doc, formula) in lists.items()}
        return {**listed, **CHARACTERS, "capitals": capitals}

    def _table(self) -> dict[str, Statistic | Row]:
        rows = {**self._counted(), **VOCABULARY, **ENDINGS}
        table: dict[str, Statistic | Row] = {**rows, **BESIDE_PROMPT}
        return chosen(self, table, self.statistics)

    def _opening_words(self, battles: pl.DataFrame) -> Turns:
        turns = all_turns(battles)
        words = turns.text.lazy().select(first_words(self.window)(pl.col("text")))  # on all cores
        return turns._replace(text=words.collect())

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        table = self._table()
        values: dict[str, Array] = {}
        for rows, lay_out in (
            (self._counted(), all_turns),
            (VOCABULARY, self._opening_words),
            (ENDINGS, last_turns),
        ):
            wanted = {name: row for name, row in rows.items() if name in table}
            if wanted:
                values |= evaluate(lay_out(battles), wanted)
        if BESIDE_PROMPT.keys() & table.keys():
            values |= beside_prompt(battles)
        columns: dict[str, Array] = {}
        for name, row in table.items():
            columns |= side_columns(name, dict(zip("ab", values[name], strict=True)), row.sides)
        return columns

    def _documentation(self) -> dict[str, str]:
        return documentation(self._table())
