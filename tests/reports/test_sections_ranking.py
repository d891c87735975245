"""The sections 'ranking' and 'outlook' on the page: tables, the picture, every finding with its evidence."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.render import to_html, to_markdown
from aftersweep.reports.sections.outlook import outlook_section
from aftersweep.reports.sections.ranking import MOST_DRAWN, MOST_LEVELS, ranking_section, tries_chart

from ..factories import make_run, make_sweep


def result_of(levels: int, runs: int = 40, *, scale: float = 1.0) -> PostMortem:
    rng = np.random.default_rng(levels)
    made = [
        make_run(f"r{i:03d}", scale * (rng.random(3) + i % levels), config={"model": f"<b>m{i % levels}</b>|"})
        for i in range(runs)
    ]
    return post_mortem(make_sweep(made))


@pytest.fixture(scope="module")
def result() -> PostMortem:
    return result_of(3)


def test_every_level_has_a_row_a_curve_and_its_marks(result: PostMortem) -> None:
    """Best first, as the result has them; numbers with their intervals."""
    section = ranking_section(result)
    assert section is not None
    assert [row["label"] for row in section["levels"]] == ["<b>m2</b>|", "<b>m1</b>|", "<b>m0</b>|"]
    assert all(re.fullmatch(r".+ \(.+ to .+\)", median) for row in section["levels"] for median in row["medians"])
    assert all(len(row["medians"]) == len(section["ks"]) for row in section["levels"])
    assert len(section["chart"].curves) == 3
    assert all(len(row["cells"]) == len(section["marks"]) for row in section["progress"])


def test_the_picture_stays_in_its_frame(result: PostMortem) -> None:
    """Finite coordinates inside the axes, bands without a limit at the edge, lines that never fall."""
    assert result.ranking is not None
    chart = tries_chart(result.ranking)
    assert chart is not None
    for curve in chart.curves:
        for points in (curve.line, curve.band):
            xy = np.array([[float(v) for v in point.split(",")] for point in points.split()])
            assert np.isfinite(xy).all()
            assert (xy[:, 0] >= chart.left).all() and (xy[:, 0] <= chart.right).all()
            assert (xy[:, 1] >= chart.top).all() and (xy[:, 1] <= chart.bottom).all()
        line = [float(point.split(",")[1]) for point in curve.line.split()]
        assert line == sorted(line, reverse=True)  # up on the page


@pytest.mark.parametrize("scale", [1.7e307, 1e-320, 1e-15])
def test_any_magnitude_can_be_drawn(scale: float) -> None:
    """From the smallest to the largest numbers: a page without nan."""
    html = to_html(result_of(3, scale=scale), "0", 0.0)
    assert "nan" not in html[html.index('class="curves tries"') :].split("</svg>")[0]


def test_hostile_level_names_stay_text(result: PostMortem) -> None:
    """In the table, the legend and the sentences."""
    html, markdown = to_html(result, "0", 0.0), to_markdown(result, "0", 0.0)
    assert "<b>m" not in html
    assert "&lt;b&gt;m2&lt;/b&gt;|" in html
    assert "<b>m" not in re.sub(r"(`{3,}).*?\1", "", markdown, flags=re.DOTALL)


def test_many_levels_are_cut_and_counted() -> None:
    """A table of 20 levels, a drawing of 6, and how many more there are."""
    result = result_of(30, 120)
    section = ranking_section(result)
    assert section is not None
    assert (len(section["levels"]), section["hidden"]) == (MOST_LEVELS, 10)
    assert len(section["chart"].curves) == MOST_DRAWN
    assert "10 more levels are in the JSON report" in to_html(result, "0", 0.0)


def test_both_pages_say_what_the_findings_say(result: PostMortem) -> None:
    """Each finding of the two sections stands on both pages once as a finding."""
    html, markdown = to_html(result, "0", 0.0), to_markdown(result, "0", 0.0)
    kinds = {f.kind: f.id for f in result.findings}
    for kind in ("best_chance", "best_of_tries", "seed_noise", "held_out", "more_runs", "more_runs_gain"):
        assert html.count(f'id="{kinds[kind]}"') == 1
    assert "## What Is Really Best" in markdown
    assert "more runs" in markdown.split("## Future Sweep Suggestions")[1]
    section = outlook_section(result)
    assert section is not None
    assert any(name.startswith("Hours of 25 runs") for name, _ in section["rows"])


def test_without_levels_only_the_best_value_is_judged() -> None:
    """No table and no picture, but whether the best value can be trusted; without values no section."""
    alone = post_mortem(make_sweep([make_run(f"r{i}", [0.1 * i], config={"lr": i}) for i in range(5)]))
    section = ranking_section(alone)
    assert section is not None
    assert (section["levels"], section["chart"]) == ([], None)
    html = to_html(alone, "0", 0.0)
    assert "How far the best value can be trusted" in html
    assert 'class="curves tries"' not in html
    nothing = post_mortem(make_sweep([make_run("a", [math.nan])]))
    assert ranking_section(nothing) is None
    assert outlook_section(nothing) is None
    assert "What is really best" not in to_html(nothing, "0", 0.0)
