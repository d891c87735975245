"""The domain: what a sweep is once it has been tidied, and what may be said about it.

All types are frozen and reject impossible values when they are made. Words have one meaning each; they are
defined in docs/ARCHITECTURE.md ("Words").
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .errors import InvariantError
from .sweepfile.config import Metric, SweepConfig

Floats = NDArray[np.float64]

OutcomeLabel = Literal[
    "completed", "early_stopped", "stopped_by_user", "crashed", "never_started", "running", "unknown"
]
Cause = Literal["out_of_memory", "diverged", "code_error", "infrastructure", "preempted", "unknown"]
Grade = Literal["observed", "replayed", "inferred", "unknown"]
EvidenceKind = Literal["state", "exit_code", "log", "flag", "replay", "history", "system", "progress"]

OUTCOMES: tuple[OutcomeLabel, ...] = get_args(OutcomeLabel)
CAUSES: tuple[Cause, ...] = get_args(Cause)
NOT_THE_SETTING: tuple[Cause, ...] = ("code_error", "infrastructure", "preempted")
"""Causes of a crash that are no fault of a setting."""
GRADES: tuple[Grade, ...] = get_args(Grade)


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise InvariantError(message)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One tidied run.

    ``metric``, ``metric_time`` and ``metric_progress`` are [T]: every value that was logged of the sweep's
    metric, NaN and infinities included, its time (seconds since 1970, NaN where unknown) and its progress.
    """

    id: str
    name: str
    state: str
    config: Mapping[str, Any]
    """Parameters, nested ones under dotted names."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    created_at: float | None = None
    ended_at: float | None = None
    runtime_s: float | None = None
    host: str | None = None
    gpu: str | None = None
    agent: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    exit_code: int | None = None
    stop_requested: bool | None = None
    log_tail: tuple[str, ...] = ()
    metric: Floats = field(default_factory=lambda: np.empty(0))
    metric_time: Floats = field(default_factory=lambda: np.empty(0))
    metric_progress: Floats = field(default_factory=lambda: np.empty(0))
    history_rows: int = 0
    """Logged steps of any metric."""
    progress: float = 0.0
    """How far the run came, in the sweep's unit (``Sweep.progress_unit``)."""
    best: float | None = None
    """Best finite value of the metric; None where there is none."""
    best_progress: float | None = None
    companions: Mapping[str, float] = field(default_factory=dict)
    """The other validation metrics at the step of the best value."""
    nonfinite: Mapping[str, float] = field(default_factory=dict)
    """Metrics that were NaN or infinite, with the progress at which each first was."""
    summary_nonfinite: tuple[str, ...] = ()
    gpu_memory_peak: float | None = None
    """Highest share of the GPU's memory in use, 0 to 1."""
    host_memory_peak: float | None = None
    """Highest share of the host's memory in use, 0 to 1."""
    members: tuple[str, ...] = ()
    """Ids of the W&B runs that are this trial (data-parallel workers are counted once)."""
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(bool(self.id), "a run without an id")
        _check(self.metric.ndim == 1, f"run {self.id}: metric must be one-dimensional")
        _check(
            self.metric.shape == self.metric_time.shape == self.metric_progress.shape,
            f"run {self.id}: metric, metric_time and metric_progress must have one shape",
        )
        _check(math.isfinite(self.progress) and self.progress >= 0, f"run {self.id}: progress {self.progress}")

    @property
    def iterations(self) -> int:
        """Finite values of the sweep metric: what Hyperband counts."""
        return int(np.isfinite(self.metric).sum())

    @property
    def finite_metric(self) -> Floats:
        """The finite values in the order they were logged, [iterations]."""
        return self.metric[np.isfinite(self.metric)]


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """A run that was read and left out, and why."""

    run_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One search: its configuration and its tidied runs, oldest first."""

    id: str
    runs: tuple[Run, ...]
    metric: Metric
    metric_decided_by: str
    progress_unit: str
    """``epochs``, or ``logged values`` of the metric where no epoch metric is logged."""
    epoch_key: str | None
    parameters: Mapping[str, tuple[Any, ...]]
    """Each swept parameter and the levels that were seen or declared, in the sweep file's order or sorted."""
    config: SweepConfig | None = None
    budget: float | None = None
    """The progress that a run was meant to reach; None where nobody said."""
    entity: str | None = None
    project: str | None = None
    name: str | None = None
    description: str | None = None
    url: str | None = None
    state: str | None = None
    source_kind: str = ""
    source_target: str = ""
    source_decided_by: str = ""
    notices: tuple[str, ...] = ()
    claims: tuple[Mapping[str, str], ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    problems: tuple[str, ...] = ()
    judged: Sweep | None = None
    """The same runs under the sweep's own metric, where ``metric`` is another: what its stopping rule looked at."""
    parts: tuple[Sweep, ...] = ()
    """The sweeps that a pooled one is made of (``pooling``); empty for a sweep by itself. Their runs are its runs."""

    def __post_init__(self) -> None:
        ids = [run.id for run in self.runs]
        _check(len(ids) == len(set(ids)), f"sweep {self.id}: a run id appears twice")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One thing that speaks for an outcome."""

    kind: EvidenceKind
    text: str
    """What was seen, in one plain sentence of ours; a quoted log line stands in ``line``."""
    supports: OutcomeLabel
    cause: Cause | None = None
    decisive: bool = False
    line: str | None = None
    """The log line word for word (hostile text)."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What we conclude ended one run."""

    label: OutcomeLabel
    grade: Grade
    cause: Cause | None = None
    probability: float = 1.0
    """Chance that the label is right, given the evidence."""
    crash_probability: tuple[float, float] = (0.0, 0.0)
    """Lowest and highest chance that the run crashed: (1, 1) for a certain crash, (0, 1) where nothing is known."""
    evidence: tuple[Evidence, ...] = ()
    contradictions: tuple[str, ...] = ()
    """Evidence that points elsewhere, one sentence each."""

    def __post_init__(self) -> None:
        _check(self.label in OUTCOMES, f"unknown outcome '{self.label}'")
        _check(self.grade in GRADES, f"unknown grade '{self.grade}'")
        _check((self.cause is not None) == (self.label == "crashed"), f"outcome {self.label} with cause {self.cause}")
        _check(self.cause is None or self.cause in CAUSES, f"unknown cause '{self.cause}'")
        _check(0.0 <= self.probability <= 1.0, f"probability {self.probability}")
        low, high = self.crash_probability
        _check(0.0 <= low <= high <= 1.0, f"crash probability {self.crash_probability}")

    @property
    def eligible(self) -> bool:
        """True where the run counts in a crash rate: it started and has ended."""
        return self.label not in ("never_started", "running")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval; ``value`` None where only the interval is known."""

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    unit: str = ""
    """``share``, ``share difference``, a metric's name, ``epochs``, ...; empty for a bare count."""

    def __post_init__(self) -> None:
        _check(0.0 < self.level < 1.0, f"level {self.level}")
        if self.low is not None and self.high is not None:
            _check(self.low <= self.high, f"interval from {self.low} to {self.high}")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One statement about the data; ``reports.narrate`` words it, from these fields alone."""

    id: str
    kind: str
    subject: str
    supported: bool
    """True where the data carry the statement; a finding that is not supported says so in its sentence."""
    estimate: Estimate | None
    n: int
    method: str
    p: float | None = None
    q: float | None = None
    """p adjusted for all the tests of its family (the method says which)."""
    caveats: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The counts and names that the sentence needs."""
    code: str = field(default="", compare=False)
    """The line that made it, ``analysis/findings/ends.py:44 crash_rate``; found by itself."""

    def __post_init__(self) -> None:
        for name, value in (("p", self.p), ("q", self.q)):
            _check(value is None or 0.0 <= value <= 1.0, f"finding {self.id}: {name} = {value}")
        if not self.code:
            object.__setattr__(self, "code", _line_of(sys._getframe(2)))  # __post_init__, __init__, the maker


def _line_of(frame: FrameType) -> str:
    file = frame.f_globals.get("__name__", "").removeprefix("aftersweep.").replace(".", "/")
    function = frame
    while function.f_code.co_name.startswith("<") and function.f_back is not None:  # <listcomp>
        function = function.f_back
    return f"{file}.py:{frame.f_lineno} {function.f_code.co_name}"


@dataclass(frozen=True, kw_only=True)
class CrashRate:
    """Crashed over eligible runs, as an interval over what stays unknown; each end with its own interval."""

    eligible: int
    low: Estimate
    high: Estimate
    recorded: Estimate
    """The share of runs whose recorded state is crashed or failed, for comparison."""
