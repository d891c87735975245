"""The figure of GPU memory by batch size and model."""

from __future__ import annotations

from typing import Any

import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.tidy import tidy
from aftersweep.analysis.types import Run
from aftersweep.reports.figures.base import Drawing
from aftersweep.reports.figures.memory import MOST_DOTS, MOST_ROWS, draw

from ...factories import curve, make_run, make_sweep
from .checks import HOSTILE, check, of, size


@pytest.fixture(scope="module")
def mini() -> PostMortem:
    """A sweep that was really run: 13 runs ran out of memory at the largest batch before they logged a number."""
    return post_mortem(tidy(*fetch_all(open_sample("constellation-mini"))))


def drawn(result: PostMortem) -> Drawing:
    drawing = draw(result)
    assert drawing is not None
    check(drawing, result)
    return drawing


def runs(n: int, **fields: Any) -> list[Run]:
    """Runs of three models and batch sizes, with their share of the GPU's memory; ``fields`` win."""
    made = []
    for i in range(n):
        given: dict[str, Any] = {
            "config": {"model": "xyz"[i % 3], "batch_size": [64, 128, 256][i // 3 % 3]},
            "gpu_memory_peak": 0.1 + 0.2 * (i // 3 % 3) + 0.01 * (i % 7),
        }
        given |= {name: value(i) if callable(value) else value for name, value in fields.items()}
        made.append(make_run(f"r{i:04d}", curve(0.5, 5), **given))
    return made


def test_the_table_holds_what_was_logged(mini: PostMortem) -> None:
    """The summary's number of each run that has one, and those that ran out of memory without."""
    drawing = drawn(mini)
    table = {row[0]: row for row in drawing.rows}
    logged = {run.name: run.summary["peak_memory_gib"] for run in mini.sweep.runs if "peak_memory_gib" in run.summary}
    out = {run.name for run in mini.sweep.runs if mini.outcomes[run.id].cause == "out_of_memory"}
    assert set(table) == set(logged) | out
    for name, row in table.items():
        assert row[3] == (pytest.approx(logged[name], rel=5e-4) if name in logged else None)
        assert (row[4] == "crashed: out of memory") == (name in out)
    assert drawing.layout["yaxis"]["title"]["text"] == "peak_memory_gib (GiB)"
    assert any("Its name does not say" in note for note in drawing.notes)


def test_runs_that_left_no_number_lie_above_all_others(mini: PostMortem) -> None:
    """At their batch size, with a mark of their own."""
    drawing = drawn(mini)
    (lost,) = [trace for trace in drawing.data if trace["name"] == "ran out of memory, no number"]
    others = [y for trace in drawing.data if trace is not lost for y in trace["y"]]
    assert len(lost["x"]) == 13
    assert min(lost["y"]) > max(others)
    assert {drawing.layout["xaxis"]["ticktext"][round(x)] for x in lost["x"]} == {"512"}
    assert drawing.findings == ()  # four models ran out of memory: no one finding is what it shows
    assert "resnet18 ran out of memory in 3 of 3 runs" in drawing.description


def test_the_share_that_the_agent_saw_comes_first() -> None:
    """In per cent, each run at its batch size, each model with its own symbol and its own colour."""
    result = of(make_sweep(runs(18, summary=lambda i: {"gpu_mem_gb": 3.0} if i < 4 else {})))
    drawing = drawn(result)
    assert drawing.layout["yaxis"]["title"]["text"] == "Peak GPU memory (% of the GPU's)"
    assert [trace["name"] for trace in drawing.data] == ["x", "y", "z"]
    looks = [(trace["marker"]["symbol"], trace["marker"]["color"]) for trace in drawing.data]
    assert len({symbol for symbol, _ in looks}) == len({colour for _, colour in looks}) == 3
    by_name = {run.name: run for run in result.sweep.runs}
    ticks = drawing.layout["xaxis"]["ticktext"]
    for trace in drawing.data:
        for x, y, name in zip(trace["x"], trace["y"], trace["text"], strict=True):
            run = by_name[name]
            assert y == pytest.approx(100 * (run.gpu_memory_peak or 0.0), rel=5e-4)
            assert (ticks[round(x)], trace["name"]) == (str(run.config["batch_size"]), run.config["model"])


def test_one_finding_is_the_title() -> None:
    """A model that runs out of memory at the largest batch: its sentence, without the advice; crosses over its runs."""

    def log(i: int) -> tuple[str, ...]:
        big = i % 3 == 0 and i // 3 % 3 == 2
        return ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",) if big else ()

    made = runs(45, log_tail=log, state=lambda i: "failed" if log(i) else "finished",
                exit_code=lambda i: 1 if log(i) else 0)  # fmt: skip
    result = of(make_sweep(made))
    drawing = drawn(result)
    (finding,) = [f for f in result.findings if f.kind == "next_memory"]
    assert drawing.findings == (finding.id,)
    said = "model = x ran out of memory in 5 of 5 runs with batch_size of 256 or more"
    assert drawing.title == f"{said}, and in none of 10 runs with less: keep it at 128 or under there"
    (crosses,) = [trace for trace in drawing.data if trace["name"] == "ran out of memory"]
    assert len(crosses["x"]) == 5


def test_many_batch_sizes_are_an_axis_of_numbers() -> None:
    """More than have a place each."""
    drawing = drawn(of(make_sweep(runs(60, config=lambda i: {"model": "xy"[i % 2], "batch_size": 8 + i}))))
    assert drawing.layout["xaxis"]["type"] == "log"
    assert sorted(x for trace in drawing.data for x in trace["x"]) == [8 + i for i in range(60)]


def test_without_a_batch_size_it_is_by_model() -> None:
    """And without either there is nothing to hold it against."""
    drawing = drawn(of(make_sweep(runs(12, config=lambda i: {"model": "xyz"[i % 3]}))))
    assert drawing.layout["xaxis"]["ticktext"] == ["x", "y", "z"]
    assert [set(trace["x"]) for trace in drawing.data] == [{0}, {1}, {2}]
    assert draw(of(make_sweep(runs(12, config=lambda i: {"lr": 0.1 * (i % 3)})))) is None


@pytest.mark.parametrize("key", ["host_memory_peak", "memory", "peak_lr", "system.cpu.peak_mem", "max_memory_limit_gb"])
def test_other_memory_is_not_taken_for_the_gpus(key: str) -> None:
    """By its name."""
    assert draw(of(make_sweep(runs(12, gpu_memory_peak=None, summary={key: 1.5})))) is None


def test_many_runs_stay_small() -> None:
    """Some are drawn, the highest among them, and a note says so."""
    result = of(make_sweep(runs(2_000, gpu_memory_peak=lambda i: 0.99 if i == 777 else 0.5)))
    drawing = drawn(result)
    assert sum(len(trace["x"]) for trace in drawing.data) == MOST_DOTS
    assert max(y for trace in drawing.data for y in trace["y"]) == 99
    assert len(drawing.rows) == MOST_ROWS
    assert any("600 of 2,000 runs are drawn" in note for note in drawing.notes)
    assert size(drawing) < 120_000


def test_hostile_names_are_text() -> None:
    """Of models, runs and the logged metric; more models than can be told apart are drawn as one."""
    names = [*HOSTILE, "a", "b"]
    made = runs(
        36,
        name=lambda i: HOSTILE[i % 7],
        config=lambda i: {"model": names[i % 9], "batch_size": [8, 16][i % 2]},
        gpu_memory_peak=None,
        summary={"<b>gpu_mem</b>%{x}": 3.5},
    )
    drawing = drawn(of(make_sweep(made)))
    assert drawing.data[0]["name"].startswith("&lt;script&gt;")
    assert drawing.data[-1]["name"] == "other models"


def test_where_nothing_was_logged_there_is_no_figure(sample: PostMortem) -> None:
    """The sample has no system metrics; nor has a sweep without runs."""
    assert draw(sample) is None
    assert draw(of(make_sweep([]))) is None
    assert draw(of(make_sweep(runs(6, gpu_memory_peak=None, state="running")))) is None
