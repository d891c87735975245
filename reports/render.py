"""The post-mortem as one HTML file or as Markdown. All text from a sweep is hostile and is escaped here, once."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..analysis.results import PostMortem
from ..analysis.values import show
from . import format as fmt
from .view import page

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~$&@!])")
LONGEST_TEXT = 2_000


def to_html(result: PostMortem, version: str, made_at: float) -> str:
    """The report as one HTML file that needs no network, no script and no other file."""
    return _render("report.html.j2", page(result, version, made_at), markdown=False)


def to_markdown(result: PostMortem, version: str, made_at: float) -> str:
    """The report as Markdown with the headings of the HTML page."""
    text = _render("report.md.j2", page(result, version, made_at), markdown=True)
    return re.sub(r"\n{3,}", "\n\n", text)


def visible(value: Any) -> str:
    """Text without control and direction characters, cut to a length that a page can bear."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"


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


def _render(name: str, values: dict[str, Any], *, markdown: bool) -> str:
    environment = Environment(
        loader=PackageLoader("aftersweep.reports", "templates"),
        autoescape=not markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escape_markdown if markdown else _finalize_html,
    )
    environment.filters.update(
        number=fmt.number, percent=fmt.percent, moment=fmt.moment, duration=fmt.duration, show=show, fenced=fenced
    )
    return environment.get_template(name).render(**values)


def _finalize_html(value: Any) -> Any:
    if isinstance(value, (Markup, int, float)) or value is None:
        return value
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", visible(value))
