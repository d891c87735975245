"""One HTTP session with a W&B server: credentials, certificates, retries, and what its refusals mean.

Base URL, API key, proxies and certificates are found as the official client finds them, with its own functions:
environment (``WANDB_BASE_URL``, ``WANDB_API_KEY``), netrc, wandb's settings files. Certificates are checked
against the system's store (``SSL_CERT_FILE``, ``SSL_CERT_DIR``), as the official client does, and against
``REQUESTS_CA_BUNDLE``; the check is never turned off here.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter

from ..errors import CredentialsError, ForbiddenError, FormatError, NetworkError, SourceError, UsageError

Json = Any

_MISSING = "project not found", "entity not found", "could not find", "does not exist"
_REFUSAL = "cannot query field", "unknown argument", "unknown type", "unknown field", "introspection", "complex"


@dataclass(frozen=True)
class Target:
    """A sweep on a server, as it is printed."""

    base_url: str
    entity: str
    project: str
    sweep: str

    @property
    def printable(self) -> str:
        """The server's address and the sweep's path, without any credential."""
        return f"{self.base_url}/{self.entity}/{self.project}/sweeps/{self.sweep}"

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}/{self.sweep} on {self.base_url}"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds, sizes in runs."""

    deadline_s: float = 120.0
    """For one page or batch with all that is tried again, and with all of its parts."""
    connect_deadline_s: float = 15.0
    """For a server that cannot be reached at all."""
    read_timeout_s: float = 60.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    listed: int = 200
    batch: int = 100
    """Runs with their histories in one request."""
    tails: int = 50
    """Runs with their console lines and system metrics in one request."""
    rows: int = 400_000
    """Values of histories in one request."""


class RefusedError(SourceError):
    """The server does not take this query; the official client's own queries may do."""


class MissingError(SourceError):
    """The server says that the project or the entity is not there."""


class OverloadedError(NetworkError):
    """A server error or a time-out: the same question in smaller parts may be answered."""


