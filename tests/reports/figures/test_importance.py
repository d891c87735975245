"""The figure of the parameters' importance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.importance import Explained
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.figures.base import Drawing
from aftersweep.reports.figures.importance import MOST_DRAWN, draw

from ...factories import make_run, make_sweep
from .checks import HOSTILE, check, of


@pytest.fixture(scope="module")
def mini() -> PostMortem:
    """A sweep that was really run: its parameters explain both the metric and the crashes."""
    return post_mortem(tidy(*fetch_all(open_sample("constellation-mini"))))


def drawn(result: PostMortem) -> Drawing:
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    return drawing


def parts_of(result: PostMortem) -> list[Explained]:
    assert result.importance is not None
    return [part for part in (result.importance.metric, result.importance.crash) if part.shares]


@pytest.mark.parametrize(("name", "targets"), [("sample", 1), ("mini", 2), ("large", 1)])
def test_the_table_holds_the_results_shares(name: str, targets: int, request: pytest.FixtureRequest) -> None:
    """Per cent of both measures with their intervals, in the results' order."""
    result: PostMortem = request.getfixturevalue(name)
    drawing = drawn(result)
    parts = parts_of(result)
    assert len(parts) >= targets
    shares = [share for part in parts for share in part.shares]
    assert [row[1] for row in drawing.rows] == [share.parameter for share in shares]
    for row, share in zip(drawing.rows, shares, strict=True):
        ends = [e for one in (share.fanova, share.ped_anova) for e in (one.value, one.low, one.high)]
        assert row[2:] == pytest.approx([100 * e for e in (*ends, share.first) if e is not None], rel=5e-4)


def test_the_points_and_their_bars_are_the_estimates(mini: PostMortem) -> None:
    """Both measures; the ends of each bar are those of the interval; every point lies at its parameter's name."""
    drawing = drawn(mini)
    shares = [share for part in parts_of(mini) for share in part.shares]
    names = drawing.layout["yaxis"]["ticktext"]
    for trace, measure in zip(drawing.data, ("fanova", "ped_anova"), strict=True):
        for i, share in enumerate(shares):
            estimate = getattr(share, measure)
            x, bar = trace["x"][i], trace["error_x"]
            assert x == pytest.approx(100 * estimate.value, rel=5e-4)
            assert x + bar["array"][i] == pytest.approx(100 * estimate.high, rel=1e-3)
            assert x - bar["arrayminus"][i] == pytest.approx(100 * estimate.low, abs=0.06)
            assert names[round(trace["y"][i])] == share.parameter
    assert drawing.data[0]["marker"]["symbol"] != drawing.data[1]["marker"]["symbol"]


def test_the_title_is_the_findings_own(sample: PostMortem, mini: PostMortem) -> None:
    """It names the finding and begins as its sentence does; two targets have a heading each."""
    for result, headings in ((sample, 0), (mini, 2)):
        drawing = drawn(result)
        (finding,) = [f for f in result.findings if f.kind == "importance"]
        assert drawing.findings == (finding.id,)
        assert drawing.title.startswith("The swept parameters explain some of the best val_combined_accuracy")
        assert sum(str(name).startswith("Explaining ") for name in drawing.layout["yaxis"]["ticktext"]) == headings
    assert "batch_size 61 %" in drawn(mini).description


def test_where_nothing_is_explained_there_is_no_figure() -> None:
    """No run, one run, and runs whose values have nothing to do with their settings."""
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep([make_run("a", [0.1], config={"lr": 0.1})]))) is None
    assert draw(of(make_sweep([make_run(f"r{i}", [0.5], config={"lr": 0.1 * (i % 3)}) for i in range(12)]))) is None


def test_of_many_parameters_the_first_are_drawn(sample: PostMortem) -> None:
    """The table has the others too, and a note says so; hostile names are text."""
    found = sample.importance
    assert found is not None
    names = [*HOSTILE, *(f"p{i:02d}" for i in range(40))]
    shares = tuple(replace(found.metric.shares[0], parameter=name) for name in names)
    result = replace(sample, importance=replace(found, metric=replace(found.metric, shares=shares)))
    drawing = drawn(result)
    assert len(drawing.data[0]["x"]) == MOST_DRAWN
    assert len(drawing.rows) == len(names)
    assert any(f"{MOST_DRAWN} of {len(names)} parameters are drawn" in note for note in drawing.notes)
    assert drawing.layout["yaxis"]["ticktext"][0].startswith("&lt;script&gt;")
