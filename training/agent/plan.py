"""The folder of one sweep run by the agent: its file, its id, one agent at a time.

```
OUT/sweep.yaml                          the sweep file, as it was given
OUT/agent.json                          the sweep's id
OUT/wandb/aftersweep-agent.jsonl        the journal of trials
OUT/wandb/offline-run-*/                what the official client writes
OUT/wandb/sweep-ID/config-RUN.yaml      a trial's parameters, as W&B's agent writes them
OUT/history/RUN.jsonl                   a trial's rows, at once
OUT/logs/RUN.txt                        what a trial printed
```
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...analysis.errors import FormatError, UsageError
from ...analysis.sweepfile.config import SweepConfig, read_config
from ...analysis.sweepfile.domains import Domain, read_domain
from ...analysis.sweepfile.hyperband import Hyperband, read_hyperband
from ...analysis.sweepfile.schema import problems

LARGEST_FILE = 1 << 20
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Plan:
    """A sweep that can be run: its configuration, checked, and where everything goes."""

    config: SweepConfig
    domains: tuple[Domain, ...]
    rule: Hyperband | None
    sweep_id: str
    out: Path
    warnings: tuple[str, ...] = ()

    @property
    def journal(self) -> Path:
        return self.out / "wandb" / "aftersweep-agent.jsonl"

    @property
    def cap(self) -> int | None:
        """The sweep's own limit on trials (``run_cap``)."""
        cap = self.config.raw.get("run_cap")
        return cap if isinstance(cap, int) else None

    def history(self, run_id: str) -> Path:
        return self.out / "history" / f"{run_id}.jsonl"

    def log(self, run_id: str) -> Path:
        return self.out / "logs" / f"{run_id}.txt"


def new_id() -> str:
    """Eight letters and digits, as W&B's ids."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def read_plan(sweep_file: Path, out: Path) -> Plan:
    """The sweep in ``sweep_file``, to be run in ``out``; a sweep that ``out`` has begun is gone on with.

    Raises UsageError or FormatError: every error of the file in one message, or another sweep in the folder.
    """
    try:
        text = sweep_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the sweep file '{sweep_file}' cannot be read: {error}") from None
    raw = _parsed(text, sweep_file)
    found = problems(raw)
    errors = [problem.message for problem in found if problem.severity == "error"]
    if errors:
        raise FormatError(f"'{sweep_file}' cannot be run: " + "; ".join(errors))
    config = read_config(raw)
    if config.method not in ("grid", "random", "bayes"):
        raise FormatError(
            f"'{sweep_file}': method '{config.method}' needs its own scheduler; the agent runs grid, random, bayes"
        )
    if not config.program and not config.raw.get("command"):
        raise FormatError(
            f"'{sweep_file}' names no program: write 'program:' (for the bundled trainer 'command:', see the docs)"
        )
    if config.metric is None and (config.method == "bayes" or config.early_terminate):
        raise FormatError(f"'{sweep_file}' has no metric, which {config.method} with its stopping rule needs")
    domains = tuple(read_domain(parameter) for parameter in config.parameters)
    warnings = tuple(problem.message for problem in found if problem.severity == "warning")
    return Plan(config, domains, read_hyperband(config.early_terminate), _claim(out, text), out.resolve(), warnings)


def _parsed(text: str, path: Path) -> Any:
    if len(text) > LARGEST_FILE:
        raise FormatError(f"'{path}' has {len(text)} characters; a sweep file has at most {LARGEST_FILE}")
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise FormatError(f"'{path}' is not YAML: {' '.join(str(error).split()):.300}") from None


def _claim(out: Path, text: str) -> str:
    """The id of the sweep in ``out``, made where there is none yet. Raises UsageError for another sweep's folder."""
    kept, about = out / "sweep.yaml", out / "agent.json"
    try:
        if about.exists():
            if kept.read_text(encoding="utf-8") != text:
                raise UsageError(f"'{out}' holds another sweep ('{kept}' differs); give another --out, or that file")
            sweep_id = json.loads(about.read_text(encoding="utf-8"))["sweep_id"]
            if isinstance(sweep_id, str) and sweep_id and set(sweep_id) <= set(_ALPHABET):
                return sweep_id
            raise UsageError(f"'{about}' is damaged; give another --out")
        for folder in (out / "wandb", out / "history", out / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(text, encoding="utf-8")
        sweep_id = new_id()
        draft = about.with_suffix(".draft")
        draft.write_text(json.dumps({"sweep_id": sweep_id}) + "\n", encoding="utf-8")
        draft.replace(about)
        return sweep_id
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"the folder '{out}' cannot be used: {error}; give another --out") from None


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """One agent at a time in a folder. Raises UsageError where another one is at work there."""
    handle = os.open(out / "agent.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another agent is at work in '{out}'; wait for it, or give another --out") from None
        yield
    finally:
        os.close(handle)