class _LimitedError(NetworkError):
    """Too many requests (429)."""

    def __init__(self, message: str, wait_s: float | None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class _UnreachableError(NetworkError):
    """No connection."""


@dataclass
class Deadline:
    """A point in time by which a chain of requests must end."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.started)


class _SystemCertificates(HTTPAdapter):
    """Trusts the system's certificates beside those that requests brings or is told of."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, ssl_context=ssl.create_default_context(), **kwargs)


class Session:
    """Sends GraphQL queries to one server with one API key.

    Raises, from ``execute``: CredentialsError, ForbiddenError, NetworkError, FormatError, RefusedError,
    MissingError. No message holds the key.
    """

    def __init__(
        self, base_url: str, key: str, *, proxies: Mapping[str, str] | None = None, limits: Limits | None = None
    ) -> None:
        self.base_url = base_url
        self.limits = limits or Limits()
        self._key = key
        self._http = requests.Session()
        self._http.mount("https://", _SystemCertificates())
        self._http.proxies.update(proxies or {})
        self._http.headers["User-Agent"] = "aftersweep"

    def __repr__(self) -> str:
        return f"Session({self.base_url!r})"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    def execute(
        self,
        query: str,
        variables: Mapping[str, Json],
        *,
        deadline: Deadline | None = None,
        give_way: bool = False,
    ) -> dict[str, Json]:
        """The ``data`` of the server's answer.

        Too many requests, server errors, time-outs and lost connections are tried again until the deadline; with
        ``give_way`` server errors and time-outs are raised at once (OverloadedError), for the caller to ask for less.
        """
        deadline = deadline or Deadline(self.limits.deadline_s)
        again: tuple[type[NetworkError], ...] = (_LimitedError, _UnreachableError)
        if not give_way:
            again = (*again, OverloadedError)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(again),
            stop=lambda state: self._gives_up(state, deadline),
            wait=self._wait,
            reraise=True,
        )
        data: dict[str, Json] = retrying(self._post, query, dict(variables), deadline)
        return data

    def _gives_up(self, state: tenacity.RetryCallState, deadline: Deadline) -> bool:
        error = state.outcome.exception() if state.outcome else None
        left = deadline.left
        if isinstance(error, _UnreachableError):
            left = min(left, self.limits.connect_deadline_s - (state.seconds_since_start or 0.0))
        return state.upcoming_sleep >= left

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _LimitedError) and error.wait_s is not None:
            return error.wait_s
        first = self.limits.first_wait_s
        backoff = tenacity.wait_exponential(multiplier=first, max=self.limits.longest_wait_s)
        return backoff(state) + tenacity.wait_random(0, first)(state)

    def _post(self, query: str, variables: dict[str, Json], deadline: Deadline) -> dict[str, Json]:
        name = re.search(r"\bquery\s+(\w+)", query)
        body = {"query": query, "variables": variables, "operationName": name.group(1) if name else ""}
        read = max(0.1, min(self.limits.read_timeout_s, deadline.left))
        try:
            answer = self._http.post(
                f"{self.base_url}/graphql",
                json=body,
                auth=("api", self._key),
                timeout=(min(10.0, read), read),
                allow_redirects=False,  # the key goes to this host only
            )
        except requests.exceptions.SSLError as error:
            raise NetworkError(
                f"the certificate of {self.host} was not accepted ({self._clean(_cause(error))}). For a server with "
                "its own certificate authority, set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to its file."
            ) from None
        except (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError):
            raise _UnreachableError(
                f"no connection to {self.host}. Check the network, the proxy and WANDB_BASE_URL."
            ) from None
        except requests.exceptions.Timeout:
            raise OverloadedError(f"{self.host} did not answer within {read:.0f} s. Try again later.") from None
        except requests.exceptions.InvalidURL:  # of the server or of a proxy
            raise UsageError(
                f"no way to {self.host}: its address or a proxy's is none. Check WANDB_BASE_URL and HTTPS_PROXY."
            ) from None
        except requests.exceptions.RequestException as error:
            raise OverloadedError(f"the answer of {self.host} broke off ({type(error).__name__}).") from None
        except OSError as error:  # what requests says of a file of certificates that is not there
            raise UsageError(f"{self._clean(error)}. Look at REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.") from None
        return self._read(answer)

    def _read(self, answer: requests.Response) -> dict[str, Json]:
        status = answer.status_code
        try:
            body = json.loads(answer.content)
        except ValueError:
            body = None
        errors = body.get("errors") if isinstance(body, dict) else None
        said = self._clean("; ".join(_messages(errors))) if errors else ""
        if status == 429:
            raise _LimitedError(f"{self.host} still refuses: too many requests. Try again later.", _pause(answer))
        if status >= 500 or status == 408:
            raise OverloadedError(f"{self.host} answered with the server error {status}. Try again later.")
        if status != 200 or errors:
            self._refuse(status, said)
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            raise FormatError(f"{self.host} does not answer as a W&B server does. Check WANDB_BASE_URL.")
        return data

    def _refuse(self, status: int, said: str) -> NoReturn:
        """Raises what a refusal means; the words are the server's, for it sends some refusals with status 200."""
        low = said.casefold()
        if status == 401 or "not logged in" in low or "invalid api key" in low:
            raise CredentialsError(
                f"{self.host} does not accept the API key. Run 'wandb login --relogin' or set WANDB_API_KEY."
            )
        if status == 403 or "permission denied" in low or "forbidden" in low:
            raise ForbiddenError(f"{self.host} says: {said or status}")
        if status in (400, 422) or any(word in low for word in _REFUSAL):
            raise RefusedError(f"{self.host} refuses the query ({said or status}).")
        if status == 404 and not said:
            raise FormatError(f"there is no W&B server at {self.base_url}. Check WANDB_BASE_URL.")
        if status == 404 or any(word in low for word in _MISSING):
            raise MissingError(f"{self.host}: {said}.")
        if 300 <= status < 400:
            raise NetworkError(
                f"{self.host} points elsewhere (status {status}). Set WANDB_BASE_URL to the new address."
            )
        raise RefusedError(f"{self.host} refuses the query ({said or status}).")

    def _clean(self, text: object) -> str:
        """A server's or a library's words as they may be shown: one short printable line without the key."""
        return printable(text, self._key)


def _cause(error: requests.exceptions.SSLError) -> object:
    """The innermost reason of a refused certificate, without the library's words about pools and retries."""
    reason = error.args[0] if error.args else error
    inner = getattr(reason, "reason", reason)
    innermost = inner.args[0] if getattr(inner, "args", ()) else inner
    return getattr(innermost, "verify_message", None) or innermost


@contextlib.contextmanager
def well_formed(host: str) -> Iterator[None]:
    """Turns what an answer of another shape than W&B's does to the code that reads it into a FormatError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{host} answers in a form that is not W&B's ({type(error).__name__}: {printable(error, None)}). "
            "Check WANDB_BASE_URL; if it is right, report the server's version."
        ) from error


def printable(text: object, key: str | None) -> str:
    """Somebody else's words as they may be shown: one short printable line without the key."""
    line = " ".join((str(text).replace(key, "***") if key else str(text)).split())
    line = "".join(char for char in line if char.isprintable())
    return line if len(line) <= 200 else line[:200] + "…"


def _messages(errors: Json) -> list[str]:
    items = errors if isinstance(errors, list) else [errors]
    return [str(item.get("message", "") if isinstance(item, dict) else item) for item in items]


def _pause(answer: requests.Response) -> float | None:
    """The seconds that a 429 asks to wait (``Retry-After``, or W&B's ``RateLimit-Reset``); None if it does not say."""
    said = answer.headers.get("Retry-After") or answer.headers.get("RateLimit-Reset")
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return None
