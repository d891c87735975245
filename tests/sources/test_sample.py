"""The bundled sample against the figures that were published about its sweep."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from aftersweep.analysis.errors import UnknownSweepError
from aftersweep.analysis.outcomes.replay import replay
from aftersweep.analysis.sources.base import RawRun, fetch_all
from aftersweep.analysis.sources.sample import SampleSource, sample_names
from aftersweep.analysis.sweepfile.hyperband import read_hyperband
from aftersweep.analysis.tidy import tidy

from .conformance import assert_conforms

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "analysis/sources/samples/4yfw48ad"
PAGE = ROOT / "docs/provenance-4yfw48ad.md"
MADE = ("runs.parquet", "history.parquet", "sweep.json")
METRIC = "val_combined_accuracy"
NAMED_BEST = ("combined", "modulation", "snr")


@pytest.fixture(scope="module")
def runs() -> list[RawRun]:
    return fetch_all(SampleSource())[1]


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "published.yaml").read_text("utf-8"))
    return loaded


def _percent(part: int, whole: int) -> int:
    return math.floor(100 * part / whole + 0.5)


def _end(run: RawRun) -> int:
    return int(run.history.num_rows)


def _best(run: RawRun) -> dict[str, float]:
    """The run's row with the highest combined accuracy; empty for a run without history."""
    return max(run.history.to_pylist(), key=lambda row: row[METRIC], default={})


def _where(runs: list[RawRun], where: dict[str, Any]) -> list[RawRun]:
    return [
        run
        for run in runs
        if all(run.config[k] in v if isinstance(v, list) else run.config[k] == v for k, v in where.items())
    ]


def _crashed(runs: list[RawRun]) -> list[RawRun]:
    return [run for run in runs if run.state == "crashed"]


def _crash_percent(runs: list[RawRun]) -> int:
    return _percent(len(_crashed(runs)), len(runs))


def _figures(published: dict[str, Any], runs: list[RawRun]) -> Iterator[tuple[str, bool]]:
    """Each published figure with whether the runs have it."""
    yield "total", len(runs) == published["total_runs"]
    days = [datetime.fromtimestamp(t or 0, UTC).date() for r in runs for t in (r.created_at, r.heartbeat_at)]
    yield "total.dates", (min(days), max(days)) == (published["sweep"]["first_day"], published["sweep"]["last_day"])
    yield from _architecture_figures(published, runs)
    yield from _named_figures(published, runs)
    for key, rows in published["counts"].items():
        for row in rows:
            group = _where(runs, {key: row["value"]})
            yield f"counts.{key}.{row['value']}", len(group) == row["runs"]
            if "percent" in row:
                yield f"counts.{key}.{row['value']}.percent", _percent(len(group), len(runs)) == row["percent"]
            if "crashed_percent" in row:
                yield f"counts.{key}.{row['value']}.crashed", _crash_percent(group) == row["crashed_percent"]
    ends = Counter("later" if _end(run) > 7 else _end(run) for run in _crashed(runs))
    for row in published["crash_epochs"]:
        yield f"crash.{row['epoch']}", ends[row["epoch"]] == row["runs"]
        share = _percent(ends[row["epoch"]], len(_crashed(runs)))
        yield f"crash.{row['epoch']}.percent", share == row["percent"]
    for state, row in published["states"].items():
        count = sum(run.state == state for run in runs)
        yield f"states.{state}", count == row["runs"]
        if "percent" in row:
            yield f"states.{state}.percent", _percent(count, len(runs)) == row["percent"]
    for i, row in enumerate(published["risk_factors"], start=1):
        yield f"risk_factors.{i}", _crash_percent(_where(runs, row["where"])) == row["crashed_percent"]
    yield from _statements(published, runs)


