"""What Python and NumPy show of lists, objects and strings, read without being evaluated."""

from __future__ import annotations

import ast
import re
from typing import Any

_DEEPEST = 50  # brackets within brackets: what people bring has a handful
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>[\[({])
      | (?P<close>[\])}])
      | (?P<mark>[,:])
      | (?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")
      | (?P<word>[A-Za-z_][\w.]*=?)
      | (?P<number>[-+]?\d[\w.+-]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"None": None, "null": None, "nan": None, "True": True, "False": False,
          "true": True, "false": False}  # fmt: skip
# Calls whose first value is meant: of NumPy, by either name or by none.
_CALLS = {f"{of}{name}" for of in ("", "np.", "numpy.") for name in ("array", "str_")}
_CLOSES = {"[": "]", "(": ")", "{": "}"}


def parse_literal(text: str) -> Any:
    r"""Read lists, tuples (as lists), objects, strings, numbers, None, True and False.

    NumPy's ``array([…], dtype=object)`` is its list, whose values need no commas, and its
    ``np.str_('…')`` is the string.

    Raises
    ------
    ValueError
        The text is something else; the message says where.

    Examples
    --------
    >>> parse_literal("[{'role': 'user', 'content': array(['a\\n', \"b\"], dtype=object)}\n {}]")
    [{'role': 'user', 'content': ['a\n', 'b']}, {}]
    >>> parse_literal("__import__('os')")
    Traceback (most recent call last):
    ValueError: '__import__' is no value
    """
    stack: list[_Open] = [_Open("")]
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"at character {place + 1}: {text[place : place + 20]!r}")
        place = match.end()
        _take(stack, str(match.lastgroup), match[match.lastgroup or 0])
    if len(stack) > 1:
        raise ValueError("the text ends within brackets")
    values = stack[0].values
    if len(values) != 1:
        raise ValueError(f"expected one value, found {len(values)}")
    return values[0]


class _Open:
    """Brackets that are open: what stands in them so far."""

    def __init__(self, bracket: str) -> None:
        self.bracket = bracket
        self.is_call = False  # of array(…) or np.str_(…): its first value is meant
        self.values: list[Any] = []
        self.word = ""

    def closed(self) -> Any:
        if self.is_call:
            if not self.values:
                raise ValueError("a call without values")
            return self.values[0]
        if self.bracket != "{":
            return self.values
        if len(self.values) % 2:
            raise ValueError("a key without a value")
        if not all(isinstance(key, str) for key in self.values[::2]):
            raise ValueError("a key that is no string")
        return dict(zip(self.values[::2], self.values[1::2], strict=True))


def _take(stack: list[_Open], kind: str, token: str) -> None:
    top = stack[-1]
    if top.word and token != "(":  # noqa: S105
        raise ValueError(f"{top.word!r} is no value")
    if kind == "open":
        if len(stack) > _DEEPEST:
            raise ValueError("nested too deeply")
        inner = _Open(token)
        inner.is_call, top.word = bool(top.word), ""
        stack.append(inner)
    elif kind == "close":
        if len(stack) == 1 or token != _CLOSES[top.bracket]:
            raise ValueError(f"{token!r} closes nothing")
        stack.pop()
        stack[-1].values.append(top.closed())
    elif kind == "string":
        top.values.append(_string(token))
    elif kind == "number":
        top.values.append(_number(token))
    elif kind == "word":
        _take_word(top, token)


def _take_word(top: _Open, token: str) -> None:
    if token in _WORDS:
        top.values.append(_WORDS[token])
    elif token in _CALLS:
        top.word = token
    elif not top.is_call:  # within a call: dtype=object
        raise ValueError(f"{token!r} is no value")


def _string(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        # A single string constant between its own quotes; a line break in it is text.
        return str(ast.literal_eval(token.replace("\n", "\\n").replace("\r", "\\r")))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"a string that cannot be read: {error}") from error


def _number(token: str) -> float:
    try:
        return int(token)
    except ValueError:
        return float(token)
