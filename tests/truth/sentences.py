"""Every sentence of a page against the truth, and every line of it against the findings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aftersweep.reports.hostile import escape_markdown
from aftersweep.reports.narrate import sentence

from .judges import Case, verdict


@dataclass(frozen=True)
class Verdicts:
    """A page's sentences by kind: right, wrong, not judged; the wrong ones word for word."""

    by_kind: Mapping[str, tuple[int, int, int]]
    wrong: tuple[str, ...]
    unsaid: tuple[str, ...]
    """Findings that the Markdown does not say."""
    unfounded: tuple[str, ...]
    """Lines of the Markdown that are neither a finding's sentence nor known to be no statement about the data."""


def read(case: Case, markdown: str) -> Verdicts:
    """Every sentence of the page judged."""
    counts: dict[str, list[int]] = {}
    wrong = []
    for finding in case.result.findings:
        kind = finding.kind if finding.kind != "recommendation" else f"advice: {finding.facts['advice']}"
        found = verdict(finding, case)
        counts.setdefault(kind, [0, 0, 0])[2 if found is None else int(not found)] += 1
        if found is False:
            wrong.append(f"{finding.kind}: {sentence(finding)}")
    said = {escape_markdown(sentence(finding)): finding.id for finding in case.result.findings}
    lines = [line for line in markdown.splitlines() if line.strip()]
    return Verdicts(
        by_kind={kind: (right, bad, open_) for kind, (right, bad, open_) in counts.items()},
        wrong=tuple(wrong),
        unsaid=tuple(text for text in said if text not in markdown),
        unfounded=tuple(_unfounded(lines, said)),
    )


NO_STATEMENT = tuple(
    re.compile(pattern)
    for pattern in (
        r"^#",  # headings
        r"^\|",  # tables: numbers with their intervals
        r"^Sweep .* · \d+ runs?( · .*)?$",
        r"^- \*\*.+\*\*:",  # the sweep's own facts, and how many runs had which level
        r"^- (out of memory|diverged|code error|infrastructure|preempted|unknown): \d+( \(run .*\))?$",
        r"^No (run|swept parameter|other parameter|parameter|finding) ",
        r"^The sweep has no runs\.$",
        r"^several sweeps are pooled here: the next sweep follows one of them",
        r"^the configuration of sweep .* is not known, so there is no space to narrow",
        r"; each sweep in the light of the others\.$",
        r":$",  # what the table below it shows
        r"^Of the sweep file: ",  # what W&B's schema says of it; nothing about the runs
        r"^Method: ",
        r"^\S+ \S+, run \S+, .+$",  # the run whose configuration follows
        r"^Made by aftersweep ",
        r"^> \*\*Note:\*\*",
    )
)


def _unfounded(lines: Sequence[str], said: Mapping[str, str]) -> list[str]:
    found, fenced = [], False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
            continue
        if fenced or any(pattern.search(line) for pattern in NO_STATEMENT):
            continue
        text = re.sub(r"^(- |\d+\. )", "", line)
        text = re.sub(r" \([FCR]\d+\)$", "", text)
        if text not in said:
            found.append(line)
    return found
