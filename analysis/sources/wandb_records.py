"""What a W&B server says, as raw records: one place for both ways of asking it.

A *node* is a run as the server's GraphQL tells it. All text is hostile: sizes are bounded, nothing is evaluated.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from ..errors import FormatError
from .base import Json, RawRun, RawSweep, RunStub, SourceInfo, empty_history, history_table, restore_nonfinite
from .offline_console import clean_line
from .wandb_session import Target

Node = Mapping[str, Json]

MAY_CHANGE = ("running", "pending", "preempting")
MOST_KEYS = 64
"""Keys of a run whose history is read; more than that are gradients and the like."""
NO_TAIL = "The console lines and system metrics could not be read."
CLOCKS = ("_timestamp", "_runtime")
_SCALAR_KINDS = {"number", "string", "nil", "boolean", "bool"}
_MATTERS = (
    re.compile(r"(^|[/._])(epoch|global_step)s?$", re.IGNORECASE),
    re.compile(r"(^|[/._])(val|valid|validation|test|eval)([/._]|$)", re.IGNORECASE),
    re.compile(r"(loss|acc|f1|auc|score|error|reward|perplexity)", re.IGNORECASE),
)
MAX_CONFIG = 1_000_000
"""Characters of a sweep configuration, or of its aliases' targets written out."""


def seconds(text: object) -> float | None:
    """A server's time as seconds since 1970; without a zone it is UTC."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def mapping(value: Json, what: str, problems: list[str]) -> dict[str, Json]:
    """A JSON object that the server sends as text; an empty one, and a problem, where it is damaged."""
    if isinstance(value, str):
        try:
            value = json.loads(value, strict=False)
        except (ValueError, RecursionError):
            value = ()
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.append(f"The server's {what} is not a JSON object; it was left out.")
        return {}
    return dict(value)


def sweep_record(node: Node, target: Target, app_url: str) -> RawSweep:
    """The sweep of the server's ``node``. Raises FormatError where its configuration is no mapping."""
    text = node.get("config")
    config: Json = None
    if isinstance(text, str) and text.strip():
        config = _yaml(text)
        if not isinstance(config, Mapping):
            raise FormatError(f"the stored configuration of sweep {target.sweep} is not a mapping")
    name = node.get("displayName") or (config or {}).get("name")
    return RawSweep(
        id=target.sweep,
        source=SourceInfo(kind="server", target=target.printable),
        entity=target.entity,
        project=target.project,
        name=name if isinstance(name, str) else None,
        description=node.get("description") or (config or {}).get("description"),
        state=node.get("state"),
        created_at=seconds(node.get("createdAt")),
        url=f"{app_url}/{target.entity}/{target.project}/sweeps/{target.sweep}",
        config=config,
    )


class _Yaml(yaml.SafeLoader):
    """The safe loader, which also reads ``1e-05`` as a number: servers write so, YAML 1.1 takes it for text."""


_Yaml.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), [*"-+0123456789"]
)


def _yaml(text: str) -> Json:
    try:
        if len(text) > MAX_CONFIG:
            raise ValueError("too long")
        if sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)) > 100:
            raise ValueError("too many aliases")  # a few kilobytes of nested aliases stand for gigabytes
        return yaml.load(text, _Yaml)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise FormatError("the stored configuration of the sweep is not YAML of a reasonable size") from None


def stub(node: Node) -> RunStub:
    """The run's stub; its fingerprint covers line count, heartbeat, state, config and summary."""
    watched = [node.get(key) for key in ("historyLineCount", "heartbeatAt", "state", "config", "summaryMetrics")]
    digest = hashlib.sha256(json.dumps(watched, sort_keys=True, default=str).encode()).hexdigest()
    return RunStub(id=str(node["name"]), fingerprint=digest, final=node.get("state") not in MAY_CHANGE)


def counts(node: Node) -> dict[str, int]:
    """How often each scalar key was logged, after the run's ``historyKeys``; W&B's own keys are left out.

    A server that does not give ``historyKeys`` leaves the numbers of the summary, logged an unknown number of times
    (0, for all counts are lower bounds).
    """
    keys = node.get("historyKeys")
    listed = keys.get("keys") if isinstance(keys, Mapping) else None
    if not isinstance(listed, Mapping) and node.get("historyLineCount"):
        summary = mapping(node.get("summaryMetrics"), "summary", [])
        numbers = [key for key, value in summary.items() if isinstance(restore_nonfinite(value), int | float)]
        return {key: 0 for key in numbers if not key.startswith("_")}
    found: dict[str, int] = {}
    for key, about in listed.items() if isinstance(listed, Mapping) else ():
        kinds = about.get("typeCounts") if isinstance(about, Mapping) else None
        kinds = [kind for kind in kinds or () if isinstance(kind, Mapping)]
        if not key.startswith("_") and any(kind.get("type") in _SCALAR_KINDS for kind in kinds):
            found[key] = sum(int(kind.get("count") or 0) for kind in kinds if kind.get("type") != "nil")
    return found


