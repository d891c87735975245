"""Run by the Python of the reference environment: the values that ``sweeps`` has at given places of distributions.

Not a test and not imported: it uses numpy < 2, which the product does not. Reads [specifications, places] as JSON.
"""

import json
import sys

import numpy as np
from sweeps.params import HyperParameter

specs, places = json.load(sys.stdin)
drawn = [HyperParameter("p", spec).ppf(np.array(places)) for spec in specs]
json.dump([np.asarray(values).tolist() for values in drawn], sys.stdout)
