"""The figure of cumulative incidence."""

from __future__ import annotations

import pytest

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.figures.incidence import MOST_PLACES, draw
from aftersweep.reports.figures.shared import spread
from aftersweep.reports.format import OUTCOME_WORDS

from ...factories import make_run, make_sweep
from .checks import check, of


@pytest.mark.parametrize("name", ["sample", "risky", "large", "hostile"])
def test_the_numbers_are_the_results(name: str, request: pytest.FixtureRequest) -> None:
    """Lines, bands and table hold the shares and intervals of the result, to four digits."""
    result: PostMortem = request.getfixturevalue(name)
    drawing, found = draw(result), result.survival
    assert drawing is not None and found is not None
    check(drawing, result)
    by_words = {OUTCOME_WORDS[end.end]: end for end in found.ends}
    for low, high, line in zip(*[iter(drawing.data)] * 3, strict=True):
        end = by_words[line["name"]]
        n = len(found.at)
        start = len(line["x"]) - len(high["x"])
        assert start == (found.at[0] > 0)
        assert line["x"][start:][:n] == pytest.approx(found.at, rel=5e-4)
        assert line["y"][start:][:n] == pytest.approx(end.value, rel=5e-4)
        assert low["y"][:n] == pytest.approx(end.low, rel=5e-4)
        assert high["y"][:n] == pytest.approx(end.high, rel=5e-4)
        assert max(line["x"]) == pytest.approx(max(found.horizon, found.at[-1]), rel=5e-4)
    wanted = [
        (found.at[place], OUTCOME_WORDS[end.end], *(100 * share[place] for share in (end.value, end.low, end.high)))
        for end in found.ends
        for place in spread(len(found.at), MOST_PLACES)
    ]
    for row, numbers in zip(drawing.rows, wanted, strict=True):
        assert row[1] == numbers[1]
        assert (row[0], *row[2:]) == pytest.approx((numbers[0], *numbers[2:]), rel=5e-4)


def test_a_band_lies_between_its_ends(sample: PostMortem) -> None:
    """The fill goes from the upper end down to the lower one, which is the trace before it; steps, no slopes."""
    drawing = draw(sample)
    assert drawing is not None
    for low, high, line in zip(*[iter(drawing.data)] * 3, strict=True):
        assert high["fill"] == "tonexty" and "fill" not in low
        assert low["legendgroup"] == high["legendgroup"] == line["legendgroup"]
        assert {trace["line"]["shape"] for trace in (low, high, line)} == {"hv"}
        assert all(a <= b for a, b in zip(low["y"], high["y"], strict=True))


def test_the_title_is_the_findings_sentence(sample: PostMortem) -> None:
    """And the bands of the rule are drawn."""
    drawing = draw(sample)
    assert drawing is not None
    assert drawing.title.startswith("Of the runs (50 started), 4.8 % (0.8 % to 15 %) crash by 23 epochs")
    assert [note["text"] for note in drawing.layout["annotations"]] == ["band 2", "band 6"]


def test_the_table_of_many_places_is_thinned(large: PostMortem) -> None:
    """At most 40 places an end, the last one among them, and a note."""
    drawing, found = draw(large), large.survival
    assert drawing is not None and found is not None
    assert len(drawing.rows) == MOST_PLACES * len(found.ends)
    assert drawing.rows[-1][0] == pytest.approx(found.at[-1], rel=5e-4)
    assert any("40 of 200 places" in note for note in drawing.notes)


def test_without_a_run_that_started_there_is_none() -> None:
    """No run, and one run that still runs and has lived nothing."""
    assert draw(of(make_sweep([]))) is None
    result = of(make_sweep([make_run("a", [0.1, 0.2])]))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