def chosen_keys(found: Iterable[str], metric: str | None) -> list[str]:
    """The keys whose histories are read, all where there are few: first the sweep's metric, epochs, validation."""

    def rank(key: str) -> int:
        if key == metric:
            return -1
        return next((i for i, pattern in enumerate(_MATTERS) if pattern.search(key)), len(_MATTERS))

    ordered = list(dict.fromkeys(found))
    kept = set(sorted(ordered, key=rank)[:MOST_KEYS])
    return [key for key in ordered if key in kept]


def flat(row: Mapping[str, Json]) -> dict[str, Json]:
    """A logged row with nested groups under dotted names, as ``sampledHistory`` names them; media stay whole."""
    result: dict[str, Json] = {}
    for key, value in row.items():
        if isinstance(value, Mapping) and "_type" not in value:
            result.update({f"{key}.{inner}": item for inner, item in flat(value).items()})
        else:
            result[key] = value
    return result


def logged_row(row: Mapping[str, Json], keys: Sequence[str]) -> dict[str, Json]:
    """The values of ``keys`` in one row, non-finite ones as floats, with the step first."""
    values = flat(row)
    wanted = ("_step", *CLOCKS, *keys)
    return {key: restore_nonfinite(values[key]) for key in wanted if values.get(key) is not None}


def system_table(events: Iterable[Json]) -> Any:
    """The memory metrics of a run's system events, by time; the table of ``base.py``."""
    rows = []
    for event in events:
        row = mapping(event, "system metrics", [])
        kept = {key: restore_nonfinite(value) for key, value in row.items() if "memory" in key.casefold()}
        if kept:
            rows.append({"_step": None, "_timestamp": row.get("_timestamp"), "_runtime": row.get("_runtime"), **kept})
    rows.sort(key=lambda row: row["_timestamp"] or 0.0)
    return history_table(rows) if rows else empty_history()


def log_tail(lines: Iterable[str]) -> tuple[str, ...]:
    """The last 200 console lines, cleaned of colour codes and control characters."""
    return tuple(clean_line(line.rstrip("\r\n")) for line in list(lines)[-200:])


def run_record(
    node: Node,
    rows: Sequence[Mapping[str, Json]],
    *,
    events: Iterable[Json] = (),
    lines: Iterable[str] = (),
    agent: str | None = None,
    keys: Iterable[str] = (),
    problems: Iterable[str] = (),
) -> RawRun:
    """The run of a server's ``node`` with its history ``rows`` (as ``logged_row`` makes them) of ``keys``."""
    said = list(problems)
    logged = counts(node)
    if left_out := len(set(logged) - set(keys)):
        said.append(f"The histories of {left_out} of {len(logged)} logged keys were not read.")
    raw_config = mapping(node.get("config"), "config", said)
    config = {key: v["value"] if isinstance(v, Mapping) and "value" in v else v for key, v in raw_config.items()}
    writer = _writer(config.pop("_wandb", None))
    config.pop("wandb_version", None)
    summary = {
        key: restore_nonfinite(value) for key, value in mapping(node.get("summaryMetrics"), "summary", said).items()
    }
    about = summary.pop("_wandb", None)
    runtime = about.get("runtime") if isinstance(about, Mapping) else None
    runtime = summary.get("_runtime") if runtime is None else runtime
    expected = node.get("historyLineCount")
    if isinstance(expected, int) and expected > len(rows):
        said.append(f"The server names {expected} history rows; {len(rows)} could be read.")
    exit_code = node.get("exitcode")
    user = node.get("user") or {}
    info = node.get("runInfo") or {}
    stops = [node[key] for key in ("stopped", "shouldStop") if node.get(key) is not None]
    return RawRun(
        id=str(node["name"]),
        name=str(node.get("displayName") or node["name"]),
        state=str(node.get("state") or "unknown"),
        config=config,
        summary=summary,
        created_at=seconds(node.get("createdAt")),
        heartbeat_at=seconds(node.get("heartbeatAt")),
        runtime_s=float(runtime) if isinstance(runtime, int | float) else None,
        host=writer.get("host") or node.get("host"),
        gpu=writer.get("gpu") or info.get("gpu"),
        agent=agent,
        user=user.get("username") or user.get("name"),
        group=node.get("group") or None,
        job_type=node.get("jobType") or None,
        tags=tuple(str(tag) for tag in node.get("tags") or ()),
        notes=node.get("notes") or None,
        sweep_id=node.get("sweepName"),
        exit_code=exit_code if isinstance(exit_code, int) else None,
        stop_requested=any(stops) if stops else None,
        history=history_table(rows) if rows else empty_history(),
        history_rows_expected=expected if isinstance(expected, int) else None,
        system=system_table(events),
        log_tail=log_tail(lines),
        problems=tuple(said),
    )


def _writer(about: Json) -> dict[str, Json]:
    """The machine that wrote the run, which the SDK keeps in the config (``_wandb.value.e``, one entry a writer)."""
    writers = about.get("e") if isinstance(about, Mapping) else None
    entries = list(writers.values()) if isinstance(writers, Mapping) else []
    return dict(entries[-1]) if entries and isinstance(entries[-1], Mapping) else {}
