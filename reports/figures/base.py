"""What a figure of the page is. No statistics, no markup, no colours of the theme: the page's script adds those."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..hostile import visible

PLACES = 4
"""Significant digits of the numbers that are drawn; the table view has the same ones."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure. All of it is text from us or cleaned with ``plain``; the page escapes it once more as markup."""

    id: str
    """Fixed, ``[a-z][a-z0-9-]*``: the same input gives the same page."""
    title: str
    """What it shows, as a sentence: of a finding where there is one."""
    findings: tuple[str, ...]
    """Ids of the findings that the title says."""
    description: str
    """The figure in words, for those who do not see it."""
    data: Sequence[Mapping[str, Any]]
    """Plotly traces. A colour is ``role:NAME`` or ``role:NAME@0.3``, a custom property ``--NAME`` of style.css, which
    the page's script turns into the theme's; a colour scale is ``role:sequential`` or ``role:diverging``."""
    layout: Mapping[str, Any]
    """Plotly layout without template, title and colours."""
    columns: tuple[str, ...]
    """Headings of the table view."""
    rows: Sequence[Sequence[str | float | int | None]]
    """The table view; also what the CSV download holds."""
    notes: tuple[str, ...] = ()
    """What was left out or reduced (``150 of 2,000 runs are drawn``)."""
    heavy: bool = False
    """True where it is drawn only when somebody asks for it."""


def plain(text: Any, most: int = 40) -> str:
    """Text of a sweep for plotly, which reads ``<b>``, ``<a>`` and entities in any label: shortened and escaped.

    A name that looks like a colour role (``role:ink``) is not taken for one.
    """
    seen = visible(text).replace("\n", " ")
    cut = seen if len(seen) <= most else f"{seen[: most - 13]}…{seen[-12:]}"
    return re.sub("^role:", "role&#58;", html.escape(cut, quote=False))


def rounded(value: Any) -> Any:
    """Numbers to PLACES significant digits, in sequences too; NaN and infinities to None, as JSON has none."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, int):
        return value
    if isinstance(value, (float, np.floating, np.integer)):
        number = float(value)
        return float(f"{number:.{PLACES}g}") if number - number == 0.0 else None
    return [rounded(one) for one in value]
