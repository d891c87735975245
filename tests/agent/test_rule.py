"""Which trials are stopped, against the rule itself: scripted trials, so that nothing hangs on the clock."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import numpy as np
import pytest

from aftersweep.analysis.sweepfile.hyperband import read_hyperband, should_stop
from aftersweep.training.agent.trial import Task

from .sweeps_of import run, write_sweep


class Scripted:
    """A trial that logs one value between two looks. ``stops``: by run id, all histories when it was asked to end."""

    def __init__(self, task: Task, all_: dict[str, Scripted], stops: dict[str, dict[str, list[float]]]) -> None:
        self.curve = [float(value) for value in task.parameters["curve"].split(",")]
        self.logged: list[float] = []
        self._run_id, self._all, self._stops = task.run_id, all_, stops
        all_[task.run_id] = self

    def values(self, metric: str) -> list[float]:
        assert metric == "score"
        new = [] if self._run_id in self._stops else self.curve[len(self.logged) :][:1]
        self.logged += new
        return new

    def stop(self) -> None:
        self._stops.setdefault(self._run_id, {name: list(one.logged) for name, one in self._all.items()})

    kill = stop

    def ended(self) -> tuple[int | None, int | None] | None:
        if self._run_id in self._stops:
            return None, signal.SIGTERM
        return (0, None) if len(self.logged) == len(self.curve) else None


@pytest.mark.parametrize("early", [
    {"type": "hyperband", "min_iter": 2, "eta": 2},
    {"type": "hyperband", "max_iter": 9, "s": 2, "eta": 3, "strict": False},
])  # fmt: skip
@pytest.mark.parametrize(("goal", "sign"), [("maximize", 1), ("minimize", -1)])
@pytest.mark.parametrize("jobs", [1, 4])
def test_stopped_are_those_that_the_rule_stops(
    tmp_path: Path, early: dict[str, object], goal: str, sign: int, jobs: int
) -> None:
    """Each stop is one that Hyperband orders, asked with all histories of that moment; one after another, each trial
    ends at the very value at which the rule first stops it, and the others end by themselves."""
    rng = np.random.default_rng(5)
    curves = [",".join(f"{value:.3f}" for value in rng.normal(size=10).cumsum()) for _ in range(14)]
    path = write_sweep(tmp_path, {"curve": {"values": curves}}, early_terminate=early,
                       metric={"name": "score", "goal": goal})  # fmt: skip
    trials: dict[str, Scripted] = {}
    stops: dict[str, dict[str, list[float]]] = {}
    result = run(path, tmp_path / "out", jobs=jobs, look_every=0.0, start=lambda task: Scripted(task, trials, stops))
    rule, before = read_hyperband(early), []
    assert rule is not None
    for trial in result.trials:
        asked, full = stops.get(trial.run_id), trials[trial.run_id].curve
        assert trial.stop_requested == (asked is not None)
        assert trial.values == (full if asked is None else asked[trial.run_id])
        if asked is not None:
            assert should_stop(trial.values, list(asked.values()), rule, sign)
        if jobs == 1:
            lengths = range(1, len(full) + 1)
            first = next((n for n in lengths if should_stop(full[:n], [*before, full[:n]], rule, sign)), len(full))
            assert len(trial.values) == first
        before.append(trial.values)
    assert 0 < len(stops) < len(curves)
    assert [trial.proposal for trial in result.trials] == list(itertools.islice(itertools.count(), len(curves)))
