"""The post-mortem in a notebook or a script: ``aftersweep.load("4yfw48ad")``.

    >>> sweep = aftersweep.load("4yfw48ad")
    >>> sweep.report()                       # the page, inline
    >>> sweep.findings[["id", "text"]]       # every result is a DataFrame
    >>> sweep.save("sweep.html")

Columns are those of the CSV tables: docs/csv.md says what they mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..analysis.errors import UsageError
from ..analysis.results.postmortem import PostMortem
from .format import plural
from .hostile import short, visible
from .tables import Table, tables

if TYPE_CHECKING:
    from ..analysis.resolve import Request

Word = str | os.PathLike[str]
Words = str | Sequence[str]
HEIGHT = 800
"""Pixels of the page inline."""
_SANDBOX = "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"
"""The page may run its scripts, hand out its downloads and open links in a new tab; it sees nothing of the notebook."""
_MOMENTS = ("created_at", "ended_at")


def load(
    sweep: Word | Sequence[Word],
    *,
    source: str | None = None,
    entity: str | None = None,
    project: str | None = None,
    sweep_id: str | None = None,
    all_runs: bool = False,
    sweep_config: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    archive: str | os.PathLike[str] | None = None,
    metric: str | None = None,
    goal: str | None = None,
    group_by: str | None = None,
    tags: Words = (),
    groups: Words = (),
    exclude: Words = (),
    claims: Words = (),
    count_causes: Words = (),
    gate_config: str | os.PathLike[str] | None = None,
) -> LoadedSweep:
    """The post-mortem of a sweep, or of several of one project pooled; the command line's ``report`` with its options.

    sweep: a folder, an export, ENTITY/PROJECT/SWEEP, a URL, an id; a list for several.
    entity, project: of a bare id on a W&B server; both or neither. Default: W&B's own settings.
    sweep_id: of a folder or an export with several sweeps, the one to take (``--sweep``).
    columns: for CSV, what a column is: ``{"Status": "state"}``.
    archive: the archive's folder. Default: $AFTERSWEEP_HOME or the user's data folder.

    Raises ``aftersweep.analysis.errors.AftersweepError``, whose text says what was wrong and what to do next.
    """
    from ..analysis.archive.store import Archive, default_root
    from ..analysis.tidy import Options
    from .gate_verdict import rules_asked
    from .job import Job, analysed, read_all
    from .options import asked_for_each

    asked = [sweep] if isinstance(sweep, (str, os.PathLike)) else list(sweep)
    words = [_full(os.fspath(word), entity, project) for word in asked]
    roles = [f"{name}={role}" for name, role in (columns or {}).items()]
    config = None if sweep_config is None else Path(sweep_config)
    requests: list[Request] = asked_for_each(words, source, sweep_id, all_runs, config, roles)
    job = Job(
        requests=requests,
        options=Options(
            metric=metric, goal=goal, tags=_several(tags), groups=_several(groups), exclude=_several(exclude)
        ),
        group_by=group_by,
        claims=_several(claims),
        count_causes=_several(count_causes),
        rules=rules_asked(None if gate_config is None else Path(gate_config), Path.cwd(), words),
    )
    opened = Archive(Path(archive) if archive is not None else default_root())
    return LoadedSweep(analysed(job, read_all(job, opened, None, quiet=True)))


@dataclass(frozen=True, repr=False)
class LoadedSweep:
    """A sweep's post-mortem: its page, and each of its results as a DataFrame.

    A frame's columns do not depend on the sweep, but for ``runs``, which has a column ``config.NAME`` for each swept
    parameter. Of a column ``x`` that has an interval, ``x_low`` and ``x_high`` are its ends at 95 %, where no ``level``
    says otherwise. Shares are 0 to 1, progress is in the sweep's unit (``sweeps.progress_unit``).
    """

    result: PostMortem
    """Everything that the frames are made of."""
    _made: dict[str, pd.DataFrame] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        sweep, status = self.result.sweep, self.result.status
        name = f" '{' '.join(visible(short(sweep.name)).split())}'" if sweep.name else ""
        frames = ", ".join((*self._tables, "history"))
        return (
            f"<aftersweep: sweep {visible(short(sweep.id))}{name}, {plural(status.total, 'run')}, "
            f"{plural(len(self.result.findings), 'finding')}; "
            f".report() shows the page, .save(path) writes it, as DataFrames: {frames}>"
        )

    def report(self, height: int = HEIGHT) -> InlinePage:
        """The page, which a notebook shows inline, ``height`` pixels high. Raises UsageError for a height below 1."""
        from .output import rendered

        if height < 1:
            raise UsageError(f"height={height}: it must be 1 pixel or more; {HEIGHT} is the default")
        return InlinePage(rendered(self.result, "html"), height, visible(short(self.result.sweep.id)))

    def save(self, path: str | os.PathLike[str], format: str | None = None, *, max_chars: int | None = None) -> Path:
        """Write the report, whole or not at all; the format is told by the name's end (.html, .md, .json, .pdf, .csv).

        format: html, md, json, pdf or csv, several with commas, where the name does not say. max_chars: at most so many
        characters of Markdown, 0 for all. Returns the path. Raises UsageError for what cannot be written.
        """
        from .formats import COMMENT, STDOUT, choose
        from .output import check, write

        target = Path(path)
        if target == STDOUT:
            raise UsageError("save('-'): name a file; print(sweep.report().html) shows the page's text")
        wanted = choose(format, False, target, COMMENT if max_chars is None else max_chars)
        check(wanted)
        write(self.result, wanted)
        return target

    @property
    def sweeps(self) -> pd.DataFrame:
        """A row a sweep: several where several were pooled."""
        return self._frame("sweeps")

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run: recorded ``state``, adjudicated ``outcome`` and ``cause``, ``best``, times, ``config.NAME``."""
        return self._frame("runs")

    @property
    def evidence(self) -> pd.DataFrame:
        """A row for each thing that speaks for a run's outcome; ``line`` is a log line, hostile text."""
        return self._frame("evidence")

    @property
    def outcomes(self) -> pd.DataFrame:
        """A row for each recorded state with an outcome, and how many runs have both."""
        return self._frame("outcomes")

    @property
    def findings(self) -> pd.DataFrame:
        """A row a finding: its sentence (``text``), estimate, interval, n, p, q, method, line of code."""
        return self._frame("findings")

    @property
    def finding_runs(self) -> pd.DataFrame:
        """A row for each finding with one of its runs."""
        return self._frame("finding_runs")

    @property
    def risk(self) -> pd.DataFrame:
        """A row for each setting that was held against the rest."""
        return self._frame("risk")

    @property
    def levels(self) -> pd.DataFrame:
        """A row for each level of each parameter: runs, ends, crash rate, best."""
        return self._frame("levels")

    @property
    def architectures(self) -> pd.DataFrame:
        """A row for each level of the parameter that tells architectures apart, with its chance to be the best."""
        return self._frame("architectures")

    @property
    def best_of_k(self) -> pd.DataFrame:
        """A row for each architecture after ``k`` runs: the median of the best with its band."""
        return self._frame("best_of_k")

    @property
    def importance(self) -> pd.DataFrame:
        """A row for each parameter, for the ``metric`` and for ``crash``: shares by fANOVA and PED-ANOVA."""
        return self._frame("importance")

    @property
    def progress(self) -> pd.DataFrame:
        """A row for each outcome at one progress."""
        return self._frame("progress")

    @property
    def hazard(self) -> pd.DataFrame:
        """A row for each stretch of progress: hazard of a crash per unit, incidence so far."""
        return self._frame("hazard")

    @property
    def incidence(self) -> pd.DataFrame:
        """A row for each outcome by a progress: the share of runs that had ended so by then."""
        return self._frame("incidence")

    @property
    def causes(self) -> pd.DataFrame:
        """A row for each cause of crashes."""
        return self._frame("causes")

    @property
    def pooled(self) -> pd.DataFrame:
        """A row for each setting in one sweep of several."""
        return self._frame("pooled")

    @property
    def next_sweep(self) -> pd.DataFrame:
        """A row for each changed line of the sweep that should follow."""
        return self._frame("next_sweep")

    @property
    def gate(self) -> pd.DataFrame:
        """A row for each rule of the gate; none where there are no rules."""
        return self._frame("gate")

    @property
    def history(self) -> pd.DataFrame:
        """A row for each logged value of the sweep's metric, NaN and infinities too: ``run``, ``progress``, ``time``
        (UTC, missing where unknown) and ``value``, in the order in which they were logged."""
        if "history" not in self._made:
            self._made["history"] = _history(self.result)
        return self._made["history"].copy()

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return tables(self.result)

    def _frame(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            self._made[name] = _frame(self._tables[name])
        return self._made[name].copy()


@dataclass(frozen=True, repr=False)
class InlinePage:
    """The report's page for a notebook: in a frame of its own, so that neither's style or scripts touch the other's."""

    html: str
    """The whole page, as a file would hold it."""
    height: int
    sweep: str

    def __repr__(self) -> str:
        return f"<aftersweep: the page of sweep {self.sweep}; a notebook shows it, .html is its text>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="Post-mortem of sweep {escape(self.sweep)}" width="100%" height="{self.height}" '
            f'style="border: 0" sandbox="{_SANDBOX}" allow="clipboard-write" srcdoc="{escape(self.html)}"></iframe>'
        )


