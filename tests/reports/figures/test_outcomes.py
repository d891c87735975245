"""The figure of states and outcomes."""

from __future__ import annotations

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.figures.outcomes import MOST_STATES, OTHERS, draw
from aftersweep.reports.format import OUTCOME_WORDS

from ...factories import make_run, make_sweep
from .checks import check, of


def test_the_flows_are_the_status_table(sample: PostMortem) -> None:
    """Each cell of the table that is not zero is a link and a row; they sum to the runs."""
    drawing = draw(sample)
    assert drawing is not None
    check(drawing, sample)
    table = sample.status
    cells = {(s, OUTCOME_WORDS[o]): n for s, row in table.counts.items() for o, n in row.items() if n}
    assert {(row[0], row[1]): row[2] for row in drawing.rows} == cells
    link = drawing.data[0]["link"]
    assert link["value"] == [row[2] for row in drawing.rows]
    assert sum(link["value"]) == table.total == 50
    assert drawing.findings == (next(f.id for f in sample.findings if f.kind == "early_stopping"),)


def test_the_counts_of_every_link_can_be_read(sample: PostMortem) -> None:
    """A node says its runs, and where several states lead to an outcome how many each."""
    drawing = draw(sample)
    assert drawing is not None
    labels = drawing.data[0]["node"]["label"]
    assert "crashed: 41" in labels
    assert "stopped by the sweep's rule: 40" in labels
    assert "crashed: 2<br>(from 1 crashed, 1 failed)" in labels
    assert drawing.data[0]["link"]["label"][0] == "40 recorded as crashed: stopped by the sweep's rule"


def test_links_lead_from_states_to_outcomes(risky: PostMortem) -> None:
    """Every source is a state, every target an outcome, no node without a link."""
    drawing = draw(risky)
    assert drawing is not None
    check(drawing, risky)
    link, nodes = drawing.data[0]["link"], drawing.data[0]["node"]["label"]
    assert set(link["source"]) == set(range(len(risky.status.states)))
    assert set(link["target"]) == set(range(len(risky.status.states), len(nodes)))


def test_rare_states_are_drawn_as_one() -> None:
    """A source that has a state for every run: nine and the others, and no run is lost."""
    result = of(make_sweep([make_run(f"r{i:02d}", [0.1], state=f"state {i:02d}") for i in range(30)]))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    states = list(dict.fromkeys(row[0] for row in drawing.rows))
    assert len(states) == MOST_STATES and states[-1] == OTHERS
    assert sum(int(row[2] or 0) for row in drawing.rows) == 30
    assert any("21 rarer states" in note for note in drawing.notes)


def test_without_runs_nothing_flows() -> None:
    """None of an empty sweep; of one run one link."""
    assert draw(of(make_sweep([]))) is None
    result = of(make_sweep([make_run("a", [0.1], state="running")]))
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    assert [row[2] for row in drawing.rows] == [1]


def test_names_of_states_are_text(hostile: PostMortem) -> None:
    """Markup and roles in states reach the page as text."""
    drawing = draw(hostile)
    assert drawing is not None
    check(drawing, hostile)
    labels = drawing.data[0]["node"]["label"]
    assert any(text.startswith("&lt;script&gt;") for text in labels)
    assert any(text.startswith("role&#58;") for text in labels)
