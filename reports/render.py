"""The post-mortem as one HTML file or as Markdown. All text from a sweep is hostile and is escaped here, once."""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ..analysis.errors import InvariantError
from ..analysis.results.postmortem import PostMortem
from ..analysis.values import show
from . import format as fmt
from .assets import page_head
from .figures import drawings
from .figures.base import Drawing
from .hostile import escape_markdown, fenced, short, visible
from .view import page


def to_html(
    result: PostMortem,
    version: str,
    made_at: float,
    assets: str | None = None,
    home: str | None = None,
    renew: int = 0,
) -> str:
    """The report as one HTML file that needs no network; without scripts, text and tables are still all there.

    ``assets`` None: style and scripts are in the file. Otherwise the relative folder with its slash, such as
    ``"../assets/"``, in which ``assets.write_assets`` put them. ``home``: the relative address of the page of all
    sweeps, to which this one then links. ``renew``: seconds after which an open page loads itself again, as long as
    it is renewed (``watch``); 0 is never.
    """
    values = page(result, version, made_at)
    values["home"], values["renew"] = home, renew
    values["drawings"] = drawings(result)
    values["assets"] = page_head(assets, figures=bool(values["drawings"]))
    return environment(markdown=False).get_template("report.html.j2").render(**values)


def to_markdown(result: PostMortem, version: str, made_at: float) -> str:
    """The report as Markdown with the headings of the HTML page."""
    text = environment(markdown=True).get_template("report.md.j2").render(**page(result, version, made_at))
    return re.sub(r"\n{3,}", "\n\n", text)


@cache
def environment(*, markdown: bool) -> Environment:
    """The templates, with all that comes from outside escaped for HTML or for Markdown, and our filters.

    Kept: to compile them takes longer than to fill them, which many pages of one process would each pay.
    """
    made = Environment(
        loader=PackageLoader("aftersweep.reports", "templates"),
        autoescape=not markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escape_markdown if markdown else _finalize_html,
    )
    made.filters.update(
        number=fmt.number,
        percent=fmt.percent,
        moment=fmt.moment,
        duration=fmt.duration,
        show=show,
        fenced=fenced,
        short=short,
        breakable=_breakable,
        spec=_spec,
        unplain=unescape,
    )
    return made


def _spec(drawing: Drawing) -> Markup:
    """What plotly.js takes, as JSON that can stand in an inert script element: nothing in it can end the element."""
    parts = {"data": drawing.data, "layout": drawing.layout}
    try:
        text = json.dumps(parts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InvariantError(f"figure {drawing.id}: {error}; pass its numbers through figures.base.rounded") from error
    return Markup(text.translate({ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&"}))


def _breakable(name: Any) -> Markup:
    """A name that a line may break after its underscores, dots and slashes: headings of narrow columns."""
    return Markup(re.sub(r"(?<=[_./])(?=\w)", "<wbr>", str(escape(visible(short(name))))))


def _finalize_html(value: Any) -> Any:
    if isinstance(value, (Markup, int, float)) or value is None:
        return value
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", visible(value))
