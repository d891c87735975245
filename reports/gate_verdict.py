"""The gate's verdict for a report: the rules of the working folder, or of the file that is named, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..analysis.errors import UsageError
from ..analysis.results.gate import Rule

if TYPE_CHECKING:
    from ..analysis.results.postmortem import PostMortem


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The rules that a report is to be held against."""

    rules: tuple[Rule, ...]
    rules_from: str
    """The file that they stand in."""
    named: bool
    """Whether the file was named: then rules that do not fit the sweep are refused, not told."""


def rules_asked(config: Path | None, folder: Path, sweeps: Sequence[str]) -> Asked | None:
    """The rules for the report of these sweeps; None where there are none, or several sweeps make one page.

    config: the file that was named, else ``aftersweep.toml`` or ``pyproject.toml`` in ``folder``. To be called before
    the sweep is read. Raises UsageError for a file that holds no rules, or wrong ones, and for a named file with
    several sweeps: rules are for one.
    """
    from .gate_rules import rules_in

    if len(sweeps) > 1:
        if config is not None:
            raise UsageError(
                f"--gate-config {config}: rules are for one sweep, and {len(sweeps)} are given; leave it out"
            )
        return None
    found = rules_in(config, folder)
    return None if found is None else Asked(rules=found[0], rules_from=found[1], named=config is not None)


def with_verdict(result: PostMortem, asked: Asked | None) -> PostMortem:
    """The post-mortem with the verdict; UsageError where a named file asks what this metric cannot have."""
    from ..analysis.gate import judge

    if asked is None:
        return result
    return replace(result, gate=judge(result, asked.rules, rules_from=asked.rules_from, strict=asked.named))
