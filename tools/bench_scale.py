"""Time and memory of the whole analysis by the size of the sweep: ``make bench-scale``.

Each size runs in a process of its own, on tidied runs (reading and tidying are measured elsewhere). Printed, never
asserted; the exponent is the slope between neighbouring sizes (1 is linear).
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIZES = (100, 1_000, 10_000)
VALUES = 20


def sweep_of(runs: int, parameters: int) -> Any:
    """A random sweep under Hyperband with a crash hazard of 2 % an epoch, a third of its parameters continuous."""
    from aftersweep.analysis.sweepfile.config import Metric, read_config
    from aftersweep.analysis.types import Run, Sweep
    from aftersweep.analysis.values import level

    rng = np.random.default_rng(1)
    early = {"type": "hyperband", "max_iter": VALUES, "s": 2, "eta": 3, "strict": True}
    made = []
    for i in range(runs):
        config = {
            f"p{j:02d}": float(rng.random()) if j % 3 == 0 else int(rng.integers(0, 2 + j % 4))
            for j in range(parameters)
        }
        length = int(min(rng.geometric(0.02), rng.choice([2, 6, VALUES], p=[0.6, 0.2, 0.2])))
        values = np.cumsum(rng.random(length)) * 0.04 + rng.normal(0, 0.05)
        start = 1.7e9 + 60.0 * i
        made.append(
            Run(
                id=f"r{i:06d}",
                name=f"r{i}",
                state="finished" if length == VALUES else "crashed",
                config=config,
                created_at=start,
                ended_at=start + 60.0 * length + 30.0,
                runtime_s=60.0 * length + 30.0,
                host=f"node-{i % 8}",
                metric=values,
                metric_time=start + 60.0 * np.arange(1, length + 1),
                metric_progress=np.arange(1.0, length + 1),
                history_rows=length,
                progress=float(length),
                best=float(values.max()),
                best_progress=float(values.argmax() + 1),
            )
        )
    names = [f"p{j:02d}" for j in range(parameters)]
    levels = {name: tuple(sorted({level(run.config[name]) for run in made})) for name in names}
    declared = {
        name: {"min": 0.0, "max": 1.0} if len(levels[name]) > 8 else {"values": list(levels[name])} for name in names
    }
    metric = {"name": "val/acc", "goal": "maximize"}
    config = read_config({"method": "random", "metric": metric, "parameters": declared, "early_terminate": early})
    return Sweep(
        id="scale",
        runs=tuple(made),
        metric=Metric("val/acc", "maximize"),
        metric_decided_by="the benchmark",
        progress_unit="epochs",
        epoch_key="epoch",
        parameters=levels,
        config=config,
        budget=float(VALUES),
    )


def one(runs: int, parameters: int) -> dict[str, float]:
    """Seconds and peak memory (MB) of one size, in this process."""
    from aftersweep.analysis import postmortem
    from aftersweep.reports.as_json import to_json
    from aftersweep.reports.render import to_html

    sweep = sweep_of(runs, parameters)
    before = _peak()
    spent: dict[str, float] = {}
    for name in ("adjudicate", "parameter_risks", "interactions", "survival", "rank", "importance", "space", "outlook"):
        setattr(postmortem, name, _timed(name, getattr(postmortem, name), spent))
    begun = time.perf_counter()
    result = postmortem.post_mortem(sweep, now=2e9)
    analysis = time.perf_counter() - begun
    begun = time.perf_counter()
    page, text = to_html(result, "0", 0.0), to_json(result, "0")
    pages = time.perf_counter() - begun
    sizes = {"html_mb": len(page) / 1e6, "json_mb": len(text) / 1e6}
    return {"analysis": analysis, "pages": pages, "peak_mb": _peak(), "before_mb": before, **sizes, **spent}


def _timed(name: str, function: Callable[..., Any], spent: dict[str, float]) -> Callable[..., Any]:
    def wrapped(*args: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*args, **named)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - begun

    return wrapped


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parameters", type=int, default=30)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--child", type=int)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(one(asked.child, asked.parameters)))
        return
    rows = {}
    for size in asked.sizes:
        command = [sys.executable, __file__, "--child", str(size), "--parameters", str(asked.parameters)]
        rows[size] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"{size} runs x {asked.parameters} parameters: " + ", ".join(_shown(*item) for item in rows[size].items())
        )
    for small, large in zip(asked.sizes, asked.sizes[1:], strict=False):
        slopes = {
            name: math.log(rows[large][name] / rows[small][name]) / math.log(large / small)
            for name in ("analysis", "pages", "peak_mb")
        }
        print(f"{small} to {large} runs, exponents: " + ", ".join(f"{k} {v:.2f}" for k, v in slopes.items()))


def _shown(name: str, value: float) -> str:
    return f"{name.removesuffix('_mb')} {value:.1f} {'MB' if name.endswith('_mb') else 's'}"


if __name__ == "__main__":
    main()
