"""A W&B server on the loopback interface, which serves one sweep from raw records.

It executes queries with graphql-core against the schema of ``schema.py``: a query with a field, an argument or a
type that the client does not know of is refused as a real server would refuse it.
"""

from __future__ import annotations

import base64
import io
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow.parquet as pq
from graphql import GraphQLError, execute, parse, validate

from aftersweep.analysis.sources.base import RawRun, RawSweep

from .data import Node, connection, matches, run_node, sweep_node
from .schema import schema

KEY = "c0ffee" * 8
"""The API key that the server accepts unless told otherwise."""
CERTIFICATE = Path(__file__).parent / "loopback.pem"
"""A self-signed certificate for 127.0.0.1 with its key, made for these tests alone."""


@dataclass(frozen=True)
class Request:
    """One request as it came in, without its credentials."""

    operation: str
    query: str
    variables: Mapping[str, Any]
    operation_name: str | None
    key_accepted: bool


@dataclass
class Fault:
    """A trouble that the server has with the next ``times`` requests whose text holds ``match``."""

    status: int = 500
    times: int = 1
    match: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = '{"errors": [{"message": "trouble"}]}'
    delay_s: float = 0.0
    when: Callable[[Request], bool] | None = None
    """A further condition."""


class LoopbackServer:
    """``with LoopbackServer(sweep, runs) as server:`` serves until the block ends, at ``server.url``.

    runs may be replaced (``server.runs = [...]``) while the server serves, as runs change while they are read.
    latency_s: what each request takes longer, in seconds.
    refuse_batched: refuse histories, logs and events of several runs in one query, and introspection.
    without: fields of the schema that this server does not know.
    samples_cap: the most rows of a sampled history, whatever the query asks for.
    forbidden, deleted, private: the sweep may not be read; the sweep is gone while its runs are still there; the
    project is hidden, as the server hides it from those who may not know of it.
    fail: troubles, used up in their order.
    parquet: hand out whole histories as Parquet files, as the cloud does with runs that ended a while ago.
    tls: serve HTTPS with the certificate of ``CERTIFICATE``, which nobody trusts who is not told to.
    """

    def __init__(
        self,
        sweep: RawSweep,
        runs: Sequence[RawRun],
        *,
        key: str = KEY,
        latency_s: float = 0.0,
        refuse_batched: bool = False,
        introspection: bool = True,
        without: tuple[str, ...] = (),
        samples_cap: int = 100_000,
        forbidden: bool = False,
        deleted: bool = False,
        private: bool = False,
        fail: Sequence[Fault] = (),
        tls: bool = False,
        parquet: bool = False,
    ) -> None:
        self.sweep = sweep
        self.runs: Sequence[RawRun] = runs
        self.requests: list[Request] = []
        self.created: list[dict[str, Any]] = []
        """What each new sweep was asked for with."""
        self.published: list[dict[str, Any]] = []
        """Each report that was saved, as it was sent; ``spec`` is its content."""
        self.before: Callable[[Request], None] = lambda _request: None
        self.key = key
        self.latency_s = latency_s
        self.fail = list(fail)
        self._batched = not refuse_batched
        self._introspection = introspection and not refuse_batched
        self._forbidden, self._deleted, self._private = forbidden, deleted, private
        self._samples_cap = samples_cap
        self._schema = schema(without)
        self._parquet = parquet
        self._nodes: dict[str, tuple[RawRun | None, Node]] = {}
        self._lock = threading.Lock()
        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._httpd.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._httpd.socket = context.wrap_socket(
                self._httpd.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._httpd.server_port}"

    @property
    def operations(self) -> list[str]:
        """The names of the operations asked for, in order."""
        return [request.operation for request in self.requests]

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._httpd.shutdown()
        self._thread.join()
        self._httpd.server_close()

    def answer(self, request: Request) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and body for one request."""
        self.requests.append(request)
        self.before(request)
        time.sleep(self.latency_s)
        if (fault := self._fault(request)) is not None:
            time.sleep(fault.delay_s)
            return fault.status, fault.headers, fault.body
        if not request.key_accepted:
            return _errors(401, "user is not logged in")
        if self._forbidden and "project(" in request.query:
            return _errors(403, "permission denied", code="PERMISSION_ERROR")
        if not self._introspection and "__type(" in request.query:
            return _errors(400, "introspection is disabled")
        if not self._batched and _is_batched(request.query):
            return _errors(400, 'Cannot query field "sampledHistory" on type "Run" below "runs".')
        return self._execute(request)

    def _execute(self, request: Request) -> tuple[int, Mapping[str, str], str]:
        try:
            document = parse(request.query)
        except GraphQLError as error:
            return _errors(400, error.message)
        if wrong := validate(self._schema, document):
            return _errors(400, *(error.message for error in wrong))
        name = request.operation_name or None  # the client sends "" where it means none
        result = execute(
            self._schema, document, self._root(), variable_values=dict(request.variables), operation_name=name
        )
        if not hasattr(result, "formatted"):
            raise TypeError("an asynchronous result")
        return 200, {}, json.dumps(result.formatted)

    def _fault(self, request: Request) -> Fault | None:
        with self._lock:
            for fault in self.fail:
                if fault.times > 0 and fault.match in request.query and (not fault.when or fault.when(request)):
                    fault.times -= 1
                    return fault
        return None

    def _root(self) -> Node:
        teams = {"edges": [{"node": {"name": self.sweep.entity}}]}
        viewer = {"id": "VXNlcjox", "name": "Ada", "username": "ada", "email": "", "entity": self.sweep.entity}
        viewer |= {"admin": False, "flags": "{}", "teams": teams, "apiKeys": {"edges": []}}
        return {"viewer": viewer, "serverInfo": {"features": []}, "project": self._project, "models": self._models,
                "upsertSweep": self._upsert, "upsertView": self._publish}  # fmt: skip

    def _upsert(self, _info: Any, input: Mapping[str, Any]) -> Node:
        """A new sweep, as ``wandb sweep`` asks for it; its configuration is kept for the test to read."""
        self.created.append(dict(input))
        entity = {"id": "RTE=", "name": input["entityName"]}
        project = {"id": "UDE=", "name": input["projectName"], "entity": entity}
        return {"sweep": {"id": "UzE=", "name": "new12345", "project": project}, "configValidationWarnings": []}

    def _models(self, _info: Any, entityName: str | None = None, **page: Any) -> Node:
        """The projects of an entity: the one."""
        node = {"id": "UDE=", "name": self.sweep.project, "entityName": entityName, "isBenchmark": False}
        there = entityName == self.sweep.entity and not self._private
        return connection([node | {"createdAt": "2024-05-01T10:00:00Z"}] if there else [], page.get("first"), None)

    def _publish(self, _info: Any, input: Mapping[str, Any]) -> Node:
        """A new report; what was sent is kept for the test to read."""
        self.published.append(dict(input))
        project = {"id": "UDE=", "name": input["projectName"], "entityName": input["entityName"]}
        view = {key: input.get(key) for key in ("type", "name", "displayName", "description", "spec")}
        return {"view": {"id": "VmlldzoxMjM=", "project": project, **view}, "inserted": True}

    def _project(self, _info: Any, name: str | None = None, entityName: str | None = None) -> Node | None:
        if self._private or (entityName, name) != (self.sweep.entity, self.sweep.project):
            return None
        runs = list(self.runs)
        nodes = [self._node(run) for run in runs]
        sweep = sweep_node(self.sweep, runs, nodes)

        def chosen(filters: str | None) -> list[Node]:
            query = json.loads(filters or "{}")
            return [node for node in nodes if matches(node, query)]

        return {
            "id": "UHJvamVjdDox",
            "internalId": "UHJvamVjdEludGVybmFsSWQ6MQ==",
            "name": name,
            "readOnly": True,
            "runCount": lambda _info, filters=None: len(chosen(filters)),
            "run": lambda _info, name: next((node for node in nodes if node["name"] == name), None),
            "runs": lambda _info, filters=None, after=None, first=50, order=None: connection(  # noqa: ARG005
                chosen(filters), first, after
            ),
            "sweep": lambda _info, sweepName: None if self._deleted or sweepName != self.sweep.id else sweep,
            "sweeps": lambda _info, **page: connection([] if self._deleted else [sweep], page.get("first"), None),
        }

    def _node(self, run: RawRun) -> Node:
        held, node = self._nodes.get(run.id, (None, {}))
        if held is not run:
            node = run_node(run, self.sweep.id, self._samples_cap)
            if self._parquet and run.history.num_rows:
                urls = [f"{self.url}/parquet/{run.id}"]
                node["parquetHistory"] = lambda _info, liveKeys: {"parquetUrls": urls, "liveData": []}  # noqa: ARG005
            self._nodes[run.id] = (run, node)
        return node

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        accepted = "Basic " + base64.b64encode(f"api:{server.key}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not self.path.endswith("/graphql"):  # the client's own telemetry; a proxy is sent the whole URL
                    return self.reply(404, {}, "{}")
                body = json.loads(text)
                named = re.search(r"\b(?:query|mutation)\s+(\w+)", body["query"])
                request = Request(
                    operation=named.group(1) if named else "",
                    query=body["query"],
                    variables=body.get("variables") or {},
                    operation_name=body.get("operationName"),
                    key_accepted=self.headers.get("Authorization") == accepted,
                )
                return self.reply(*server.answer(request))

            def do_GET(self) -> None:
                run = next((run for run in server.runs if self.path == f"/parquet/{run.id}"), None)
                if run is None:
                    return self.reply(404, {}, "{}")
                buffer = io.BytesIO()
                pq.write_table(run.history, buffer)
                return self.reply(200, {"Content-Type": "application/octet-stream"}, buffer.getvalue())

            def reply(self, status: int, headers: Mapping[str, str], body: str | bytes) -> None:
                data = body.encode() if isinstance(body, str) else body
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client gave up waiting, as tests of time-outs want

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing: the requests are in ``server.requests``."""

        return Handler


def _errors(status: int, *messages: str, code: str | None = None) -> tuple[int, Mapping[str, str], str]:
    extensions = {"extensions": {"code": code}} if code else {}
    return status, {}, json.dumps({"errors": [{"message": message, **extensions} for message in messages]})


def _is_batched(query: str) -> bool:
    """True for a query that asks for rows or lines of several runs at once."""
    several = "runs(" in query
    return several and any(word in query for word in ("sampledHistory(", "logLines(", "events(", "history("))
