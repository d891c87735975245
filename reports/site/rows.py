"""A sweep as the tables of the site show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...analysis.types import Estimate
from .. import format as fmt
from ..charts import Whisker, whisker
from .drawings import Spark, spark
from .lines import Line, Rate


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sweep as the tables show it."""

    line: Line
    name: str
    place: str
    """Folder of its page, under ``sweeps``."""
    href: str
    """From the site's folder."""
    date: str
    rate: str
    bar: Whisker | None
    rate_sort: float | None
    best: str
    spark: Spark | None
    project: str
    gate: str
    """The verdict in a word or two; empty where there is none."""


def row(line: Line, place: str) -> Row:
    """The sweep as the tables show it."""
    return Row(
        line=line,
        name=line["name"] or line["id"],
        place=place,
        href=f"sweeps/{place}/index.html",
        date=fmt.day(line["began"]),
        rate=rate_words(line["rate"]),
        bar=bar_of(line["rate"]),
        rate_sort=line["rate"]["low"][0],
        best=fmt.number(line["best"]),
        spark=spark(line["curve"], line["metric"]),
        project="/".join(part for part in (line["entity"], line["project"]) if part) or "no project",
        gate=line["gate"]["words"].partition(";")[0] if line["gate"] else "",
    )


def newest(rows: Mapping[str, Row]) -> list[Row]:
    """The newest sweep first; those without a date last."""
    return sorted(rows.values(), key=lambda row: (-(row.line["began"] or 0.0), row.href))


def rate_words(rate: Rate) -> str:
    """``12 % (5 % to 24 %)``; a range where outcomes are unknown."""
    if not rate["eligible"]:
        return fmt.NONE
    low, high = fmt.percent(rate["low"][0]), fmt.percent(rate["high"][0])
    inside = fmt.interval(span_of(rate), fmt.percent)
    value = low if low == high else f"{low} to {high}"
    return f"{value} ({inside})" if inside else value


def span_of(rate: Rate) -> Estimate:
    """The interval over what stays unknown, with the value where nothing does."""
    value = rate["low"][0] if rate["low"][0] == rate["high"][0] else None
    return Estimate(value=value, low=rate["low"][1], high=rate["high"][2], unit="share")


def bar_of(rate: Rate) -> Whisker | None:
    """The same, drawn."""
    return whisker(span_of(rate)) if rate["eligible"] else None
