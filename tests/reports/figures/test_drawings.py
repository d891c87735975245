"""All figures together: order, size, the same bytes every time, sweeps at the edge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aftersweep.analysis.pooling import pool
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.types import Run
from aftersweep.reports.figures import drawings
from aftersweep.reports.figures.base import Drawing, plain
from aftersweep.reports.figures.shared import LONGEST_SHOWN, brief

from ...analysis.test_degenerate import CASES
from ...factories import HYPERBAND, make_sweep
from .checks import HOSTILE, check, of, size, sweep_of

OURS = ["outcome-flow", "learning-curves", "incidence", "risk-forest", "best-after"]
MOST_50, MOST_2000 = 150_000, 500_000


def ours(result: PostMortem) -> dict[str, Drawing]:
    return {name: drawing for name, drawing in drawings(result).items() if name in OURS}


def test_they_come_by_id_in_the_order_of_the_page(risky: PostMortem) -> None:
    """Each under its own id."""
    made = drawings(risky)
    assert all(drawing.id == name for name, drawing in made.items())
    assert list(ours(risky)) == OURS


def test_they_stay_small(sample: PostMortem, large: PostMortem) -> None:
    """Figures and tables: 150 kB for 50 runs, 500 kB for 2,000."""
    assert sum(size(drawing) for drawing in ours(sample).values()) < MOST_50
    assert sum(size(drawing) for drawing in ours(large).values()) < MOST_2000


def test_the_same_sweep_gives_the_same_bytes() -> None:
    """Two analyses of the same runs."""
    first, second = (
        json.dumps([[d.title, d.data, d.layout, d.rows, d.notes] for d in drawings(of(sweep_of(60))).values()])
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize(("rule", "goal"), [(None, "maximize"), (HYPERBAND, "minimize")], ids=["no rule", "Hyperband"])
def test_a_sweep_at_the_edge_has_valid_figures_or_none(name: str, rule: Any, goal: str) -> None:
    """No run, one, all running, nothing finite, huge values: what is drawn keeps the contract."""
    made: Callable[[], list[Run]] = CASES[name]
    result = of(make_sweep(made(), early_terminate=rule, goal=goal))
    for drawing in drawings(result).values():
        check(drawing, result)


def test_hostile_names_are_text_everywhere(hostile: PostMortem) -> None:
    """All figures of a sweep whose every name tries something."""
    made = drawings(hostile)
    assert set(OURS) <= set(made)
    for drawing in made.values():
        check(drawing, hostile)
        assert len(re.sub("&[a-z]+;", "&", drawing.title)) <= LONGEST_SHOWN + 20


@pytest.mark.parametrize("text", HOSTILE)
def test_a_label_is_neither_markup_nor_a_colour(text: str) -> None:
    """Escaped, short, and never read as a role."""
    shown = plain(text)
    assert not re.search("[<>]", shown)
    assert not shown.startswith("role:")
    assert len(shown) < 100


def test_numbers_are_brief() -> None:
    """Four digits, whole numbers whole, NaN and infinities nothing."""
    assert brief([1.0, 0.123456, float("nan"), float("inf"), None, 12345.6, True]) == [
        *(1, 0.1235, None, None, None, 12350, True)
    ]
    assert isinstance(brief(2.0), int)


def test_several_sweeps_have_figures_too() -> None:
    """A pooled post-mortem has no outlook, and the rest keeps the contract."""
    result = of(pool([replace(sweep_of(n), id=f"swp000{n}") for n in (30, 31)]))
    made = ours(result)
    assert "best-after" not in made and "learning-curves" in made
    assert len(made["learning-curves"].rows) == 61
    for drawing in made.values():
        check(drawing, result)
