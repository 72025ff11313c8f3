"""The normal form of words, as word-based systems count them, each different word once."""

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

_SPECIAL = re.compile(r"[^\w\s]")
# NLTK's tokenizer parts no other ASCII word without special characters, and is slow to say so.
_PARTED = frozenset({"cannot", "gimme", "gonna", "gotta", "lemme", "wanna"})


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
    tokenize = NLTKWordTokenizer().tokenize
    tokens = [
        [word] if word.isascii() and word not in _PARTED else tokenize(word) for word in words
    ]
    different = list(dict.fromkeys(token for of_word in tokens for token in of_word))
    forms = dict(zip(different, normalisation(different), strict=True))
    of_words = {
        word: " ".join(filter(None, map(forms.__getitem__, of_word)))
        for word, of_word in zip(words, tokens, strict=True)
    }
    return [" ".join(filter(None, map(of_words.__getitem__, of_text))) for of_text in split]
