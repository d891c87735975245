"""The small parts of the page, word for word: a change of their markup is seen in review.

``AFTERSWEEP_GOLDEN=write`` writes the files again; look at the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.types import Estimate, Finding
from aftersweep.reports.charts import stack, whisker
from aftersweep.reports.figures.base import Drawing
from aftersweep.reports.render import environment
from aftersweep.reports.view import Said

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = '<b onclick="x">a\'&{{ 1 + 1 }}</b>'


FINDING = Finding(
    id="F1",
    kind="crash_rate",
    subject="sweep",
    supported=False,
    estimate=Estimate(value=0.25, low=0.1, high=0.5, unit="share"),
    n=8,
    method="Wilson",
    q=0.2,
    caveats=(HOSTILE,),
    runs=("r1", HOSTILE),
    code="analysis/x.py:1 y",
)
SAID = Said(finding=FINDING, text=f"One in four of {HOSTILE}.", facts=(("n", "8"), ("Caveats", HOSTILE)))
FIGURE = Drawing(
    id="shape",
    title="A title &lt;b&gt;",
    findings=("F1",),
    description="In words",
    data=[{"type": "scatter", "x": [1, 2], "y": [0.5, None], "name": "&lt;i&gt;"}],
    layout={"height": 300, "sliders": [{"active": 1, "currentvalue": {"prefix": "Epoch"}, "steps": [
        {"label": "1", "method": "restyle", "args": [{}]}, {"label": "2", "method": "restyle", "args": [{}]}]}]},
    columns=("Run", "Loss"),
    rows=[("&lt;b&gt;r1", 0.5), ("r2", None)],
    notes=("2 of 3 runs are drawn.",),
)  # fmt: skip
IMPORTS = '{% from "macros.html.j2" import finding, whisker, idlink, named, statekey, drawn with context %}'
PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "finding": ("{{ finding(said) }}{{ finding(said, false) }}", {"said": SAID}),
    "figure": ('{{ drawn("shape") }}{{ drawn("none") }}', {"drawings": {"shape": FIGURE}}),
    "whisker": ("{{ whisker(bar, true) }}", {"bar": whisker(Estimate(value=2.0, low=1.0, high=4.0, unit="hazard ratio"),
                                                            low=0.05, high=20.0, log=True)}),
    "names": ("{{ named(name) }} {{ idlink('r1') }} {{ idlink(name) }} {{ statekey('crashed') }} {{ statekey(name) }}",
              {"name": HOSTILE * 3}),
    "flow": ('{% include "flow.html.j2" %}', {
        "state_bar": stack({"crashed": 3, HOSTILE: 1}, {}),
        "outcome_bar": stack({"completed": 4}, {"completed": "done"}),
        "result": {"status": {"total": 4}}}),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_as_it_was(name: str) -> None:
    source, values = PARTS[name]
    given = {"drawings": {}, "anchors": {"r1": "run-1"}, "most_runs": 100, **values}
    made = environment(markdown=False).from_string(IMPORTS + source).render(given)
    path = GOLDEN / f"{name}.html"
    if os.environ.get("AFTERSWEEP_GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")
    assert "<b onclick" not in made
