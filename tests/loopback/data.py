"""Raw records as the W&B server would tell them: the way back from ``analysis.sources`` to the protocol.

Nodes are dictionaries; a field that takes arguments is a function, which graphql-core calls with them.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import yaml

from aftersweep.analysis.sources.base import RawRun, RawSweep

Node = dict[str, Any]


def spell(value: Any) -> Any:
    """A metric as W&B spells it in JSON: NaN and the infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: spell(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spell(item) for item in value]
    return value


def stamp(seconds: float | None) -> str | None:
    """A time as W&B writes it: UTC, whole seconds."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """A table of ``analysis.sources.base`` as logged rows; a key is left out where it was not logged."""
    text = {field.name for field in table.schema if pa.types.is_string(field.type)}
    return [
        {key: spell(json.loads(v) if key in text else v) for key, v in row.items() if v is not None}
        for row in table.to_pylist()
    ]


def thin(rows: list[Any], samples: int) -> list[Any]:
    """``rows`` thinned evenly to at most ``samples``, as the server's sampling does."""
    if len(rows) <= samples:
        return rows
    return [rows[i * len(rows) // samples] for i in range(samples)]


def history_keys(rows: Sequence[Mapping[str, Any]]) -> Node:
    """The ``historyKeys`` of a run: how often each key was logged, with which type."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        for key, value in row.items():
            kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else "string"
            kinds = counts.setdefault(key, {})
            kinds[kind] = kinds.get(kind, 0) + 1
    keys = {key: {"typeCounts": [{"type": t, "count": n} for t, n in kinds.items()]} for key, kinds in counts.items()}
    return {"keys": keys, "lastStep": max((row["_step"] for row in rows), default=-1)}


def connection(nodes: Sequence[Node], first: int | None, after: str | None) -> Node:
    """One page of ``nodes``; the cursor is opaque to the client, here the offset in base64."""
    start = int(base64.b64decode(after)) if after else 0
    stop = start + (first if first is not None else 50)
    edges = [{"node": node, "cursor": _cursor(start + i + 1)} for i, node in enumerate(nodes[start:stop])]
    end = edges[-1]["cursor"] if edges else after
    return {"edges": edges, "pageInfo": {"endCursor": end, "hasNextPage": stop < len(nodes)}}


def _cursor(offset: int) -> str:
    return base64.b64encode(str(offset).encode()).decode()


def run_node(run: RawRun, sweep_id: str, samples_cap: int) -> Node:
    """The node of one run. samples_cap: the most rows that one sampled history holds."""
    rows = rows_of(run.history)
    events = [json.dumps({k: v for k, v in row.items() if k != "_step"}) for row in rows_of(run.system)]
    config: Node = {key: {"value": value, "desc": None} for key, value in run.config.items()}
    writer = {"host": run.host, "gpu": run.gpu, "os": "Linux"}
    config["_wandb"] = {"value": {"cli_version": "0.31.0", "e": {"w1": {k: v for k, v in writer.items() if v}}}}
    summary = spell(dict(run.summary))
    if run.runtime_s is not None:
        summary["_wandb"] = {"runtime": run.runtime_s}
    return {
        "id": base64.b64encode(f"Run:v1:{run.id}".encode()).decode(),
        "projectId": "1",
        "name": run.id,
        "displayName": run.name,
        "sweepName": run.sweep_id or sweep_id,
        "state": run.state,
        "config": json.dumps(config),
        "group": run.group,
        "jobType": run.job_type,
        "readOnly": True,
        "createdAt": stamp(run.created_at),
        "heartbeatAt": stamp(run.heartbeat_at),
        "notes": run.notes,
        "tags": list(run.tags),
        "user": {"name": run.user, "username": run.user} if run.user else None,
        "systemMetrics": "{}",
        "summaryMetrics": json.dumps(summary),
        "historyLineCount": run.history_rows_expected if run.history_rows_expected is not None else len(rows),
        "historyKeys": history_keys(rows),
        "exitcode": run.exit_code,
        "stopped": run.stop_requested,
        "host": run.host,
        "runInfo": {"gpu": run.gpu, "gpuCount": 1},
        "history": _history(rows),
        "sampledHistory": _sampled_history(rows, samples_cap),
        "parquetHistory": lambda _info, liveKeys: {"parquetUrls": [], "liveData": []},  # noqa: ARG005
        "events": lambda _info, samples=500: thin(events, min(samples, samples_cap)),
        "logLineCount": len(run.log_tail),
        "logLines": _log_lines(run.log_tail),
    }


def _history(rows: list[dict[str, Any]]) -> Callable[..., list[str]]:
    def history(_info: Any, samples: int = 500, **steps: Any) -> list[str]:
        low, high = int(steps.get("minStep") or 0), steps.get("maxStep")
        chosen = [row for row in rows if low <= row["_step"] and (high is None or row["_step"] < int(high))]
        return [json.dumps(row) for row in thin(chosen, samples)]

    return history


def _sampled_history(rows: list[dict[str, Any]], cap: int) -> Callable[..., list[list[Node]]]:
    def sampled(_info: Any, specs: Sequence[str]) -> list[list[Node]]:
        return [one(json.loads(spec)) for spec in specs]

    def one(spec: Mapping[str, Any]) -> list[Node]:
        low, high = spec.get("minStep", 0), spec.get("maxStep", math.inf)
        held = [row for row in rows if low <= row["_step"] <= high and all(key in row for key in spec["keys"])]
        return [{key: row[key] for key in spec["keys"]} for row in thin(held, min(spec.get("samples", 500), cap))]

    return sampled


def _log_lines(lines: Sequence[str]) -> Callable[..., Node]:
    nodes = [
        {
            "number": i,
            "timestamp": "2024-05-01T10:00:00.123",
            "level": "",
            "label": "",
            "line": f"\x1b[32m{line}\x1b[0m\n",
        }
        for i, line in enumerate(lines)
    ]

    def log_lines(
        _info: Any, first: int | None = None, last: int | None = None, after: str | None = None, **_: Any
    ) -> Node:
        return connection(nodes[-last:], last, None) if last else connection(nodes, first, after)

    return log_lines


def sweep_node(sweep: RawSweep, runs: Sequence[RawRun], run_nodes: Sequence[Node]) -> Node:
    """The node of the sweep, with its agents."""
    config = dict(sweep.config or {})
    by_agent: dict[str, list[Node]] = {}
    for run, node in zip(runs, run_nodes, strict=True):
        if run.agent is not None:
            by_agent.setdefault(run.agent, []).append(node)
    agents = [_agent_node(name, nodes) for name, nodes in by_agent.items()]
    return {
        "id": base64.b64encode(f"Sweep:v1:{sweep.id}".encode()).decode(),
        "name": sweep.id,
        "displayName": sweep.name,
        "method": config.get("method"),
        "state": sweep.state,
        "description": sweep.description,
        "config": yaml.safe_dump(config, allow_unicode=True, sort_keys=False) if config else None,
        "createdAt": stamp(sweep.created_at),
        "updatedAt": stamp(sweep.created_at),
        "runCount": len(runs),
        "agents": {"edges": [{"node": agent} for agent in agents]},
        "agent": lambda _info, agentName: next((a for a in agents if a["name"] == agentName), None),
    }


def _agent_node(name: str, nodes: Sequence[Node]) -> Node:
    return {
        "id": name,
        "name": name,
        "host": "node-00",
        "state": "FINISHED",
        "totalRuns": len(nodes),
        "createdAt": nodes[0]["createdAt"],
        "heartbeatAt": nodes[-1]["heartbeatAt"],
        "runs": lambda _info, first=50, after=None, **_: connection(nodes, first, after),
    }


def matches(node: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """True where a run passes the filter, in the part of W&B's filter language that is sent here."""
    names = {"sweep": "sweepName", "name": "name", "state": "state"}
    for key, wanted in query.items():
        if key == "$and":
            if not all(matches(node, part) for part in wanted):
                return False
        elif isinstance(wanted, Mapping):
            if set(wanted) != {"$in"} or node[names[key]] not in wanted["$in"]:
                return False
        elif node[names[key]] != wanted:
            return False
    return True
