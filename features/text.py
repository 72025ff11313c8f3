"""Pure formulas on text, and the normal form of words that word-based systems count.

A formula is a polars expression of strings in, an expression of numbers out. They count over whole
columns in polars' Rust kernels, which use every core and whose regular expressions take time linear
in the text. `measure` evaluates one of them on plain strings. Everything that counts, counts
Unicode characters, not bytes.

`Normalisation` turns words into what is counted of them, each different word once.
"""

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import polars as pl

Formula = Callable[[pl.Expr], pl.Expr]

# A code fence as Chatbot Arena's style control removes it: no backtick between the fences.
FENCE = r"```[^`]*```"
_SPECIAL = re.compile(r"[^\w\s]")


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


class Normalisation(NamedTuple):
    """How words are brought to one form: lower case, letters alone, no stop words, stems.

    Called with different words it returns one string for each, "" for a word that is left out.
    The defaults need no corpus; ``"nltk"`` and `lemmatize` need NLTK's.

    Attributes
    ----------
    stop_words : {"sklearn", "nltk"} or None
        The English words to leave out: scikit-learn's, NLTK's, or none.
    stem : bool
        Cut words to their stem, by Snowball's rules for English.
    lemmatize : bool
        Look words up in WordNet as nouns, before stemming.

    Examples
    --------
    >>> Normalisation()(["The", "Apologies", "gpt4", "42"])
    ['', 'apolog', 'gpt', '']
    """

    stop_words: Literal["sklearn", "nltk"] | None = "sklearn"
    stem: bool = True
    lemmatize: bool = False

    def __call__(self, tokens: Sequence[str]) -> list[str]:
        """Return the normal form of each token.

        Raises
        ------
        ValueError
            `stop_words` is none of the known lists.
        LookupError
            A corpus of NLTK's is needed and not found.
        """
        if not tokens:
            return []
        stop_words, steps = _stop_words(self.stop_words), self._steps()
        forms = []
        for token in tokens:
            form = "".join(filter(str.isalpha, token.lower()))
            if form in stop_words:
                form = ""
            for step in steps:
                form = step(form)
            forms.append(form)
        return forms

    def signature(self) -> str:
        """Return what the forms depend on: the settings, the corpora, NLTK's version.

        Raises
        ------
        LookupError
            A corpus of NLTK's is needed and not found.
        """
        import nltk

        words = sorted(_stop_words(self.stop_words))
        lemmas = []
        if self.lemmatize:
            from nltk.corpus import wordnet

            _from_corpus("wordnet", "lemmatize = true", wordnet.ensure_loaded)
            lemmas = [wordnet.get_version()]
        content = repr((tuple(self), nltk.__version__, words, lemmas))
        return blake2b(content.encode(), digest_size=16).hexdigest()

    def _steps(self) -> list[Callable[[str], str]]:
        steps: list[Callable[[str], str]] = []
        if self.lemmatize:
            from nltk.stem import WordNetLemmatizer

            lemmatize = WordNetLemmatizer().lemmatize
            _from_corpus("wordnet", "lemmatize = true", lambda: lemmatize("words"))
            steps.append(lemmatize)
        if self.stem:
            from nltk.stem.snowball import SnowballStemmer

            steps.append(SnowballStemmer("english").stem)
        return steps


def _stop_words(name: str | None) -> frozenset[str]:
    if name is None:
        return frozenset()
    if name == "sklearn":
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        return frozenset(ENGLISH_STOP_WORDS)
    if name == "nltk":
        from nltk.corpus import stopwords

        return frozenset(
            _from_corpus("stopwords", 'stop_words = "nltk"', lambda: stopwords.words("english"))
        )
    raise ValueError(f'stop_words must be "sklearn", "nltk" or none. Got {name!r} instead.')


def _from_corpus(name: str, option: str, read: Callable[[], Any]) -> Any:
    """Read a corpus of NLTK's, or say how to get it."""
    try:
        return read()
    except LookupError:
        raise LookupError(
            f"{option} needs NLTK's corpus {name!r}, which is in no folder that NLTK looks in. "
            f"Get it with 'python -m nltk.downloader {name}', or name the folder that holds "
            f"'corpora/{name}' in the environment variable NLTK_DATA."
        ) from None


def normalised_texts(texts: Sequence[str], normalisation: Normalisation) -> list[str]:
    """Return the normal form of each text, its words parted by single spaces.

    What is no letter, digit or underscore parts words, and NLTK's `NLTKWordTokenizer` parts
    contractions that are written as one ("cannot"). Each different word is tokenised and
    normalised once.

    >>> normalised_texts(["The 2 models -- they cannot agree!"], Normalisation())
    ['model agre']
    """
    from nltk.tokenize import NLTKWordTokenizer

    split = [_SPECIAL.sub(" ", text.lower()).split() for text in texts]
    words = list(dict.fromkeys(word for of_text in split for word in of_text))
    tokens = list(map(NLTKWordTokenizer().tokenize, words))
    different = list(dict.fromkeys(token for of_word in tokens for token in of_word))
    forms = dict(zip(different, normalisation(different), strict=True))
    of_words = {
        word: " ".join(filter(None, map(forms.__getitem__, of_word)))
        for word, of_word in zip(words, tokens, strict=True)
    }
    return [" ".join(filter(None, map(of_words.__getitem__, of_text))) for of_text in split]
