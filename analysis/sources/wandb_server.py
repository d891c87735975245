"""A sweep on a W&B server, cloud or self-hosted, read in few requests.

A loop over the official ``Api`` costs two to three requests a run. Here one request lists up to 200 runs, one
brings the configs, summaries and whole histories of up to 100, and one the console lines and system metrics of 50
that did not finish. A server that refuses such queries is read through the official client (``wandb_official.py``).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ..errors import ForbiddenError, UsageError
from . import wandb_queries as queries
from .base import Json, RawRun, RawSweep, RunStub
from .sweep_path import parse_sweep_word
from .wandb_histories import Plan, page_rows, windows
from .wandb_login import check_site, find_login
from .wandb_missing import hidden_project, missing_sweep
from .wandb_official import OfficialSource
from .wandb_records import NO_TAIL, Node, chosen_keys, counts, run_record, stub, sweep_record
from .wandb_session import Deadline, Limits, MissingError, OverloadedError, RefusedError, Session, Target, well_formed

T = TypeVar("T")
Part = tuple[list[str], Deadline, bool]
"""Runs to ask for at once, by when, and whether a server error is to be raised at once."""


def open_server(word: str, *, limits: Limits | None = None) -> ServerSource:
    """The sweep that the user's ``word`` names, on the server that the official client is set up for.

    Raises UsageError for a word that names none, CredentialsError where there is no key.
    """
    path = parse_sweep_word(word)
    if path is None:
        raise UsageError(
            f"'{word}' names no sweep. Give ENTITY/PROJECT/SWEEP, the sweep's URL, its id, or an existing path."
        )
    return ServerSource(path.entity, path.project, path.sweep, site=path.site, limits=limits)


class ServerSource:
    """One sweep of a W&B server; a ``Source``.

    entity, project: None means the official client's default (environment, settings, then the account's own).
    base_url, api_key: None means what the official client uses.
    site: scheme and host of the URL that the user pasted; it must be the server that the client is set up for.

    Raises CredentialsError or UsageError when made; the methods raise what ``Source`` says, and UnknownSweepError
    tells what the server lets us know of a sweep that is private, deleted or was never there.
    """

    def __init__(
        self,
        entity: str | None,
        project: str | None,
        sweep_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        site: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._login = find_login(base_url, api_key)
        check_site(site, self._login)
        self._entity, self._project, self._sweep_id = entity or self._login.entity, project, sweep_id
        self._limits = limits or Limits()
        self._session = Session(
            self._login.base_url, self._login.key or "", proxies=self._login.proxies, limits=self._limits
        )
        self._target: Target | None = None
        self._official: OfficialSource | None = None
        self._known: set[str] | None = None
        self._metric: str | None = None
        self._listed: dict[str, Node] = {}
        self._tails_together = True
        self._agents: dict[str, str] | None = None

    @property
    def target(self) -> Target:
        """What is read, with the defaults filled in; may ask the server for the account's own entity."""
        if self._target is None:
            project = self._project or self._login.project
            if project is None:
                raise UsageError(
                    f"'{self._sweep_id}' names no project, and W&B has no default one. "
                    "Give ENTITY/PROJECT/SWEEP or set WANDB_PROJECT."
                )
            self._target = Target(self._login.base_url, self._entity or self._own_entity(), project, self._sweep_id)
        return self._target

    def sweep(self) -> RawSweep:
        """The sweep with its stored configuration."""
        return self._ask(self._sweep, lambda official: official.sweep())

    def list_runs(self) -> Sequence[RunStub]:
        """All runs of the sweep, oldest first: one request for each 200 runs."""
        return self._ask(self._list_runs, lambda official: official.list_runs())

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        """The named runs, batch by batch, in the order of ``ids`` within a batch."""
        missing = dict.fromkeys(ids)
        if self._batched:
            try:
                with well_formed(self._session.host):
                    for run in self._fetch(list(missing)):
                        missing.pop(run.id, None)
                        yield run
                return
            except RefusedError:
                pass
        yield from self._turn_to_official().fetch(list(missing))

    def _ask(self, ours: Callable[[], T], theirs: Callable[[OfficialSource], T]) -> T:
        if self._batched:
            try:
                with well_formed(self._session.host):
                    return ours()
            except RefusedError:
                pass
        return theirs(self._turn_to_official())

    @property
    def _batched(self) -> bool:
        """True while the server takes our queries; an identity token instead of a key only the client can use."""
        return self._official is None and self._login.key is not None

    def _turn_to_official(self) -> OfficialSource:
        if self._official is None:
            self._official = OfficialSource(self.target, app_url=self._login.app_url, api_key=self._login.key)
        return self._official

    def _own_entity(self) -> str:
        if self._login.key is not None:
            entity = (self._session.execute(queries.VIEWER, {}).get("viewer") or {}).get("entity")
        else:
            nameless = Target(self._login.base_url, "", "", self._sweep_id)
            entity = OfficialSource(nameless, app_url=self._login.app_url).default_entity()
        if entity:
            return str(entity)
        raise UsageError(
            f"'{self._sweep_id}' names no entity, and the account has no default one. "
            "Give ENTITY/PROJECT/SWEEP or set WANDB_ENTITY."
        )

    def _send(
        self, query: str, variables: dict[str, Json], deadline: Deadline | None = None, give_way: bool = False
    ) -> dict[str, Json]:
        """The server's answer to a query about the project, which is there in the answer."""
        names = {"entity": self.target.entity, "project": self.target.project}
        try:
            data = self._session.execute(query, {**names, **variables}, deadline=deadline, give_way=give_way)
        except MissingError:
            data = {}
        except ForbiddenError as error:
            raise ForbiddenError(
                f"the API key does not open {self.target} ({error}). Ask its owner for access."
            ) from None
        if data.get("project") is None:
            raise hidden_project(self._session, self.target)
        return data

    def _sweep(self) -> RawSweep:
        data = self._send(queries.SWEEP, {"sweep": self._sweep_id})
        node = data["project"].get("sweep")
        if node is None:
            raise missing_sweep(self._session, self.target)
        fields = (data.get("runType") or {}).get("fields") or ()
        self._known = {field["name"] for field in fields}
        record = sweep_record(node, self.target, self._login.app_url)
        metric = (record.config or {}).get("metric")
        name = metric.get("name") if isinstance(metric, dict) else None
        self._metric = name if isinstance(name, str) else None
        return record

    def _list_runs(self) -> list[RunStub]:
        self._listed = {}
        for node in self._pages({"$and": [{"sweep": self._sweep_id}]}):
            self._listed[str(node["name"])] = node  # a run seen on two pages keeps its place and its newer state
        return [stub(node) for node in self._listed.values()]

    def _pages(self, filters: Json) -> Iterator[Node]:
        """The nodes of the listing, page by page; a page that the server cannot serve is asked for in halves."""
        first, after = self._limits.listed, None
        deadline = Deadline(self._limits.deadline_s)
        while True:
            variables = {"filters": json.dumps(filters), "first": first, "after": after}
            try:
                data = self._send(queries.LISTING, variables, deadline, give_way=first > 1)
            except OverloadedError:
                if first == 1 or deadline.left <= 0:
                    raise
                first = max(1, first // 2)
                continue
            runs = data["project"].get("runs") or {}
            edges = runs.get("edges") or []
            yield from (edge["node"] for edge in edges)
            page = runs.get("pageInfo") or {}
            if not page.get("hasNextPage") or not edges:
                return
            after = page.get("endCursor") or edges[-1].get("cursor")
            deadline = Deadline(self._limits.deadline_s)

    def _fetch(self, ids: list[str]) -> Iterator[RawRun]:
        if self._known is None:
            self._sweep()
        unlisted = [run_id for run_id in ids if run_id not in self._listed]
        for chunk in _chunks(unlisted, self._limits.listed):
            for node in self._pages(_named(self._sweep_id, chunk)):
                self._listed[str(node["name"])] = node
        for batch in self._batches([run_id for run_id in ids if run_id in self._listed]):
            plan = self._plan(batch)
            found = {str(node["name"]): node for node in self._in_parts(batch, functools.partial(self._runs, plan))}
            unfinished = [run_id for run_id, node in found.items() if node.get("state") != "finished"]
            tails = {str(node["name"]): node for node in self._tails(unfinished)}
            for run_id in batch:
                if run_id in found:
                    yield self._record(found[run_id], plan, tails.get(run_id, {}))

    def _batches(self, ids: list[str]) -> Iterator[list[str]]:
        """Runs for one request each: few enough, and with few enough values of history."""
        batch: list[str] = []
        size = 0
        for run_id in ids:
            node = self._listed[run_id]
            values = int(node.get("historyLineCount") or 0) * (len(counts(node)) + 3)
            if batch and (len(batch) >= self._limits.batch or size + values > self._limits.rows):
                yield batch
                batch, size = [], 0
            batch.append(run_id)
            size += values
        if batch:
            yield batch

    def _plan(self, batch: list[str]) -> Plan:
        nodes = [self._listed[run_id] for run_id in batch]
        logged = {key: None for node in nodes for key in counts(node)}
        keys = chosen_keys(logged, self._metric)
        most = max(int(node.get("historyLineCount") or 0) for node in nodes)
        # room for what is logged while we read
        return Plan(tuple(keys), samples=2 * most + 1000, all_keys=len(keys) == len(logged))

    def _runs(self, plan: Plan, part: Part) -> Iterable[Node]:
        ids, deadline, give_way = part
        filters = json.dumps(_named(self._sweep_id, ids))
        variables = {"filters": filters, "first": len(ids), "specs": plan.specs()}
        return _nodes(self._send(queries.runs_query(self._known or ()), variables, deadline, give_way))

    def _tails(self, ids: list[str]) -> Iterator[Node]:
        """Console lines and system metrics; of one run after the other where the server refuses several at once."""
        texts = queries.tail_queries(self._known or ())
        if texts is None:
            return
        several, single = texts

        def ask(part: Part) -> Iterable[Node]:
            chosen, deadline, give_way = part
            filters = json.dumps(_named(self._sweep_id, chosen))
            return _nodes(self._send(several, {"filters": filters, "first": len(chosen)}, deadline, give_way))

        for chunk in _chunks(ids, self._limits.tails):
            if self._tails_together:
                try:
                    yield from list(self._in_parts(chunk, ask))
                    continue
                except RefusedError:
                    self._tails_together = False
            for run_id in chunk:
                try:
                    yield self._send(single, {"run": run_id})["project"].get("run") or {"name": run_id}
                except RefusedError:
                    yield {"name": run_id, "refused": True}

    def _in_parts(self, ids: list[str], ask: Callable[[Part], Iterable[Node]]) -> Iterator[Node]:
        """What ``ask`` gives for all of ``ids``; where the server is overloaded, for each half, and so on."""
        deadline = Deadline(self._limits.deadline_s)
        parts = [ids]
        while parts:
            part = parts.pop(0)
            try:
                nodes = ask((part, deadline, len(part) > 1))
            except OverloadedError:
                if len(part) == 1 or deadline.left <= 0:
                    raise
                half = (len(part) + 1) // 2
                parts[:0] = [part[:half], part[half:]]
            else:
                yield from nodes

    def _record(self, node: Node, plan: Plan, tail: Node) -> RawRun:
        keys: Sequence[str] = plan.keys
        rows = plan.join(node)
        if rows is None:
            keys = chosen_keys(counts(node), self._metric)
            rows = self._page_by_page(str(node["name"]), node, keys)
        lines = (edge["node"] for edge in (tail.get("logLines") or {}).get("edges") or ())
        return run_record(
            node,
            rows,
            events=tail.get("events") or (),
            lines=[str(line.get("line") or "") for line in sorted(lines, key=lambda line: line.get("number") or 0)],
            agent=self._agent_of(str(node["name"])),
            keys=keys,
            problems=[NO_TAIL] if tail.get("refused") else [],
        )

    def _page_by_page(self, run_id: str, node: Node, keys: Sequence[str]) -> list[dict[str, Json]]:
        rows: dict[int, dict[str, Json]] = {}
        for low, high in windows(node):
            steps = {"minStep": low, "maxStep": high, "samples": high - low}
            run = self._send(queries.HISTORY_PAGE, {"run": run_id, **steps})["project"].get("run") or {}
            for row in page_rows(run.get("history") or (), keys):
                rows[int(row["_step"])] = row
        return [rows[step] for step in sorted(rows)]

    def _agent_of(self, run_id: str) -> str | None:
        if self._agents is None:
            self._agents = {}
            variables = {"sweep": self._sweep_id, "first": max(1, len(self._listed))}
            try:
                data = self._send(queries.AGENTS, variables, give_way=True)
            except (OverloadedError, RefusedError):
                return None  # nice to know, and not worth a second request
            sweep = data["project"].get("sweep") or {}
            for edge in (sweep.get("agents") or {}).get("edges") or ():
                for run in (edge["node"].get("runs") or {}).get("edges") or ():
                    self._agents[str(run["node"]["name"])] = str(edge["node"]["name"])
        return self._agents.get(run_id)


def _nodes(data: dict[str, Json]) -> list[Node]:
    return [edge["node"] for edge in (data["project"].get("runs") or {}).get("edges") or ()]


def _named(sweep_id: str, ids: Sequence[str]) -> Json:
    return {"$and": [{"sweep": sweep_id}, {"name": {"$in": list(ids)}}]}


def _chunks(ids: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
