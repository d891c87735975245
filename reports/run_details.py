"""What a run's own panel shows, packed: one compressed piece of text that the page's script opens on demand.

The panel holds what a table row cannot: configuration, curve, all evidence, the end of the log. Compressed it is a
tenth of its size, and the browser parses it only when somebody opens a run.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from ..analysis.results.postmortem import PostMortem
from ..analysis.types import Outcome, Run, Sweep
from ..analysis.values import show
from . import format as fmt
from .charts import thin
from .hostile import short, visible

MOST_LINES = 12
"""Lines of the end of a log; of a very long line its beginning."""
MOST_CONFIG = 200
"""Entries of a configuration, swept parameters first."""


def packed(result: PostMortem, runs: Sequence[Run]) -> str:
    """Details of the runs in this order, as JSON, gzipped, in base64; the same input gives the same text."""
    found = {
        "about": {"metric": short(visible(result.metric.name)), "unit": result.sweep.progress_unit},
        "runs": [_details(run, result.outcomes[run.id], result.sweep) for run in runs],
    }
    text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode("ascii")


def certainty(outcome: Outcome) -> str:
    """How the outcome is known, with its chance where that is not near 1."""
    sure = outcome.probability > 0.995
    return outcome.grade if sure else f"{outcome.grade}, {fmt.percent(outcome.probability)}"


def run_url(sweep: Sweep, run_id: str) -> str | None:
    """The run's page at its W&B server; None where the sweep's own address is not known or no https one."""
    if not sweep.url or not sweep.entity or not sweep.project:
        return None
    server = urlsplit(sweep.url)
    if server.scheme != "https" or not server.netloc:
        return None
    path = "/".join(quote(word, safe="") for word in (sweep.entity, sweep.project, "runs", run_id))
    return f"https://{server.netloc}/{path}"


def _details(run: Run, outcome: Outcome, sweep: Sweep) -> dict[str, Any]:
    xs, ys = thin(run.metric_progress, run.metric) if run.iterations else ((), ())
    log = [visible(line) for line in run.log_tail[-MOST_LINES:]]
    named = {visible(fact.line) for fact in outcome.evidence if fact.line and fact.decisive}
    return {
        "id": visible(run.id),
        "name": visible(run.name),
        "state": visible(run.state),
        "outcome": outcome.label,
        "words": fmt.outcome_words(outcome.label, outcome.cause),
        "certainty": certainty(outcome),
        "url": run_url(sweep, run.id),
        "facts": _facts(run, sweep),
        "config": _config(run, sweep),
        "evidence": [
            {"text": visible(fact.text), "line": visible(fact.line) if fact.line else None, "decisive": fact.decisive}
            for fact in outcome.evidence
        ],
        "contradictions": [visible(line) for line in outcome.contradictions],
        "curve": [[_four(x) for x in xs], [_four(y) for y in ys]],
        "log": log,
        "decisive": [place for place, line in enumerate(log) if line in named],
    }


def _facts(run: Run, sweep: Sweep) -> list[tuple[str, str]]:
    found = [
        ("Progress", f"{fmt.number(run.progress)} {sweep.progress_unit}"),
        ("Best", fmt.number(run.best)),
        ("Started", fmt.moment(run.created_at)),
        ("Ran", fmt.duration(run.runtime_s)),
    ]
    more = {"Exit code": run.exit_code, "Host": run.host, "GPU": run.gpu, "Group": run.group, "Agent": run.agent}
    found += [(name, visible(value)) for name, value in more.items() if value is not None]
    found += [(f"{where} memory, at most", fmt.percent(peak)) for where, peak in
              (("GPU", run.gpu_memory_peak), ("Host", run.host_memory_peak)) if peak is not None]  # fmt: skip
    if run.tags:
        found.append(("Tags", visible(", ".join(run.tags))))
    return found


def _config(run: Run, sweep: Sweep) -> list[tuple[str, str]]:
    """Swept parameters first, then the rest of what the run was given."""
    names = [name for name in sweep.parameters if name in run.config]
    names += [name for name in run.config if name not in sweep.parameters]
    return [(short(visible(name)), visible(show(run.config[name]))) for name in names[:MOST_CONFIG]]


def _four(value: float) -> float:
    return float(f"{float(value):.4g}")
