"""Run by the Python of the reference environment: reads sweep configurations as JSON, writes what ``sweeps`` refuses.

Not a test and not imported: it uses numpy < 2, which the product does not.
"""

import json
import sys

from sweeps.config import schema_violations_from_proposed_config

refused = {}
for number, config in enumerate(json.load(sys.stdin)):
    violations = schema_violations_from_proposed_config(config)
    if violations:
        refused[number] = [str(one)[:200] for one in violations]
json.dump(refused, sys.stdout)