def _architecture_figures(published: dict[str, Any], runs: list[RawRun]) -> Iterator[tuple[str, bool]]:
    for name, row in published["architectures"].items():
        group, prefix = _where(runs, {"model_type": name}), f"architectures.{name}"
        yield f"{prefix}.runs", len(group) == row["runs"]
        yield f"{prefix}.finished", sum(run.state == "finished" for run in group) == row["finished"]
        yield f"{prefix}.crashed", _crash_percent(group) == row["crashed_percent"]
        mean = sum(_end(run) for run in group) / len(group)
        yield f"{prefix}.mean_epochs", math.floor(mean * 10 + 0.5) / 10 == row["mean_epochs"]
        bests = [_best(run)[METRIC] for run in group if _end(run)]
        yield f"{prefix}.best", max(bests, default=None) == row["best"]


def _named_figures(published: dict[str, Any], runs: list[RawRun]) -> Iterator[tuple[str, bool]]:
    by_id = {run.id: run for run in runs}
    for row in published["best_results"]:
        run = by_id[row["run"]]
        found = (run.config["model_type"], run.state, _end(run))
        yield f"best_results.{run.id}", found == (row["model_type"], row["state"], row["epochs"])
        top = _best(run)
        yield f"best_results.{run.id}.metrics", all(top[f"val_{k}_accuracy"] == row[k] for k in NAMED_BEST)
    for run_id, config in published["best_configurations"].items():
        yield f"best_configurations.{run_id}", bool(_where([by_id[run_id]], config))


def _statements(published: dict[str, Any], runs: list[RawRun]) -> Iterator[tuple[str, bool]]:
    named = [run for run in runs if run.id in {row["run"] for row in published["best_results"]}]
    for row in published["statements"]:
        if "leading" in row:
            holds = 2 * len(_where(named, row["leading"])) > len(named)
        elif "higher" in row:
            rates = [len(_crashed(group)) / len(group) for group in (_where(runs, row[k]) for k in ("higher", "than"))]
            holds = rates[0] > rates[1]
        elif row["have"] == {"state": "crashed"}:
            holds = _crash_percent(_where(runs, row["of"])) == row["percent"]
        else:
            at_epoch = [run for run in _crashed(runs) if _end(run) == row["have"]["end"]]
            holds = _percent(len(at_epoch), len(_crashed(runs))) == row["percent"]
        yield f"statements.{row['id']}", holds


def test_the_provenance_page_tells_the_truth(published: dict[str, Any], runs: list[RawRun]) -> None:
    """Law: the page names every published figure, as kept where the runs have it and as impossible where not."""
    said = {}
    for ident, verdict in re.findall(r"^\| `([^`]+)` \| .* \| (kept|\*\*impossible)", PAGE.read_text("utf-8"), re.M):
        said[ident] = verdict == "kept"
    assert said == dict(_figures(published, runs))


def test_the_named_runs_lead(published: dict[str, Any], runs: list[RawRun]) -> None:
    """Law: the six named runs are the six best ones, in the published order."""
    order = sorted((run for run in runs if _end(run)), key=lambda run: -_best(run)[METRIC])
    assert [run.id for run in order[:6]] == [row["run"] for row in published["best_results"]]


def test_low_rates_are_no_safer(runs: list[RawRun]) -> None:
    """Law: as 17 and 9 of 41 crashed runs had the higher rates, all 15 runs with 1e-4 crashed."""
    counts = {lr: Counter(run.state == "crashed" for run in _where(runs, {"max_lr": lr})) for lr in (1e-3, 5e-4, 1e-4)}
    assert [(counts[lr][True], counts[lr].total()) for lr in counts] == [(17, 20), (9, 15), (15, 15)]


