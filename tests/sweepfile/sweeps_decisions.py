"""Run by the Python of the reference environment: reads cases as JSON, writes what the package ``sweeps`` decides.

Not a test and not imported: it uses numpy < 2, which the product does not.
"""

import json
import sys

from sweeps import RunState, SweepRun
from sweeps.hyperband_stopping import hyperband_stop_runs


def decide(case: dict) -> dict:
    """The names of the runs to stop, and the bands and thresholds, or the kind of error."""
    runs = [
        SweepRun(
            name=run["name"],
            state=RunState(run["state"]),
            history=[{case["config"]["metric"]["name"]: value} for value in run["history"]],
        )
        for run in case["runs"]
    ]
    try:
        stopped = hyperband_stop_runs(runs, case["config"])
    except Exception as error:  # the reference raises whatever its parts raise; the kind is compared
        return {"error": type(error).__name__}
    told = next((run.early_terminate_info for run in runs if run.early_terminate_info), {})
    return {
        "stopped": sorted(run.name for run in stopped),
        "bands": told.get("bands"),
        "thresholds": told.get("thresholds"),
    }


json.dump([decide(case) for case in json.load(sys.stdin)], sys.stdout)
