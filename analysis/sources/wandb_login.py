"""Where the official client would go and with which key: server, credentials, proxies and default names.

Only the client's own functions are asked (environment, netrc, settings files, in its order), so that
``wandb login`` is all that a user needs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from wandb import env
from wandb.errors import AuthenticationError
from wandb.errors import UsageError as WandbUsageError
from wandb.sdk import wandb_setup
from wandb.sdk.lib import wbauth

from ..errors import CredentialsError, UsageError

_CLOUD = {"wandb.ai", "www.wandb.ai", "app.wandb.ai", "api.wandb.ai", "forge.coreweave.com", "api.forge.coreweave.com"}
"""The names under which the one public server goes."""


@dataclass(frozen=True)
class Login:
    """What the official client would use."""

    base_url: str
    app_url: str
    key: str | None = field(repr=False)
    """None where the client logs in with an identity token instead of a key."""
    entity: str | None
    project: str | None
    proxies: Mapping[str, str] = field(repr=False)  # a proxy's address may hold its password


def find_login(base_url: str | None = None, key: str | None = None) -> Login:
    """The login for ``base_url``, or for the server that the client is set up for.

    Raises CredentialsError where there is no key or one of the wrong form, UsageError for an address that is none.
    """
    settings = _settings()
    wanted = base_url or env.get_base_url(settings.base_url) or ""
    try:
        host = wbauth.HostUrl(wanted.rstrip("/"))
    except ValueError:
        raise UsageError(
            f"'{_without_password(wanted)}' is not the address of a W&B server. "
            "Set WANDB_BASE_URL to one such as https://api.wandb.ai."
        ) from None
    if urlsplit(host.url).username is not None:
        raise UsageError("WANDB_BASE_URL holds a user name or a password. Leave it out; keys come from 'wandb login'.")
    try:
        if key is not None:
            auth: wbauth.Auth | None = wbauth.AuthApiKey(host=host, api_key=key)
        else:
            auth = wbauth.authenticate_session(host=host, source="aftersweep", prompt=False, update_session=False)
    except (AuthenticationError, WandbUsageError) as error:
        raise CredentialsError(f"the W&B credentials cannot be used: {error} Run 'wandb login'.") from None
    if auth is None:
        raise CredentialsError(
            f"there is no API key for {host.url}. Run 'wandb login --host {host.url}' or set WANDB_API_KEY."
        )
    return Login(
        base_url=host.url,
        app_url=host.app_url,
        key=auth.api_key if isinstance(auth, wbauth.AuthApiKey) else None,
        entity=_entity(settings),
        project=_project(settings),
        proxies=_proxies(settings.http_proxy, settings.https_proxy),
    )


def default_place() -> tuple[str | None, str | None]:
    """The client's default entity and project, for which it needs no key. Raises UsageError as ``find_login`` does."""
    settings = _settings()
    return _entity(settings), _project(settings)


def _settings() -> Any:
    try:
        return wandb_setup.singleton().settings
    except ValueError as error:  # pydantic's, of which a settings file or a variable is the cause
        raise UsageError(
            f"W&B's own settings cannot be used: {_first_reason(error)}. Look at the WANDB_ variables."
        ) from None


def _entity(settings: Any) -> str | None:
    return env.get_entity(settings.entity) or None


def _project(settings: Any) -> str | None:
    return env.get_project(settings.project) or None


def _proxies(http: str | None, https: str | None) -> dict[str, str]:
    """The client's own proxy settings; those of the environment (``HTTPS_PROXY``) requests reads itself."""
    try:
        named = {"http": http, "https": https, **json.loads(os.environ.get("WANDB__PROXIES", "{}"))}
    except (ValueError, TypeError):
        raise UsageError('WANDB__PROXIES is not JSON such as {"https": "http://proxy:3128"}.') from None
    return {scheme: address for scheme, address in named.items() if address}


def _first_reason(error: ValueError) -> str:
    """The first thing that the client's check of its settings found, and of which setting; never the value."""
    listed = getattr(error, "errors", None)  # pydantic's ValidationError, which is the client's dependency, not ours
    if listed is None:
        return type(error).__name__
    first = listed(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _without_password(url: str) -> str:
    return url.rsplit("@", 1)[-1]


def check_site(site: str | None, login: Login) -> None:
    """Raises UsageError where a pasted URL is of another server than the one that the key is for.

    The key is never sent to a host just because a URL names it.
    """
    if site is None:
        return
    host = urlsplit(site).netloc
    known = {urlsplit(url).netloc for url in (login.base_url, login.app_url)}
    if host not in known and not (host in _CLOUD and known & _CLOUD):
        raise UsageError(
            f"that URL is on {host}, but W&B is set up for {urlsplit(login.base_url).netloc}. "
            f"Set WANDB_BASE_URL={site} and run 'wandb login --host {site}'."
        )