@pytest.mark.parametrize("strict", [True, False])
def test_the_rule_explains_most_crashes(strict: bool) -> None:
    """Law: the sweep's own rule, in either reading, was true at the end of as many crashed runs as the page says.

    And of no other run; what it explains ended at a band or one epoch after it.
    """
    sweep = tidy(*fetch_all(SampleSource()))
    assert sweep.config is not None
    rule = read_hyperband(sweep.config.early_terminate)
    assert rule is not None
    assert rule.bands == (2, 6)
    found = replay(sweep.runs, replace(rule, strict=strict), sweep.metric)
    explained = [run for run in sweep.runs if found[run.id].true_at_end]
    claimed = re.search(r"\*\*(\d+) of\s+(\d+)\*\*", PAGE.read_text("utf-8"))
    assert claimed is not None
    assert (len(explained), 41) == tuple(int(n) for n in claimed.groups())
    assert {(run.state, run.iterations) for run in explained} == {("crashed", 2), ("crashed", 6), ("crashed", 7)}
    assert not any(replayed.ran_on for replayed in found.values())
    assert 2 * len(explained) > 41


def test_nothing_is_planted(runs: list[RawRun]) -> None:
    """Law: of what was never published (logs, exit codes, hosts, system metrics) the sample holds nothing."""
    for run in runs:
        assert (run.log_tail, run.exit_code, run.stop_requested) == ((), None, None)
        assert (run.host, run.gpu, run.agent, run.user) == (None, None, None, None)
        assert run.system.num_rows == 0


def test_accuracies_fit_one_another(runs: list[RawRun]) -> None:
    """Law: both labels are right at most as often as either, and at least as often as inclusion and exclusion say."""
    for row in (row for run in runs for row in run.history.to_pylist()):
        both, first, second = (row[f"val_{k}_accuracy"] for k in NAMED_BEST)
        assert max(0.0, first + second - 100.0) <= both <= min(first, second)


def test_times_are_in_order(runs: list[RawRun]) -> None:
    """Law: a run starts, logs its epochs one after another, and then ends; never more than three run at once."""
    for run in runs:
        times = [run.created_at, *run.history["_timestamp"].to_pylist(), run.heartbeat_at]
        assert times == sorted(times)
        assert run.history["_step"].to_pylist() == list(range(_end(run)))
    marks = sorted([(r.created_at, 1) for r in runs] + [(r.heartbeat_at, -1) for r in runs])
    level = [sum(step for _, step in marks[: i + 1]) for i in range(len(marks))]
    assert max(level) == 3


def test_the_source_conforms() -> None:
    """Law: the sample is a source like any other, and says at the top that it is a reconstruction."""
    sweep, runs = fetch_all(SampleSource())
    assert_conforms(SampleSource(), sweep, runs)
    assert sweep.source.kind == "sample"
    assert "reconstruction with simulated curves" in sweep.source.notices[0]
    assert "not what happened" in sweep.source.notices[1]
    assert [claim["where"] for claim in sweep.source.claims] == [
        "model_type=swin_small",
        "batch_size=256,max_lr=0.001",
        "use_pretrained=false,max_lr=0.001",
    ]


def test_an_unknown_sample_is_refused() -> None:
    """Law: the message names the word and the samples that there are."""
    assert sample_names() == ("4yfw48ad", "constellation-mini", "constellation-mini-next")
    with pytest.raises(UnknownSweepError, match=r"no bundled sample '4yfw48ax'.*4yfw48ad"):
        SampleSource("4yfw48ax")


def test_the_sample_is_small() -> None:
    """Law: the package grows by less than 150 kB."""
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 150_000


@pytest.mark.slow
def test_the_sample_can_be_made_again(tmp_path: Path) -> None:
    """Law: the script writes the same bytes twice, and what it writes is what is committed."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        command = [sys.executable, str(ROOT / "tools/make_sample.py"), "--out", str(tmp_path / name)]
        subprocess.run(command, check=True, timeout=300)
    first, second = (tmp_path / name / FOLDER.relative_to(ROOT) for name in ("one", "two"))
    for name in MADE:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    for name in MADE[:2]:  # another version of the Parquet library may write other bytes for the same table
        assert pq.read_table(first / name).equals(pq.read_table(FOLDER / name))
    assert (first / MADE[2]).read_text("utf-8") == (FOLDER / MADE[2]).read_text("utf-8")
    made = tmp_path / "one" / PAGE.relative_to(ROOT)
    assert made.read_text("utf-8") == PAGE.read_text("utf-8")
