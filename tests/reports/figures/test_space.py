"""The figure of the old and the new search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.following import Following
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.tidy import tidy
from aftersweep.analysis.values import show
from aftersweep.reports.figures.base import Drawing
from aftersweep.reports.figures.space import MOST_DRAWN, MOST_MARKS, draw

from ...factories import make_run, make_sweep
from .checks import check, of, size


@pytest.fixture(scope="module")
def mini() -> PostMortem:
    """A sweep that was really run: one level is dropped for its crashes, one parameter is added."""
    return post_mortem(tidy(*fetch_all(open_sample("constellation-mini"))))


def drawn(result: PostMortem) -> Drawing:
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    return drawing


def following_of(result: PostMortem) -> Following:
    assert result.following is not None
    return result.following


def between(result: PostMortem, old: Mapping[str, Any], new: Mapping[str, Any]) -> PostMortem:
    """The result with these parameters in the sweep's file and in the next one's."""
    before = {"method": "random", "parameters": dict(old)}
    after = replace(following_of(result), config={"method": "random", "parameters": dict(new)}, changes=())
    return replace(result, sweep=replace(result.sweep, config=read_config(before)), following=after)


def texts_of(drawing: Drawing, name: str) -> list[str]:
    return [text for trace in drawing.data if trace["name"] == name for text in trace.get("hovertext", trace["text"])]


def test_the_table_is_the_next_sweeps_file(mini: PostMortem) -> None:
    """Every parameter with something to choose: what the two files hold, and what was kept, dropped and added."""
    drawing = drawn(mini)
    new = following_of(mini).config["parameters"]
    table = {row[0]: row[1:] for row in drawing.rows}
    assert table["batch_size"] == ("32, 128, 512", "32, 128", "32, 128", "512", "")
    assert table["grad_clip_norm"] == ("not there", "always 1", "", "", "1")
    assert [row[0] for row in drawing.rows[:2]] == ["batch_size", "grad_clip_norm"]  # what changes comes first
    for name, row in table.items():
        levels = new[name].get("values") or [new[name]["value"]]
        assert str(row[1]).removeprefix("always ").split(", ") == [show(level) for level in levels]
    assert (texts_of(drawing, "dropped"), texts_of(drawing, "added")) == (["512"], ["1"])


def test_no_level_is_lost(mini: PostMortem) -> None:
    """This sweep's levels are those kept and those dropped, mark by mark in the same place."""
    drawing = drawn(mini)
    marks = {
        trace["name"]: {(x, round(y)) for x, y in zip(trace["x"], trace["y"], strict=True)} for trace in drawing.data
    }
    assert marks["this sweep"] == marks["kept"] | marks["dropped"]
    assert not marks["kept"] & marks["dropped"]
    levels = [spec["values"] for spec in mini.sweep.config.raw["parameters"].values() if "values" in spec]
    assert len(marks["this sweep"]) == sum(map(len, levels))
    symbols = [trace["marker"]["symbol"] for trace in drawing.data]
    assert len(set(symbols)) == len(symbols) == 4


def test_the_title_is_a_findings_own_or_neutral(sample: PostMortem, mini: PostMortem, risky: PostMortem) -> None:
    """Nothing changes: why; one finding is behind all changes: that; several: what is shown."""
    assert drawn(sample).title.startswith("Nothing is narrowed for the sake of val_combined_accuracy")
    (finding,) = [f for f in sample.findings if f.kind == "next_gate"]
    assert drawn(sample).findings == (finding.id,)
    assert (drawn(mini).title, drawn(mini).findings) == (
        "Search space of this sweep and of the next: 2 of 7 parameters differ",
        (),
    )
    assert drawn(risky).title.startswith("model = x goes: ")
    assert drawn(risky).findings == (following_of(risky).changes[-1].finding.id,)


