"""Text from a sweep is hostile: here it becomes text that a page or a terminal shows as it is."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~$&@!])")
LONGEST_TEXT = 2_000
LONGEST_NAME = 80


def visible(value: Any) -> str:
    """Text without control and direction characters, cut to a length that a page can bear."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"


def short(value: Any) -> str:
    """A name that a table can bear: of a long one its beginning and its end, which tell names apart."""
    text = str(value)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 21]}…{text[-20:]}"


def escape_markdown(value: Any) -> str:
    """Text that Markdown shows as it is: on one line, nothing of it read as markup."""
    if isinstance(value, Markup):
        return str(value)
    return _MARKDOWN.sub(r"\\\1", " ".join(visible(value).split())) if value is not None else ""


def fenced(text: str, language: str = "") -> Markup:
    """Text as a Markdown code block whose fence is longer than any in the text."""
    runs = [len(run) for run in re.findall(r"`+", text)]
    fence = "`" * max(3, max(runs, default=0) + 1)
    return Markup(f"{fence}{language}\n{visible_lines(text)}\n{fence}")


def visible_lines(text: str) -> str:
    """``visible`` line by line."""
    return "\n".join(visible(line) for line in text.split("\n"))
