r"""Markdown and punctuation: how an answer is dressed, and the Arena's style-control counts.

Chatbot Arena's style control counts tokens, headers, list items and bold spans with fenced code
removed (Li, Angelopoulos and Chiang, 2024); `CONTROL` names these statistics. Its ``^\s*`` is
written ``^[^\S\n]*``, so that no text makes it slow.
"""

from features.table import SHARE, Statistic, StatisticsFamily
from features.tally import Total
from features.text import formulas as text
from features.text.formulas import literal, occurrences, prose

ORDERED, UNORDERED = prose(text.ordered), prose(text.unordered)
STARS = prose(occurrences(r"\*\*[^*\n]+\*\*"))
UNDERSCORES = prose(occurrences(r"__[^_\n]+__"))

EMOJI = tuple(map(chr, (*range(0x1F300, 0x1FB00), *range(0x2600, 0x27C0), 0x2B50, 0x2B55)))
LATEX = r"\$\$|\\\(|\\\[|\\(?:frac|sqrt|sum|int|begin|cdot|times|left|alpha|beta|theta|pi)\b"

STATISTICS: dict[str, Statistic] = {
    "tokens": Statistic("words and punctuation marks outside code", prose(text.tokens)),
    "headers": Statistic("markdown headers", prose(text.headers)),
    "ordered": Statistic("numbered list items", ORDERED),
    "unordered": Statistic("bulleted list items", UNORDERED),
    "lists": Statistic("list items", Total((ORDERED, UNORDERED))),
    "bold": Statistic("bold spans", Total((STARS, UNDERSCORES))),
    "bold_items": Statistic("list items that open in bold", prose(text.bold_items)),
    "fences": Statistic("fenced code blocks", occurrences(text.FENCE)),
    "code_share": Statistic(
        "share of the characters in fenced code",
        lambda turn: text.characters(turn) - text.characters(text.without_fences(turn)),
        per=text.characters,
        sides=SHARE,
    ),
    "inline_code": Statistic("inline code spans", prose(occurrences(r"`[^`\n]+`"))),
    "table_rows": Statistic("table rows", prose(text.table_rows)),
    "links": Statistic("links", occurrences(r"https?://|\]\(")),
    "latex": Statistic("LaTeX marks", occurrences(LATEX)),
    "emoji": Statistic("emoji", literal(*EMOJI)),
    "quotes": Statistic("quoted lines", prose(text.quotes)),
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