def _frame(table: Table) -> pd.DataFrame:
    """Numbers as numbers and times as times; a column without any value is of floats, so that it compares."""
    frame = pd.DataFrame(list(table.rows), columns=list(table.columns))
    for name in frame.columns:
        if name in _MOMENTS:
            frame[name] = pd.to_datetime(frame[name], utc=True)
        elif frame[name].isna().all():
            frame[name] = frame[name].astype(float)
    return frame


def _history(result: PostMortem) -> pd.DataFrame:
    runs = result.sweep.runs
    parts = {"progress": "metric_progress", "time": "metric_time", "value": "metric"}
    columns = {name: np.concatenate([np.empty(0), *(getattr(run, of) for run in runs)]) for name, of in parts.items()}
    named = np.repeat(np.array([run.id for run in runs], dtype=object), [run.metric.size for run in runs])
    frame = pd.DataFrame({"run": named, **columns})
    frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True).dt.round("us")
    return frame


def _several(words: Words) -> tuple[str, ...]:
    """One word or several, as several."""
    return (words,) if isinstance(words, str) else tuple(words)


def _full(word: str, entity: str | None, project: str | None) -> str:
    """The word with entity and project before it. Raises UsageError for one of the two, or a word that has its own."""
    if entity is None and project is None:
        return word
    if entity is None or project is None:
        missing, given = ("entity", "project") if entity is None else ("project", "entity")
        raise UsageError(f"{given} without {missing}: give both, or neither for W&B's own settings")
    if "/" in word:
        raise UsageError(f"'{word}' has slashes, and entity and project are given too; give the bare id with them")
    return f"{entity}/{project}/{word}"
