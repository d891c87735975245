"""What has to hold of every figure, and sweeps that try to break them."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from aftersweep import reports
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.types import Sweep
from aftersweep.reports.figures.base import Drawing

from ...factories import HYPERBAND, curve, make_run, make_sweep

TEMPLATES = Path(reports.__file__).parent / "templates"
HOSTILE = (
    "<script>alert(1)</script>",
    "<b>bold</b>&amp;",
    "role:nothing",
    "%{x} %{fullData.name}",
    "a\u202eb\x07c",
    "x" * 10_000,
    '"></svg><img src=x onerror=alert(1)>',
)
OWN_MARKUP = re.compile(r"<br>|<extra></extra>|^<b>(?=[^<>]*</b> q)|</b>(?= q)")
SCALES = {"sequential", "diverging"}


@functools.cache
def roles() -> frozenset[str]:
    """The custom properties that the page's style has."""
    texts = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "figure.css")]
    return frozenset(re.findall(r"--([a-z0-9_-]+):", "".join(texts)))


def coloured(value: Any) -> Any:
    """The figure with a colour in place of each role, as the page's script does it; a role that is not there fails."""
    if isinstance(value, str) and value.startswith("role:"):
        name, _, alpha = value.removeprefix("role:").partition("@")
        assert name in roles(), value
        assert not alpha or 0.0 <= float(alpha) <= 1.0, value
        return "Viridis" if name in SCALES else "#123456"
    if isinstance(value, dict):
        return {key: coloured(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [coloured(one) for one in value]
    return value


def texts(value: Any) -> list[str]:
    """All text in it."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, (list, tuple)) else []


def size(drawing: Drawing) -> int:
    """Bytes of the figure and its table as JSON."""
    parts = {"data": drawing.data, "layout": drawing.layout, "rows": drawing.rows}
    return len(json.dumps(parts, allow_nan=False, separators=(",", ":")).encode())


def check(drawing: Drawing, result: PostMortem) -> None:
    """The contract: plotly takes it, JSON takes it, its table is one, no text of a sweep is markup, no theme in it."""
    assert re.fullmatch("[a-z][a-z0-9-]*", drawing.id)
    assert drawing.title and drawing.description and drawing.columns
    assert set(drawing.findings) <= {finding.id for finding in result.findings}
    assert drawing.rows and all(len(row) == len(drawing.columns) for row in drawing.rows)
    assert size(drawing) > 0
    go.Figure(data=coloured(list(drawing.data)), layout=coloured(dict(drawing.layout)))
    assert not {"template", "title", "paper_bgcolor", "plot_bgcolor"} & set(drawing.layout)
    shown = [drawing.title, drawing.description, *drawing.columns, *drawing.notes]
    for text in [*shown, *texts([list(drawing.data), dict(drawing.layout), list(drawing.rows)])]:
        assert not re.search("[<>]", OWN_MARKUP.sub("", text)), text
        assert len(text) <= 3_200
        assert not re.search(r"\bnan\b|\x07|\u202e", text), text
    for trace in drawing.data:
        for name in ("hovertemplate", "texttemplate"):
            for template in texts([trace.get(name, "")]):
                assert "fullData" not in template, "a sweep's text in a template is a template"


def hostile_sweep() -> Sweep:
    """Every name of it tries something: runs, states, parameters, levels, the metric."""
    rng = np.random.default_rng(6)
    runs = []
    for i in range(42):
        bad = HOSTILE[i % len(HOSTILE)]
        crashed = rng.random() < (0.8 if i % 5 < 2 else 0.1)
        runs.append(
            make_run(
                f"r{i:02d}",
                curve(float(rng.uniform(0.4, 0.9)), int(rng.integers(1, 12)) if crashed else 20),
                name=f"{bad}{i}",
                state="crashed" if crashed else bad if i % 3 else "finished",
                exit_code=1 if crashed else None,
                config={name: HOSTILE[(i // 3 + j) % 7] for j, name in enumerate(HOSTILE[:3])} | {"lr": 0.1 * (i % 5)},
                start=1.7e9 + 300 * i,
            )
        )
    return make_sweep(runs, metric=HOSTILE[0] + "%{x}", early_terminate=HYPERBAND)


def sweep_of(n: int) -> Sweep:
    """Runs of which a high learning rate makes half crash; a third of the others is stopped by the rule."""
    rng = np.random.default_rng(n)
    runs = []
    for i in range(n):
        rate = float(10 ** rng.uniform(-5, -1))
        crashed = rng.random() < (0.6 if rate > 0.01 else 0.05)
        length = int(rng.integers(1, 20)) if crashed else 2 if i % 3 == 0 else 20
        runs.append(
            make_run(
                f"r{i:04d}",
                curve(float(rng.uniform(0.4, 0.9)), length),
                state="failed" if crashed else "crashed" if length == 2 else "finished",
                exit_code=1 if crashed else None,
                config={"lr": rate, "model": "xyz"[i % 3], "batch_size": [64, 128][i % 2]},
                start=1.7e9 + 300 * i,
                progress=length + float(rng.random()),
            )
        )
    return make_sweep(runs)


def of(sweep: Sweep) -> PostMortem:
    """Its post-mortem, at a time after all of it."""
    return post_mortem(sweep, now=2e9)
