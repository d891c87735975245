"""The figure of the best value after further runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aftersweep.analysis.outlook import beating_chance, outlook
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.figures.outlook import draw

from ...factories import make_run, make_sweep
from .checks import check, of


@pytest.mark.parametrize("name", ["sample", "risky", "large", "hostile"])
def test_the_last_point_is_the_result(name: str, request: pytest.FixtureRequest) -> None:
    """At no further run the best so far, at ``more`` the gain of the result; nothing in between beyond them."""
    result: PostMortem = request.getfixturevalue(name)
    drawing, ahead = draw(result), result.outlook
    assert drawing is not None and ahead is not None and ahead.gain is not None
    check(drawing, result)
    first, last = drawing.rows[0], drawing.rows[-1]
    assert first[:3] == pytest.approx((0, ahead.best, ahead.best), rel=5e-4)
    value, high = ahead.gain.value or 0.0, ahead.gain.high or 0.0
    sign = result.metric.sign
    assert last[:3] == pytest.approx((ahead.more, ahead.best + sign * value, ahead.best + sign * high), rel=5e-4)
    assert last[3:5] == pytest.approx((value, high), rel=5e-4)
    assert last[5] == pytest.approx(100 * (ahead.chance.value or 0.0) if ahead.chance else None, rel=5e-4)
    for column in (0, 3, 4, 5):
        numbers = [float(row[column] or 0) for row in drawing.rows]
        assert numbers == sorted(numbers)


def test_the_points_between_are_the_analysis_at_fewer_runs(
    sample: PostMortem, risky: PostMortem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``analysis.outlook`` gives them when it is asked about so many runs, the metric's bound included."""
    for result in (sample, risky):
        drawing = draw(result)
        assert drawing is not None
        for row in drawing.rows[1:-1]:
            k = int(row[0] or 0)
            monkeypatch.setattr("aftersweep.analysis.outlook.MORE", k)
            ahead = outlook(result.sweep, result.outcomes)
            assert ahead is not None and ahead.gain is not None
            assert row[3:5] == pytest.approx((ahead.gain.value, ahead.gain.high), rel=5e-4)
            assert row[5] == pytest.approx(100 * (beating_chance(ahead.n, k).value or 0.0), rel=5e-4)


def test_a_metric_to_be_minimised_goes_down() -> None:
    """The best after further runs is lower, never below the bound of an error: 0."""
    rng = np.random.default_rng(3)
    runs = [make_run(f"r{i:02d}", [float(v)], goal="minimize") for i, v in enumerate(0.01 + rng.exponential(0.2, 40))]
    result = of(make_sweep(runs, metric="val/error", goal="minimize"))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    ends = [float(row[2] or 0) for row in drawing.rows]
    assert ends == sorted(ends, reverse=True)
    assert min(ends) >= 0


def test_a_doubt_is_said(sample: PostMortem) -> None:
    """A bayes search learns: the finding that says so stands under the figure."""
    drawing = draw(sample)
    assert drawing is not None
    assert sample.outlook is not None and sample.outlook.doubt == "bayes"
    assert any(note.startswith("A bayes search learns") for note in drawing.notes)
    assert "(95 % certain)" in drawing.title


def test_without_a_gain_there_is_no_figure() -> None:
    """Too few values, a grid, no runs."""
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep([make_run(f"r{i}", [0.1 * i]) for i in range(5)]))) is None
    grid = [make_run(f"r{i:02d}", [math.sqrt(i)], config={"a": i}) for i in range(20)]
    assert draw(of(make_sweep(grid, method="grid"))) is None
