"""The example sweep and the conformance suite, held to themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from aftersweep.analysis.sources.base import RawRun, RawSweep, RunStub

from .conformance import RUNNING, assert_conforms
from .example import example_sweep


@dataclass
class InMemory:
    """The simplest source: what it holds is what it gives."""

    held: RawSweep
    runs: list[RawRun]

    def sweep(self) -> RawSweep:
        return self.held

    def list_runs(self) -> Sequence[RunStub]:
        return [RunStub(id=run.id, fingerprint=run.state, final=run.state not in RUNNING) for run in self.runs]

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        return (run for run in self.runs if run.id in ids)


def test_the_example_conforms_to_itself() -> None:
    """Law: the suite accepts a source that gives back what it was given, NaN and all."""
    assert_conforms(InMemory(*example_sweep()), *example_sweep())


def _short(run: RawRun) -> RawRun:
    return replace(run, history=run.history.slice(0, run.history.num_rows - 1))


def _nulls_for_nan(run: RawRun) -> RawRun:
    column = run.history.column("val/accuracy")
    values = [None if value is None or value != value else value for value in column.to_pylist()]
    index = run.history.column_names.index("val/accuracy")
    return replace(run, history=run.history.set_column(index, "val/accuracy", pa.array(values, pa.float64())))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_short, "history: rows"),
        (_nulls_for_nan, "val/accuracy"),
        (lambda run: replace(run, state="finished"), "state"),
        (lambda run: replace(run, config={**run.config, "pretrained": 1}), "pretrained"),
        (lambda run: replace(run, log_tail=run.log_tail[1:]), "log_tail"),
        (lambda run: replace(run, created_at=(run.created_at or 0.0) + 3600), "created_at"),
    ],
)
def test_the_suite_sees_damage(damage: object, words: str) -> None:
    """Law: a source that loses or changes one thing fails, and the message names it."""
    assert callable(damage)
    sweep, runs = example_sweep()
    damaged = [damage(run) if run.id == "a0run004" else run for run in runs]
    with pytest.raises(AssertionError, match=words):
        assert_conforms(InMemory(sweep, damaged), sweep, runs)


def test_the_suite_skips_what_is_lost() -> None:
    """Law: what a format cannot keep is not compared, and an unknown aspect is refused."""
    sweep, runs = example_sweep()
    damaged = [replace(run, state="unknown", notes=None) for run in runs]
    lost = ("state", "notes", "running")
    assert_conforms(InMemory(sweep, damaged), sweep, runs, lost=lost)
    with pytest.raises(AssertionError, match="unknown aspects"):
        assert_conforms(InMemory(sweep, runs), sweep, runs, lost=("colour",))
