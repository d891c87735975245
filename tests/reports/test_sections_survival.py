"""The section on crashing by progress, as it is printed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.render import to_html, to_markdown
from aftersweep.reports.sections.survival import survival_section

from ..factories import make_run, make_sweep
from ..truth.scenarios import scenario
from ..truth.simulator import simulate


@pytest.fixture(scope="module")
def result() -> PostMortem:
    return post_mortem(simulate(scenario("nothing, Hyperband", 50), 50, 3).sweep)


def test_sentences_figure_and_table_are_on_the_page(result: PostMortem) -> None:
    html, text = to_html(result, "0", 0.0), to_markdown(result, "0", 0.0)
    part = html[html.index("Crashing on the way") :]
    part = part[: part.index("</section>")]
    assert part.count('<figure class="drawing"') == 1
    assert part.count('scope="row"') == 4 and "before the first value" in part
    for kind in ("incidence_at_budget", "hazard_by_progress", "crash_without_rule"):
        found = next(f for f in result.findings if f.kind == kind)
        assert f'id="{found.id}"' in part
    assert "### Crashing on the Way" in text and "Had every run gone on to 20 epochs" in text


def test_there_is_no_section_where_no_run_has_ended() -> None:
    result = post_mortem(make_sweep([]))
    assert survival_section(result) is None
    assert "Crashing on the way" not in to_html(result, "0", 0.0)
    assert "Crashing on the Way" not in to_markdown(result, "0", 0.0)


def test_crashes_at_once_have_one_row() -> None:
    """All at progress 0: one place, no row before the first value to tell apart."""
    runs = [make_run(f"r{i}", [], state="crashed", exit_code=1, history_rows=1, progress=0.0) for i in range(3)]
    html = to_html(post_mortem(make_sweep(runs)), "0", 0.0)
    assert "Crashing on the way" in html and "before the first value" not in html


def test_unknown_ends_are_printed_as_ranges(result: PostMortem) -> None:
    assert result.survival is not None
    row = replace(result.survival.rows[-1], crashes=1.0, crashes_high=3.0)
    changed = replace(result, survival=replace(result.survival, rows=(row,)))
    section = survival_section(changed)
    assert section is not None and section["rows"][0]["crashes"] == "1 to 3"


def test_hostile_units_stay_text() -> None:
    """The unit is the sweep's epoch key in the end: no markup comes through in the drawing's text."""
    runs = [make_run("a", [0.1, 0.2], state="crashed"), make_run("b", [0.1] * 4)]
    result = post_mortem(make_sweep(runs, progress_unit='"><script>x</script>'))
    assert not re.search(r"<script(?! data-asset=| type=)", to_html(result, "0", 0.0))
