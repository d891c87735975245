"""Run by the Python of the reference environment: the grid that ``sweeps`` goes through, in its order.

Not a test and not imported: it uses numpy < 2, which the product does not. Reads the ``parameters`` of sweeps as JSON.
"""

import json
import sys

from sweeps.grid_search import grid_search_next_runs

MOST = 200
grids = []
for parameters in json.load(sys.stdin):
    runs = grid_search_next_runs([], {"method": "grid", "parameters": parameters}, n=MOST)
    grids.append([{name: one["value"] for name, one in run.config.items()} for run in runs if run is not None])
json.dump(grids, sys.stdout)
