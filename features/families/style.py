r"""Markdown and punctuation: how an answer is dressed, and the Arena's style-control counts.

Chatbot Arena's style control counts tokens, headers, list items and bold spans with fenced code
removed (Li, Angelopoulos and Chiang, 2024); `CONTROL` names these statistics. Its ``^\s*`` is
written ``^[^\S\n]*``, so that no text makes it slow.
"""

from features.table import SHARE, Statistic, StatisticsFamily
from features.text import formulas as text
from features.text.formulas import literal, occurrences, prose

ORDERED = prose(occurrences(r"(?m)^[^\S\n]*\d+\.\s"))
UNORDERED = prose(occurrences(r"(?m)^[^\S\n]*[-*+]\s"))
STARS = prose(occurrences(r"\*\*[^*\n]+\*\*"))
UNDERSCORES = prose(occurrences(r"__[^_\n]+__"))

EMOJI = r"[\x{1F300}-\x{1FAFF}\x{2600}-\x{27BF}\x{2B50}\x{2B55}]"
LATEX = r"\$\$|\\\(|\\\[|\\(?:frac|sqrt|sum|int|begin|cdot|times|left|alpha|beta|theta|pi)\b"

STATISTICS: dict[str, Statistic] = {
    "tokens": Statistic("words and punctuation marks outside code", prose(text.tokens)),
    "headers": Statistic("markdown headers", prose(occurrences(r"(?m)^#{1,6}\s"))),
    "ordered": Statistic("numbered list items", ORDERED),
    "unordered": Statistic("bulleted list items", UNORDERED),
    "lists": Statistic("list items", lambda turn: ORDERED(turn) + UNORDERED(turn)),
    "bold": Statistic("bold spans", lambda turn: STARS(turn) + UNDERSCORES(turn)),
    "bold_items": Statistic(
        "list items that open in bold",
        prose(occurrences(r"(?m)^[^\S\n]*(?:\d+\.|[-*+])[^\S\n]+\*\*")),
    ),
    "fences": Statistic("fenced code blocks", occurrences(text.FENCE)),
    "code_share": Statistic(
        "share of the characters in fenced code",
        lambda turn: text.characters(turn) - text.characters(text.without_fences(turn)),
        per=text.characters,
        sides=SHARE,
    ),
    "inline_code": Statistic("inline code spans", prose(occurrences(r"`[^`\n]+`"))),
    "table_rows": Statistic("table rows", prose(occurrences(r"(?m)^[^\S\n]*\|[^\n]*\|"))),
    "links": Statistic("links", occurrences(r"https?://|\]\(")),
    "latex": Statistic("LaTeX marks", occurrences(LATEX)),
    "emoji": Statistic("emoji", occurrences(EMOJI)),
    "quotes": Statistic("quoted lines", prose(occurrences(r"(?m)^[^\S\n]*>\s"))),
    "quotations": Statistic("quotation marks", literal('"', "“", "”", "«", "»")),
    "commas": Statistic("commas", literal(",", "，", "、")),
    "full_stops": Statistic("full stops", literal(".", "。")),
    "colons": Statistic("colons", literal(":", "：")),
    "semicolons": Statistic("semicolons", literal(";", "；")),
    "question_marks": Statistic("question marks", literal("?", "？")),
    "exclamations": Statistic("exclamation marks", literal("!", "！")),
    "parentheses": Statistic("opening parentheses", literal("(", "（")),
    "dashes": Statistic("dashes", literal("—", "–", " - ")),
    "newlines": Statistic("line breaks", literal("\n")),
    "blank_lines": Statistic("blank lines", literal("\n\n")),
}

# The covariates of style control, in the order in which the Arena publishes them.
CONTROL = {"length": "tokens", "lists": "lists", "headers": "headers", "bold": "bold"}


class StyleFeatures(StatisticsFamily):
    r"""Counts of markdown and punctuation, compared as style control compares them.

    Parameters
    ----------
    statistics : sequence of str, optional
        Names from `STATISTICS`; all of them by default.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["List two"], ["1. **One**\n2. Two"], ["One and two"])
    >>> StyleFeatures(["lists", "bold"]).fit_transform(battles)["style__lists_a"].tolist()
    [2.0]
    """

    name = "style"
    STATISTICS = STATISTICS
