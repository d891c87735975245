"""Figures of the page: each drawn from results only, as what plotly.js takes, with its words and its table."""

from __future__ import annotations

from ...analysis.results.postmortem import PostMortem
from . import architectures, curves, importance, incidence, memory, outcomes, outlook, parallel, response, risk, space
from .base import Drawing

_IN_ORDER = (outcomes, curves, architectures, parallel, response, memory, incidence, risk, importance, outlook, space)
"""As on the page."""


def drawings(result: PostMortem) -> dict[str, Drawing]:
    """The figures of a sweep by id, in the page's order; those without anything to show are left out."""
    drawn = [module.draw(result) for module in _IN_ORDER]
    return {drawing.id: drawing for drawing in drawn if drawing is not None}
