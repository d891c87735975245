"""A sweep read through the official public ``wandb.Api``: slower, and understood by every W&B server.

The same records as ``wandb_server.py`` makes, less the stop flags and exit codes, which the public client does not
show. Whole histories come from ``scan_history``, without its cache, which goes stale when a run grows.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import wandb
from wandb.errors import AuthenticationError, CommError
from wandb.errors import UsageError as WandbUsageError

from ..errors import CredentialsError, ForbiddenError, NetworkError, SourceError, UnknownSweepError
from .base import Json, RawRun, RawSweep, RunStub
from .wandb_records import NO_TAIL, Node, chosen_keys, counts, logged_row, run_record, stub, sweep_record
from .wandb_session import Target, printable

_FAILURES = (CommError, AuthenticationError, WandbUsageError, ValueError)
_ATTRIBUTES = {
    "displayName": "display_name",
    "createdAt": "created_at",
    "heartbeatAt": "heartbeat_at",
    "group": "group",
    "jobType": "job_type",
    "tags": "tags",
    "notes": "notes",
    "sweepName": "sweep_name",
    "historyLineCount": "history_line_count",
    "historyKeys": "history_keys",
    "summaryMetrics": "summary_metrics",
}


class OfficialSource:
    """One sweep through the official client; a ``Source``. Errors as ``ServerSource`` raises them."""

    def __init__(
        self, target: Target, *, app_url: str, api_key: str | None = None, timeout_s: int = 60, page: int = 100
    ) -> None:
        self.target = target
        self._app_url = app_url
        self._page = page
        self._key = api_key
        self._timeout_s = timeout_s
        self._api: Any = None
        self._metric: str | None = None
        self._agents: dict[str, str] | None = None

    def sweep(self) -> RawSweep:
        """The sweep with its stored configuration."""
        target = self.target
        with self._errors():
            found = self._client().sweep(f"{target.entity}/{target.project}/{target.sweep}")
        node = {
            "config": found.load().get("config"),  # the text: the client's own reading takes 1e-05 for a word
            "displayName": getattr(found, "display_name", None),
            "state": found.state,
            "description": getattr(found, "description", None),
            "createdAt": getattr(found, "created_at", None),
        }
        record = sweep_record(node, target, self._app_url)
        metric = (record.config or {}).get("metric")
        self._metric = metric.get("name") if isinstance(metric, dict) else None
        return record

    def list_runs(self) -> Sequence[RunStub]:
        """All runs of the sweep, oldest first."""
        target = self.target
        with self._errors():
            runs = self._client().runs(
                f"{target.entity}/{target.project}",
                filters={"$and": [{"sweep": target.sweep}]},
                order="+created_at",
                per_page=self._page,
                lazy=False,
            )
            found = {run.id: run for run in runs}
        return [stub(_node(run)) for run in found.values()]

    def fetch(self, ids: Sequence[str]) -> Iterator[RawRun]:
        """The named runs, one by one."""
        target = self.target
        with self._errors():
            self._client().flush()  # it keeps every run that it has seen
        for run_id in ids:
            try:
                with self._errors():
                    # A run of a listing has lost its config's "_wandb" entry on the way (client 0.31).
                    record = self._record(self._client().run(f"{target.entity}/{target.project}/{run_id}"))
            except UnknownSweepError:
                continue  # vanished
            if record.sweep_id == target.sweep:
                yield record

    def _record(self, run: Any) -> RawRun:
        node = _node(run)
        keys = chosen_keys(counts(node), self._metric)
        rows: dict[int, dict[str, Json]] = {}
        if node["historyLineCount"] != 0:
            for row in run.scan_history(use_cache=False):
                rows[int(row["_step"])] = logged_row(row, keys)
        events: list[Json] = []
        lines: list[str] = []
        problems = []
        if run.state != "finished":
            try:
                lines = [line.content for line in run.console_logs(last=200)]
                events = run.history(stream="system", samples=1000, pandas=False)
            except _FAILURES:
                problems.append(NO_TAIL)
        return run_record(
            node,
            [rows[step] for step in sorted(rows)],
            events=events,
            lines=lines,
            agent=self._agent_of(run.id),
            keys=keys,
            problems=problems,
        )

    def _agent_of(self, run_id: str) -> str | None:
        if self._agents is None:
            target = self.target
            try:
                sweep = self._client().sweep(f"{target.entity}/{target.project}/{target.sweep}")
                self._agents = {run.id: agent.name for agent in sweep.agents() for run in agent.runs()}
            except _FAILURES:
                self._agents = {}  # nice to know; older servers do not tell
        return self._agents.get(run_id)

    def default_entity(self) -> str | None:
        """The account's own entity; None where it has none."""
        with self._errors():
            entity: str | None = self._client().default_entity
        return entity

    def _client(self) -> Any:
        if self._api is None:
            self._api = wandb.Api(
                overrides={"base_url": self.target.base_url}, api_key=self._key, timeout=self._timeout_s
            )
        return self._api

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """The official client's failures as ours; what it prints on the way is dropped, for we say it ourselves."""
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                yield
        except _FAILURES as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> NoReturn:
        target = self.target
        said = printable(error, self._key or getattr(self._api, "api_key", None))
        low, status = said.casefold(), http_status(error)
        if isinstance(error, WandbUsageError) or status == 401 or "not logged in" in low:
            raise CredentialsError(
                f"{target.base_url} does not accept the credentials. Run 'wandb login' or set WANDB_API_KEY."
            ) from None
        if status == 403 or "permission denied" in low:
            raise ForbiddenError(f"the API key does not open {target} ({said}). Ask its owner for access.") from None
        if status == 404 or "could not find" in low:
            raise UnknownSweepError(
                f"there is no sweep {target} that this account may see: private, deleted or never there "
                "(the server does not say which). Check the name and 'wandb login'."
            ) from None
        if isinstance(error, CommError | AuthenticationError) and (status in (None, 408, 429) or status >= 500):
            raise NetworkError(f"{target.base_url} did not answer ({said}). Check the network, or try later.") from None
        raise SourceError(f"the official client cannot read {target} ({said}).") from None


def _node(run: Any) -> Node:
    """What the official client's run says, under the server's names."""
    node = {name: getattr(run, attribute, None) for name, attribute in _ATTRIBUTES.items()}
    user = getattr(run, "user", None)
    return {
        **node,
        "name": run.id,
        "state": run.state,
        "config": {key: {"value": value} for key, value in run.rawconfig.items()},
        "user": {"username": getattr(user, "username", None)} if user else None,
    }


def http_status(error: BaseException | None) -> int | None:
    """The HTTP status behind the client's error; None where there was no answer, or where it does not say."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None and response.http_status:
            return int(response.http_status)
        error = getattr(error, "exc", None) or error.__cause__
    return None
