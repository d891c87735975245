"""The figure of the metric by two parameters at a time, and its menu."""

from __future__ import annotations

import numpy as np
import pytest

from aftersweep.analysis.levels import levels_of
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.figures.base import Drawing
from aftersweep.reports.figures.response import MOST_LEVELS, draw

from ...analysis.test_degenerate import runs
from ...factories import curve, make_run, make_sweep
from .checks import check, of, size


def drawn(result: PostMortem) -> Drawing:
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    return drawing


@pytest.mark.parametrize("name", ["sample", "risky", "large"])
def test_the_table_holds_the_runs_own_medians_and_crashes(name: str, request: pytest.FixtureRequest) -> None:
    """Of each cell: numpy's median of the best so far where the importance compares, and the adjudicated crashes."""
    result: PostMortem = request.getfixturevalue(name)
    drawing = drawn(result)
    assert result.importance is not None
    at = result.importance.metric.iteration
    assert at is not None
    for both, first, second, started, crashed, compared, middle in drawing.rows:
        across, down = (
            next(item for item in levels_of(result.sweep, parameter) if item.label == label)
            for parameter, label in zip(str(both).split(" and "), (first, second), strict=True)
        )
        there = [run for run in across.runs if run.id in {other.id for other in down.runs}]
        ended = [result.outcomes[run.id] for run in there if result.outcomes[run.id].eligible]
        best = [run.finite_metric[:at].max() for run in there if run.iterations >= at]
        assert (started, crashed) == (len(ended), sum(outcome.label == "crashed" for outcome in ended))
        assert compared == len(best)
        assert middle is None if not best else middle == pytest.approx(np.median(best), rel=5e-4)


def test_the_heatmaps_hold_the_table(sample: PostMortem) -> None:
    """Each median in the cell of its levels, by the names that the menu gives the axes."""
    drawing = drawn(sample)
    (menu,) = drawing.layout["updatemenus"]
    table = {tuple(row[:3]): row for row in drawing.rows}
    for i, button in enumerate(menu["buttons"]):
        axes = button["args"][1]
        heat, crosses = drawing.data[2 * i : 2 * i + 2]
        for y, down in enumerate(axes["yaxis.ticktext"]):
            for x, across in enumerate(axes["xaxis.ticktext"]):
                row = table.get((button["label"], across, down))
                assert heat["z"][y][x] == (row[-1] if row else None)
        seen = {(axes["xaxis.ticktext"][round(x)], axes["yaxis.ticktext"][round(y)])
                for x, y in zip(crosses["x"], crosses["y"], strict=True)}  # fmt: skip
        assert seen == {(row[1], row[2]) for row in drawing.rows if row[0] == button["label"] and row[4]}
        assert button["label"] == f"{axes['xaxis.title.text']} and {axes['yaxis.title.text']}"


def test_the_menu_shows_one_pair_at_a_time(sample: PostMortem) -> None:
    """At most six, the most important parameters first; the axes of the first are in the layout."""
    drawing = drawn(sample)
    (menu,) = drawing.layout["updatemenus"]
    assert sample.importance is not None
    first = [share.parameter for share in sample.importance.metric.shares[:2]]
    assert menu["name"] == "Parameters"
    assert len(menu["buttons"]) == 6
    assert not any("Far medians" in note for note in drawing.notes)
    assert menu["buttons"][0]["label"] == " and ".join(first)
    for i, button in enumerate(menu["buttons"]):
        assert button["method"] == "update"
        assert [k for k, seen in enumerate(button["args"][0]["visible"]) if seen] == [2 * i, 2 * i + 1]
    assert [trace["visible"] for trace in drawing.data] == menu["buttons"][0]["args"][0]["visible"]
    for name in ("xaxis", "yaxis"):
        changed = {key: value for key, value in menu["buttons"][0]["args"][1].items() if key.startswith(name)}
        axis = drawing.layout[name]
        assert changed == {f"{name}.title.text": axis["title"]["text"],
                           **{f"{name}.{key}": axis[key] for key in ("tickvals", "ticktext", "range")}}  # fmt: skip


def test_more_crashes_have_a_larger_cross(risky: PostMortem) -> None:
    """By their share of the cell's runs."""
    drawing = drawn(risky)
    crosses = drawing.data[1]
    pair = drawing.layout["updatemenus"][0]["buttons"][0]["label"]
    shares = [int(row[4] or 0) / int(row[3] or 1) for row in drawing.rows if row[0] == pair and row[4]]
    assert len(set(shares)) > 2
    assert np.argsort(shares, kind="stable").tolist() == np.argsort(crosses["marker"]["size"], kind="stable").tolist()


def test_a_parameter_with_many_levels_is_left_out() -> None:
    """No cell of it would hold enough runs; a note says so; with one parameter left there is no figure."""
    made = [
        make_run(f"r{i:02d}", curve(0.5, 5), config={"a": i % 2, "b": i % 3, "name": f"n{i % (MOST_LEVELS + 1)}"})
        for i in range(40)
    ]
    drawing = drawn(of(make_sweep(made)))
    assert [b["label"] for b in drawing.layout["updatemenus"][0]["buttons"]] == ["a and b"]
    assert any("Not among the pairs: 1 parameter" in note for note in drawing.notes)
    assert draw(of(make_sweep([make_run(r.id, r.metric, config={"name": r.config["name"]}) for r in made]))) is None


def test_far_values_keep_the_colours_apart() -> None:
    """One huge median has the colour of the end; the table has it whole."""
    made = [
        make_run(f"r{i:02d}", [1e200 if i % 20 == 0 else 0.5 + 0.01 * i] * 4, config={"a": i % 4, "b": i % 5})
        for i in range(40)
    ]
    drawing = drawn(of(make_sweep(made)))
    assert drawing.layout["coloraxis"]["cmax"] < 10
    assert max(float(row[-1] or 0) for row in drawing.rows) == 1e200
    assert any("Far medians" in note for note in drawing.notes)


def test_it_stays_small_and_hostile_names_are_text(large: PostMortem, hostile: PostMortem) -> None:
    """2,000 runs; labels of menu, axes and cells."""
    assert size(drawn(large)) < 30_000
    drawing = drawn(hostile)
    labels = [button["label"] for button in drawing.layout["updatemenus"][0]["buttons"]]
    assert any("&lt;" in name for name in labels)


def test_where_there_is_no_pair_there_is_no_figure() -> None:
    """No run, one, one parameter, no value; runs that all run have no crashes."""
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep([make_run("a", [0.1], config={"a": 1, "b": 2})]))) is None
    assert draw(of(make_sweep(runs(12, config=lambda i: {"a": i % 3})))) is None
    assert draw(of(make_sweep(runs(12, values=[])))) is None
    drawing = drawn(post_mortem(make_sweep(runs(12, state="running")), now=1.7e9 + 3_600))
    assert all(not trace["x"] for trace in drawing.data if trace["type"] == "scatter")
