"""The folder of one sweep run by the agent: its file, its id, one agent at a time.

```
OUT/agent.json                          the sweep's id
OUT/agent.lock                          held while an agent is at work
OUT/wandb/aftersweep-agent.jsonl        the journal of trials
OUT/wandb/offline-run-*/                what the official client writes
OUT/wandb/sweep-ID/sweep.yaml           the sweep file, as it was given; ``report OUT/wandb`` finds it there
OUT/wandb/sweep-ID/config-RUN.yaml      a trial's parameters, as W&B's agent writes them
OUT/history/RUN.jsonl                   a trial's rows, at once
OUT/logs/RUN.txt                        what a trial printed
```
"""

from __future__ import annotations

import fcntl
import itertools
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
class Sweep:
    """A sweep file that can be run."""

    text: str
    config: SweepConfig
    domains: tuple[Domain, ...]
    rule: Hyperband | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A sweep with its id and its folder."""

    config: SweepConfig
    domains: tuple[Domain, ...]
    rule: Hyperband | None
    sweep_id: str
    out: Path

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
    """``read_sweep`` and ``claim`` in one."""
    return claim(read_sweep(sweep_file), out)


def read_sweep(sweep_file: Path) -> Sweep:
    """The sweep in ``sweep_file``, checked; nothing is written.

    Raises UsageError or FormatError, with every error of the file in one message.
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
    _check_values(domains, sweep_file)
    _check_program(config, sweep_file)
    warnings = tuple(problem.message for problem in found if problem.severity == "warning")
    return Sweep(text, config, domains, read_hyperband(config.early_terminate), warnings)


def _check_values(domains: tuple[Domain, ...], path: Path) -> None:
    """W&B hands parameters on as JSON, which has no dates: YAML makes one of 2026-01-31."""
    for domain in domains:
        for value in domain.levels or ():
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                raise FormatError(
                    f"'{path}': parameter '{domain.name}' has {value!s:.60}, which YAML reads as "
                    f"a {type(value).__name__}; write it in quotes"
                ) from None


def _check_program(config: SweepConfig, path: Path) -> None:
    """The script that the interpreter is given must be there; what any other command starts is found out then."""
    words = config.raw.get("command") or ["${interpreter}", "${program}"]
    script = ("${interpreter}", "${program}") in itertools.pairwise(words)
    if script and config.program and not Path(config.program).is_file():
        raise FormatError(
            f"'{path}': the program '{config.program}' is not in '{Path.cwd()}'; "
            "start the agent where it is, or give its whole path"
        )


def _parsed(text: str, path: Path) -> Any:
    if len(text) > LARGEST_FILE:
        raise FormatError(f"'{path}' has {len(text)} characters; a sweep file has at most {LARGEST_FILE}")
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise FormatError(f"'{path}' is not YAML: {' '.join(str(error).split()):.300}") from None


def claim(sweep: Sweep, out: Path) -> Plan:
    """The sweep, to be run in ``out``; one that ``out`` has begun is gone on with. Held by ``alone``.

    Raises UsageError where the folder holds another sweep or cannot be written.
    """
    try:
        sweep_id = _kept_id(sweep.text, out) or _new_sweep(sweep.text, out)
    except OSError as error:
        raise _unusable(out, error) from None
    return Plan(sweep.config, sweep.domains, sweep.rule, sweep_id, out.resolve())


def _kept_id(text: str, out: Path) -> str | None:
    about = out / "agent.json"
    if not about.exists():
        return None
    try:
        sweep_id = json.loads(about.read_text(encoding="utf-8"))["sweep_id"]
    except (ValueError, KeyError, TypeError):
        sweep_id = None
    if not isinstance(sweep_id, str) or not sweep_id or not set(sweep_id) <= set(_ALPHABET):
        raise UsageError(f"'{about}' is damaged; give another --out")
    kept = _kept_file(out, sweep_id)
    if kept.read_bytes() != text.encode():
        raise UsageError(f"'{out}' holds another sweep ('{kept}' differs); give another --out, or that file")
    return sweep_id


def _new_sweep(text: str, out: Path) -> str:
    """The id comes last: a folder without one was never begun."""
    sweep_id = new_id()
    kept = _kept_file(out, sweep_id)
    for folder in (kept.parent, out / "history", out / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(text.encode())
    draft = out / "agent.json.draft"
    draft.write_text(json.dumps({"sweep_id": sweep_id}) + "\n", encoding="utf-8")
    draft.replace(out / "agent.json")
    return sweep_id


def _kept_file(out: Path, sweep_id: str) -> Path:
    return out / "wandb" / f"sweep-{sweep_id}" / "sweep.yaml"


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """One agent at a time in a folder, which is made. Raises UsageError where another one is at work there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / "agent.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unusable(out, error) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another agent is at work in '{out}'; wait for it, or give another --out") from None
        except OSError as error:  # some network file systems have no locks
            raise UsageError(f"'{out}' cannot be locked: {error.strerror}; give an --out on another disk") from None
        yield
    finally:
        os.close(handle)


def _unusable(out: Path, error: OSError) -> UsageError:
    return UsageError(f"the folder '{out}' cannot be used: {error.strerror}; give another --out")
