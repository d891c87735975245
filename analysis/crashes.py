"""Where and by what runs ended: states against outcomes, ends by progress, crashes by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from .results.tables import CauseRow, ProgressRow, StatusTable
from .types import CAUSES, OUTCOMES, Outcome, Run, Sweep

RECORDED_CRASH = ("crashed", "failed")


def status_table(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> StatusTable:
    """Each recorded state against each outcome."""
    counts: dict[str, Counter[str]] = {}
    for run in sweep.runs:
        counts.setdefault(run.state, Counter())[outcomes[run.id].label] += 1
    states = Counter(run.state for run in sweep.runs)
    total = Counter(outcomes[run.id].label for run in sweep.runs)
    order = sorted(states, key=lambda s: (-states[s], s))
    return StatusTable(
        counts={state: dict(counts[state]) for state in order},
        states={state: states[state] for state in order},
        outcomes={label: total[label] for label in OUTCOMES if total[label]},
        total=len(sweep.runs),
    )


def near_band(end: float, bands: Sequence[int], width: float = 1.0) -> int | None:
    """The band at or just before which a run that made ``end`` ended: within ``width`` after it; None if none."""
    return next((band for band in sorted(bands, reverse=True) if 0 <= end - band <= width), None)


def band_progress(sweep: Sweep, bands: Sequence[int]) -> dict[int, float]:
    """Where each band lies in the sweep's unit: the median progress of the runs at that logged value.

    Bands count logged values, so a metric that is logged every second epoch reaches band 6 at epoch 12. A band that
    no run reached is left out, but without any history epochs are taken for logged values.
    """
    sweep = sweep.judged or sweep
    counted = [run.metric_progress[np.isfinite(run.metric)] for run in sweep.runs]
    longest = max((len(ends) for ends in counted), default=0)
    if not longest:
        return {band: float(band) for band in bands}
    return {
        band: float(np.median([e[band - 1] for e in counted if len(e) >= band])) for band in bands if band <= longest
    }


def hyperband_end(run: Run, epochs: bool) -> float:
    """Where the run ended as Hyperband counts: logged values of the metric, or epochs where there is no history."""
    return float(run.iterations) if run.iterations or not epochs else run.progress


def progress_rows(sweep: Sweep, outcomes: Mapping[str, Outcome], bands: Sequence[int]) -> tuple[ProgressRow, ...]:
    """The ended runs by the progress at which they ended, lowest first; fractions count with the last whole epoch."""
    marked = {float(int(at)): band for band, at in reversed(band_progress(sweep, bands).items())}
    by_end: dict[float, list[Run]] = {}
    for run in sweep.runs:
        if outcomes[run.id].eligible:
            by_end.setdefault(float(int(run.progress)), []).append(run)
    rows = []
    for end, runs in sorted(by_end.items()):
        labels = Counter(outcomes[run.id].label for run in runs)
        rows.append(
            ProgressRow(
                progress=end,
                band=marked.get(end),
                outcomes={label: labels[label] for label in OUTCOMES if labels[label]},
                recorded_crashed=sum(run.state in RECORDED_CRASH for run in runs),
                runs=tuple(run.id for run in runs),
            )
        )
    return tuple(rows)


def cause_rows(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> tuple[CauseRow, ...]:
    """The crashed runs by cause, most first; with the decisive log line of one of them."""
    rows = []
    for cause in CAUSES:
        runs = [run for run in sweep.runs if outcomes[run.id].cause == cause]
        if not runs:
            continue
        lines = [
            (run.id, item.line or item.text) for run in runs for item in outcomes[run.id].evidence if item.decisive
        ]
        example_run, example = lines[0] if lines else (None, None)
        rows.append(
            CauseRow(
                cause=cause,
                runs=tuple(run.id for run in runs),
                grades=dict(Counter(outcomes[run.id].grade for run in runs)),
                example=example,
                example_run=example_run,
            )
        )
    return tuple(sorted(rows, key=lambda row: -len(row.runs)))
