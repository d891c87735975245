"""Run by the Python of the reference environment: W&B's bayes search, one suggestion a line.

Not a test and not imported: it uses numpy < 2, which the product does not. The first line read holds the sweep file,
the parameters' names, the runs so far and a seed; each further one the run that was just suggested.
"""

import json
import random
import sys

import numpy as np
from sweeps import RunState, SweepRun, next_run


def as_run(number, names, told, metric):
    """A run as the package knows it: a crash has the state that W&B gives it, and no value."""
    done = told["value"] is not None
    return SweepRun(
        name=f"r{number}",
        config={name: {"value": one} for name, one in zip(names, told["code"], strict=True)},
        state=RunState.finished if done else RunState.crashed,
        summary_metrics={metric: told["value"]} if done else {},
        history=[{metric: told["value"]}] if done else [],
    )


first = json.loads(sys.stdin.readline())
random.seed(first["seed"])
np.random.seed(first["seed"])
names, metric = first["names"], first["config"]["metric"]["name"]
runs = [as_run(i, names, told, metric) for i, told in enumerate(first["runs"])]
while True:
    suggested = next_run(first["config"], runs)
    print(json.dumps([int(suggested.config[name]["value"]) for name in names]), flush=True)
    line = sys.stdin.readline()
    if not line:
        break
    runs.append(as_run(len(runs), names, json.loads(line), metric))
