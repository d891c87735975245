"""Whole histories out of sampled ones.

``sampledHistory`` returns, for each spec, only the rows that hold all keys of the spec, and at most ``samples`` of
them. So there is one spec a key, each with the step, plus one with the step alone, which gives every row; all ask
for more rows than there are. Joined by step they are the whole history, and both the number of rows
(``historyLineCount``) and the number of values of each key (``historyKeys``) are known to check it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .base import Json
from .wandb_records import CLOCKS, counts, flat, logged_row

PAGE = 1000
"""Rows that a page of a single run's history holds, about."""
MOST_WINDOWS = 2000
"""Pages of one run; what lies behind them is reported as lost."""


@dataclass(frozen=True)
class Plan:
    """What a batch asks of the server, and how the answer is read."""

    keys: tuple[str, ...]
    samples: int
    all_keys: bool = True
    """False where some keys are left out on purpose."""

    def specs(self) -> list[str]:
        """The specs as the server wants them: the step alone, then each clock and key with its step."""
        groups = [["_step"], *(["_step", key] for key in (*CLOCKS, *self.keys))]
        return [json.dumps({"keys": keys, "samples": self.samples}) for keys in groups]

    def join(self, node: Mapping[str, Json]) -> list[dict[str, Json]] | None:
        """The history of ``node`` by step, or None where the samples are not all of it."""
        answers = node.get("sampledHistory")
        groups = (None, *CLOCKS, *self.keys)
        if not isinstance(answers, list) or len(answers) != len(groups):
            return None
        rows: dict[int, dict[str, Json]] = {}
        values = dict.fromkeys(self.keys, 0)
        for key, answer in zip(groups, answers, strict=True):
            for found in answer or ():
                step = found.get("_step")
                if not isinstance(step, int | float) or (key is not None and step not in rows):
                    return None
                if key is None:
                    rows[int(step)] = {"_step": int(step)}
                else:
                    rows[int(step)][key] = found.get(key)
                    values[key] = values.get(key, 0) + 1
        if len(rows) != len(answers[0] or ()) or len(rows) < (node.get("historyLineCount") or 0):
            return None  # a step that comes twice, or rows left out
        logged = counts(node)
        if any(values[key] < logged.get(key, 0) for key in self.keys):
            return None
        if self.all_keys and any(key not in self.keys for key in logged):
            return None  # a key came up since the plan was made
        return [logged_row(rows[step], self.keys) for step in sorted(rows)]


def windows(node: Mapping[str, Json]) -> Iterator[tuple[int, int]]:
    """Step ranges ``[low, high)`` that together hold all steps of a run, about ``PAGE`` rows each."""
    keys = node.get("historyKeys")
    last = keys.get("lastStep") if isinstance(keys, Mapping) else None
    lines = int(node.get("historyLineCount") or 0)
    stop = (last if isinstance(last, int) else lines - 1) + 1
    pages = min(MOST_WINDOWS, -(-lines // PAGE) or 1)
    width = max(PAGE, -(-stop // pages))
    for low in range(0, stop, width):
        yield low, min(stop, low + width)


def page_rows(lines: Sequence[Json], keys: Sequence[str]) -> list[dict[str, Json]]:
    """The rows of a page of ``history``, whose lines are JSON texts; a damaged line is left out (and so counted)."""
    rows = []
    for line in lines:
        try:
            row = json.loads(line) if isinstance(line, str) else line
        except ValueError:
            continue
        if isinstance(row, Mapping) and isinstance(row.get("_step"), int | float):
            rows.append(logged_row(flat(row), keys))
    return rows
