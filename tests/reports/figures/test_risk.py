"""The forest plot of the risks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.results.risk import RiskFactor
from aftersweep.analysis.types import Estimate
from aftersweep.reports.figures.risk import MOST_ROWS, draw

from ...factories import make_run, make_sweep
from .checks import check, of


def settings_of(result: PostMortem) -> list[RiskFactor]:
    return [factor for one in result.parameter_risks for factor in one.contrasts if factor.effect.low is not None]


@pytest.mark.parametrize("name", ["risky", "large"])
def test_the_table_holds_the_results_numbers(name: str, request: pytest.FixtureRequest) -> None:
    """Every tested setting: ratio, interval and its level, p, q, and the counts inside and outside."""
    result: PostMortem = request.getfixturevalue(name)
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    factors = settings_of(result)
    assert len(drawing.rows) == len(factors)
    for row, factor in zip(drawing.rows, factors, strict=True):
        effect = factor.effect
        assert row[1] == factor.text
        numbers = (effect.value, effect.low, effect.high, 100 * effect.level, factor.p, factor.q)
        for shown, wanted in zip(row[3:9], numbers, strict=True):
            assert shown is wanted if wanted is None else shown == pytest.approx(wanted, rel=5e-4)
        assert row[9:13] == pytest.approx((factor.k_in, factor.n_in, factor.k_out, factor.n_out), rel=5e-4)


def test_what_is_called_has_its_own_mark(risky: PostMortem) -> None:
    """The leading contrast of each called parameter, and nothing else, is a diamond; an infinite one at the edge."""
    drawing = draw(risky)
    assert drawing is not None
    called = [one.leading.text for one in risky.parameter_risks if one.called and one.leading]
    assert len(called) == 2
    (risks,) = [trace for trace in drawing.data if trace.get("name") == "carries risk"]
    assert risks["marker"]["symbol"] == ["diamond-open", "diamond"]  # the first is infinite
    assert risks["text"] == called
    assert [row[1] for row in drawing.rows if row[-1] == "carries risk"] == called
    names = drawing.layout["yaxis"]["ticktext"]
    assert [names[place] for place in risks["y"]] == [text.removeprefix("model = ") for text in called]


def test_every_mark_lies_inside_the_axis(risky: PostMortem, hostile: PostMortem) -> None:
    """Plotly draws no mark outside; where an interval goes on there is an arrow; the lines join its ends."""
    for result in (risky, hostile):
        drawing = draw(result)
        assert drawing is not None
        low, high = (10**end for end in drawing.layout["xaxis"]["range"])
        for trace in drawing.data:
            assert all(low < x < high for x in trace["x"] if x is not None)
        arrows = [trace for trace in drawing.data if trace["mode"] == "markers" and "name" not in trace]
        went_on = [f for f in settings_of(result) if f.effect.high is None or f.effect.high > 101]
        (lines,) = [trace for trace in drawing.data if trace["mode"] == "lines"]
        starts, stops = lines["x"][::3], lines["x"][1::3]
        assert all(start <= stop for start, stop in zip(starts, stops, strict=True))
        open_ended = [f.effect.low for f in settings_of(result) if f.effect.high is None and (f.effect.low or 0) < 20]
        assert all(any(x == pytest.approx(end, rel=5e-4) for x in starts) for end in open_ended)
        right = [symbol for trace in arrows for symbol in trace["marker"]["symbol"] if symbol == "triangle-right"]
        assert len(right) == len(went_on) > 0


def test_a_setting_that_crashes_less_often_is_no_diamond(hostile: PostMortem) -> None:
    """Here a higher learning rate does: a square, and the words say so."""
    drawing = draw(hostile)
    assert drawing is not None
    check(drawing, hostile)
    assert [trace["name"] for trace in drawing.data if trace.get("name", "settings tested") != "settings tested"] == [
        "crashes less often"
    ]
    assert "higher lr crashes less often (hazard ratio 0 (0 to 1.7)" in drawing.description


def test_names_of_settings_are_text(hostile: PostMortem) -> None:
    """Markup, templates and roles in names of parameters and levels."""
    drawing = draw(hostile)
    assert drawing is not None
    names = drawing.layout["yaxis"]["ticktext"]
    assert any(name.startswith("&lt;script&gt;") for name in names)
    assert any(name.startswith("role&#58;nothing") for name in names)


def test_of_many_settings_those_that_say_most_are_drawn(risky: PostMortem) -> None:
    """At most 40 rows: what is called, one of each parameter, then by p; in their order, and a note."""
    lr = next(one for one in risky.parameter_risks if one.parameter == "lr")
    made = [replace(lr, called=False, parameter=f"p{i:02d}") for i in range(30)]
    result = replace(risky, parameter_risks=(*made, lr))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    assert len(drawing.rows) == MOST_ROWS
    assert {row[0] for row in drawing.rows} == {*(one.parameter for one in made), "lr"}
    assert drawing.rows[-1][-1] == "carries risk" or [row[-1] for row in drawing.rows].count("carries risk") == 1
    assert any(f"40 of {31 * len(lr.contrasts)} settings tested" in note for note in drawing.notes)


def test_infinite_and_zero_ratios_reach_no_json(risky: PostMortem) -> None:
    """Ends of infinity, zero and nothing at all are drawn inside the axis or left out."""
    lr = risky.parameter_risks[1]
    effects = [
        Estimate(value=None, low=0.2, high=3.0, unit="odds ratio"),
        Estimate(value=0.0, low=0.0, high=math.inf, unit="odds ratio"),
        Estimate(value=math.inf, low=1e-9, high=math.inf, unit="odds ratio"),
        Estimate(value=None, unit="odds ratio"),
    ]
    contrasts = tuple(replace(one, effect=effect) for one, effect in zip(lr.contrasts, effects, strict=False))
    result = replace(risky, parameter_risks=(replace(lr, contrasts=contrasts),))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    assert len(drawing.rows) == 3
    assert [row[3] for row in drawing.rows] == [None, 0, None]


def test_where_nothing_was_tested_there_is_no_figure(sample: PostMortem) -> None:
    """Two crashes are too few; nor without runs or parameters."""
    assert draw(sample) is None
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep([make_run("a", [0.1])]))) is None
