"""Everything that a page may say about one sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..sweepfile.config import Metric
from ..types import CrashRate, Finding, Outcome, Run, Sweep
from .following import Following
from .gate import Judgement
from .importance import Importance
from .outlook import Outlook
from .pooling import Pooled
from .ranking import Ranking
from .risk import Pairs, ParameterRisk, RiskFactor
from .space import Space
from .survival import Survival
from .tables import BestResult, CauseRow, LevelRow, ProgressRow, StatusTable


@dataclass(frozen=True, kw_only=True)
class PostMortem:
    """Everything that a page may say about one sweep."""

    sweep: Sweep
    metric: Metric
    outcomes: Mapping[str, Outcome]
    status: StatusTable
    crash_rate: CrashRate
    bands: tuple[int, ...]
    rule: str | None
    """The stopping rule in words; None where the sweep had none or it is not known."""
    no_rule: str
    """Why there is no rule to replay; empty where there is one."""
    best: tuple[BestResult, ...]
    group_by: str | None
    groups: tuple[LevelRow, ...]
    levels: Mapping[str, tuple[LevelRow, ...]]
    progress: tuple[ProgressRow, ...]
    causes: tuple[CauseRow, ...]
    parameter_risks: tuple[ParameterRisk, ...]
    """The swept parameters, the smallest adjusted p first."""
    circumstances: tuple[ParameterRisk, ...]
    """Start time, host and agent."""
    pairs: Pairs
    """Settings two by two, given the main effects: exploratory."""
    claims: tuple[RiskFactor, ...]
    survival: Survival | None
    ranking: Ranking | None
    importance: Importance | None
    space: Space | None
    outlook: Outlook | None
    pooled: Pooled | None
    """Levels over several sweeps; None for a sweep by itself. Then ranking, importance, space and outlook are None."""
    following: Following | None
    """The sweep that should follow; None where there can be none, and ``no_following`` says why."""
    no_following: str
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    gate: Judgement | None = None
    """The rules of the gate, judged; None where there are none."""

    def finding(self, finding_id: str) -> Finding:
        """The finding of that id; KeyError where there is none."""
        for finding in self.findings:
            if finding.id == finding_id:
                return finding
        raise KeyError(finding_id)

    def run(self, run_id: str) -> Run:
        """The run of that id; KeyError where there is none."""
        for run in self.sweep.runs:
            if run.id == run_id:
                return run
        raise KeyError(run_id)
