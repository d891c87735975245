"""Changes put into a sweep file."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ..results.following import Change


def apply(config: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """A deep copy of ``config`` with each change at its path, in turn; keys that stay keep their order.

    A change without ``new`` and with the action ``remove`` takes the key away, and is nothing where there is none.
    """
    made: dict[str, Any] = copy.deepcopy(dict(config))
    for change in changes:
        at = made
        for key in change.path[:-1]:
            inner = at.get(key)
            if not isinstance(inner, dict):
                inner = dict(inner) if isinstance(inner, Mapping) else {}
                at[key] = inner
            at = inner
        if change.action == "remove":
            at.pop(change.path[-1], None)
        else:
            at[change.path[-1]] = copy.deepcopy(change.new)
    return made