def test_ranges_are_bars_on_one_scale(mini: PostMortem) -> None:
    """Logarithmic where it is declared so; ends of exponents as values; distributions without ends are cut."""
    log = {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}
    old = {
        "lr": log,
        "dropout": {"min": 0.0, "max": 0.8},
        "width": {"distribution": "normal", "mu": 10.0, "sigma": 1.0},
        "exp": {"distribution": "log_uniform", "min": -2.302585093, "max": 0.0},
    }
    new = old | {"lr": log | {"max": 1e-3}, "dropout": {"min": 0.2, "max": 0.8}}
    result = between(mini, old, new)
    drawing = drawn(result)
    assert [row[0] for row in drawing.rows] == ["lr", "dropout", "width", "exp"]
    before, after = drawing.data
    assert before["x"] == [0, 1, None] * 4
    assert after["x"] == [0, 0.5, None, 0.25, 1, None, 0, 1, None, 0, 1, None]
    assert after["text"][:2] == ["1e-05", "0.001"]
    assert before["text"][9:11] == ["0.1", "1"]
    assert float(before["text"][6]) == pytest.approx(10 - 2.326, abs=0.01)
    assert any("middle 98 %" in note for note in drawing.notes)


def test_a_range_that_becomes_levels_lies_on_the_ranges_scale(mini: PostMortem) -> None:
    """And levels that become a range: those inside are kept."""
    result = between(
        mini,
        {"a": {"min": 0.0, "max": 10.0}, "b": {"values": [1, 5, 20]}},
        {"a": {"values": [2.5, 5.0]}, "b": {"min": 0.0, "max": 10.0}},
    )
    drawing = drawn(result)
    assert sorted(texts_of(drawing, "kept")) == ["1", "2.5", "5", "5"]
    assert texts_of(drawing, "dropped") == ["20"]
    (kept,) = [trace for trace in drawing.data if trace["name"] == "kept"]
    assert kept["x"][:2] == [0.25, 0.5]


def test_true_is_not_one_and_text_may_be_a_number(mini: PostMortem) -> None:
    """Levels are told apart as everywhere: ``1e-3`` is 0.001, true is not 1."""
    drawing = drawn(between(mini, {"a": {"values": [True, 1, "1e-3"]}}, {"a": {"values": [1, 0.001]}}))
    assert texts_of(drawing, "dropped") == ["true"]
    assert texts_of(drawing, "added") == []


def test_many_parameters_and_levels_stay_small(mini: PostMortem, large: PostMortem) -> None:
    """A note says what is not drawn; the table names the first levels and how many more there are."""
    old = {f"p{i}": {"values": list(range(400))} for i in range(60)}
    drawing = drawn(between(mini, old, old | {"p59": {"values": list(range(399))}}))
    assert len(drawing.layout["yaxis"]["ticktext"]) == MOST_DRAWN
    assert drawing.layout["yaxis"]["ticktext"][0] == "p59"
    assert len(drawing.rows) == 60
    assert str(drawing.rows[0][1]).endswith("15 and 384 more")
    assert len(texts_of(drawing, "this sweep")) == MOST_DRAWN * MOST_MARKS
    assert any(f"{MOST_DRAWN} of 60 parameters" in note for note in drawing.notes)
    assert any("Of many levels" in note for note in drawing.notes)
    assert size(drawn(large)) < 20_000


def test_hostile_names_are_text(hostile: PostMortem) -> None:
    """Parameters and levels."""
    drawing = drawn(hostile)
    assert drawing.layout["yaxis"]["ticktext"][0].startswith("&lt;script&gt;")
    assert any(text.startswith("role&#58;") for text in texts_of(drawing, "this sweep"))


def test_without_a_next_sweep_there_is_no_figure(mini: PostMortem) -> None:
    """None where the configuration is not known, or holds nothing to choose."""
    assert draw(of(make_sweep([make_run("a", [0.1])]))) is None
    assert draw(of(make_sweep([]))) is None
    assert draw(replace(mini, following=None)) is None
    assert draw(between(mini, {"a": {"value": 1}}, {"a": {"value": 1}})) is None
