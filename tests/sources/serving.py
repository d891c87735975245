"""What the tests of the server source share: quick limits, sources for a loopback server, many runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aftersweep.analysis.sources.base import RawRun, history_table
from aftersweep.analysis.sources.wandb_official import OfficialSource
from aftersweep.analysis.sources.wandb_server import ServerSource
from aftersweep.analysis.sources.wandb_session import Limits, Target

from ..loopback import KEY, LoopbackServer
from .example import ENTITY, PROJECT, SWEEP_ID, example_sweep

QUICK = Limits(deadline_s=20.0, connect_deadline_s=0.5, first_wait_s=0.01, longest_wait_s=0.05)


def isolate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides the settings, keys and proxies of the machine that runs the tests."""
    for name in ("ENTITY", "PROJECT", "BASE_URL", "API_KEY", "IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("CONFIG_DIR", "CACHE_DIR", "DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path))


def source(server: LoopbackServer, **more: Any) -> ServerSource:
    """The server source for the example sweep on ``server``."""
    more = {"base_url": server.url, "api_key": KEY, "limits": QUICK, **more}
    return ServerSource(ENTITY, PROJECT, SWEEP_ID, **more)


def official(server: LoopbackServer) -> OfficialSource:
    """The source over the official client for the example sweep on ``server``."""
    return OfficialSource(Target(server.url, ENTITY, PROJECT, SWEEP_ID), app_url=server.url, api_key=KEY)


def many_runs(count: int, rows: int = 20) -> list[RawRun]:
    """Runs with histories; four of five did not finish."""
    base = example_sweep()[1][4]
    steps = [{"_step": i, "_timestamp": 1.7e9 + i, "epoch": i, "val/accuracy": i / rows} for i in range(rows)]
    history = history_table(steps)
    return [
        replace(
            base,
            id=f"run{i:05d}",
            created_at=1.7e9 + i,
            state="finished" if i % 5 == 0 else "crashed",
            history=history,
            history_rows_expected=rows,
            log_tail=() if i % 5 == 0 else base.log_tail,
        )
        for i in range(count)
    ]
