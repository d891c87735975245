"""The one thing that is ever written to a W&B server: a report that the user asked to be published."""

from __future__ import annotations

import contextlib
import io
from typing import Any, NoReturn

import wandb
from wandb.errors import AuthenticationError, CommError
from wandb.errors import UsageError as WandbUsageError
from wandb.sdk.lib.service.service_connection import WandbApiFailedError

from ..errors import CredentialsError, ForbiddenError, NetworkError, SourceError, UsageError
from .wandb_login import Login
from .wandb_official import http_status
from .wandb_session import printable

_FAILURES = (CommError, AuthenticationError, WandbApiFailedError, WandbUsageError, ValueError)
TIMEOUT_S = 20


def save(report: Any, entity: str, project: str, login: Login) -> str:
    """Save a ``Report`` of wandb-workspaces in a project that is there; its id.

    The package makes a project that it does not find; we look first, and refuse. Raises CredentialsError,
    ForbiddenError, UsageError (no such project), NetworkError or SourceError. No message holds the key.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # the client's own remarks; we say what is to be said
            api = wandb.Api(overrides={"base_url": login.base_url}, api_key=login.key, timeout=TIMEOUT_S)
            known = [found.name for found in api.projects(entity)]
            if project in known:
                report.save()
    except _FAILURES as error:
        _refuse(error, f"{entity}/{project}", login)
    if project not in known:
        raise UsageError(
            f"--publish wandb: there is no project {entity}/{project} on {login.base_url} that this account may see; "
            "check the name and 'wandb login'"
        )
    return str(report.id)


def _refuse(error: Exception, place: str, login: Login) -> NoReturn:
    said = printable(error, login.key)
    low, status = said.casefold(), http_status(error)
    if isinstance(error, WandbUsageError) or status == 401 or "not logged in" in low:
        raise CredentialsError(
            f"{login.base_url} does not accept the credentials, and nothing was published. Run 'wandb login' or set "
            "WANDB_API_KEY."
        ) from None
    if status == 403 or "permission" in low:
        raise ForbiddenError(
            f"the API key may not write reports in {place} ({said}). Ask its owner for access."
        ) from None
    if not _answered(error) or status in (408, 429) or (status or 0) >= 500:
        raise NetworkError(
            f"{login.base_url} did not answer in time. Look whether the report is there before you try again."
        ) from None
    raise SourceError(f"{login.base_url} did not take the report ({said}).") from None


def _answered(error: BaseException | None) -> bool:
    """True where the client has an answer of the server, or the error is none of its network."""
    while error is not None:
        if isinstance(error, ValueError) or getattr(error, "response", None) is not None:
            return True
        error = error.__cause__
    return False
