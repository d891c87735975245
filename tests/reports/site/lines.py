"""Lines of sweeps that are not analysed: each test says what it is about."""

from __future__ import annotations

from typing import Any, cast

from aftersweep.reports.site.lines import Line, Rate

START = 1_700_000_000.0


def rate(low: float | None = 0.2, high: float | None = None, eligible: int = 10) -> Rate:
    """From ``low`` to ``high`` (the same where not given), each with an interval of 0.1 on either side."""
    ends = [low, low if high is None else high]
    bounds = [[None if v is None else f(v) for f in (float, lambda v: v - 0.1, lambda v: v + 0.1)] for v in ends]
    return {"eligible": eligible, "low": bounds[0], "high": bounds[1]}


def make_line(sweep_id: str = "aaaa1111", **changed: Any) -> Line:
    """A sweep of ten runs in lab/vision."""
    line: dict[str, Any] = {
        "label": f"lab/vision/{sweep_id}",
        "id": sweep_id,
        "entity": "lab",
        "project": "vision",
        "name": "",
        "began": START,
        "runs": 10,
        "outcomes": {"completed": 8, "crashed": 2},
        "metric": "val/acc",
        "goal": "maximize",
        "unit": "epochs",
        "method": "random",
        "rule": "none",
        "best": 0.9,
        "curve": [0.5, 0.9],
        "rate": rate(),
        "gate": None,
        "parent": None,
        "headline": [],
        "said": [],
        "group_by": None,
        "parameters": {},
        "spaces": {},
        "risks": {},
    }
    return cast(Line, line | changed)
