"""``report --publish wandb``: the report as a W&B Report, beside the sweep's runs.

Its text is that of the Markdown report, section by section, then every finding's evidence, folded; above it stand W&B's
own panels, where the sweep's runs are on a W&B server. The package wandb-workspaces (extra ``publish``) gives it its
form, the official client sends it. Nothing is sent but by ``Publication.send``.
"""

from __future__ import annotations

import importlib
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..analysis.errors import UsageError
from .hostile import escape_markdown, short, visible

if TYPE_CHECKING:
    from ..analysis.results.postmortem import PostMortem
    from ..analysis.sources.wandb_login import Login
    from ..analysis.types import Sweep
    from .view import Said

TARGETS = ("wandb",)
LONGEST_TITLE = 128
"""Characters that W&B takes of a title."""
MOST_COLUMNS = 12
"""Parameters in the panel of parallel coordinates."""
_SWEEP_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WIDTH, _HEIGHT = 24, 9
"""Of a panel that takes the grid's whole width, in its units."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A report that the user asked to be published."""

    login: Login | None
    """Of the server; None for a dry run, which sends nothing."""
    entity: str | None
    project: str | None
    """W&B's default ones, for a sweep that does not say its own."""

    def request(self, result: PostMortem, markdown: str) -> str:
        """What would be sent, as JSON: the variables of the mutation ``upsertView``, its spec as it is."""
        model = self._report(result, markdown)._to_model()
        whole = {
            "entityName": model.project.entity_name,
            "projectName": model.project.name,
            "displayName": model.display_name,
            "description": model.description,
            "type": "runs",
            "spec": model.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"

    def send(self, result: PostMortem, markdown: str) -> str:
        """Save the report on the W&B server; its address.

        Raises CredentialsError, ForbiddenError, UsageError (no such project), NetworkError or SourceError.
        """
        from ..analysis.sources.wandb_reports import save

        assert self.login is not None  # a dry run is not sent
        report = self._report(result, markdown)
        saved = save(report, report.entity, report.project, self.login)
        slug = re.sub(r"[^A-Za-z0-9]+", "-", report.title).strip("-") or "report"
        place = "/".join(quote(part, safe="") for part in (report.entity, report.project, "reports"))
        return f"{self.login.app_url.rstrip('/')}/{place}/{slug}--{quote(saved, safe='=')}"

    def _report(self, result: PostMortem, markdown: str) -> Any:
        return to_report(result, markdown, *self._place(result.sweep))

    def _place(self, sweep: Sweep) -> tuple[str, str]:
        """Entity and project of the report. Raises UsageError where neither the sweep nor W&B's settings say them."""
        entity, project = sweep.entity or self.entity, sweep.project or self.project
        if entity and project:
            return entity, project
        missing = [name for name, value in (("entity", entity), ("project", project)) if not value]
        raise UsageError(
            f"--publish wandb: the sweep does not say its {' and '.join(missing)}; set "
            f"{' and '.join(f'WANDB_{name.upper()}' for name in missing)}"
        )


def plan(target: str | None, *, dry_run: bool, watch: bool, written: bool) -> Publication | None:
    """What --publish and --dry-run ask for; None for neither. To be called before the sweep is read.

    written: whether a file or a format was asked for too. Raises UsageError for what does not go together, for a place
    that is none of TARGETS and without wandb-workspaces; CredentialsError where there is no API key.
    """
    if target is None:
        if dry_run:
            raise UsageError("--dry-run shows what --publish would send; give --publish wandb too")
        return None
    if target not in TARGETS:
        raise UsageError(f"--publish {target}: it must be {' or '.join(TARGETS)}")
    if watch:
        raise UsageError("--publish makes a new report each time, and --watch renews one; publish when it has ended")
    if dry_run and written:
        raise UsageError("--dry-run prints what would be sent and writes no file; leave -o, --format and --pdf out")
    _workspaces()
    from ..analysis.sources.wandb_login import default_place, find_login

    if dry_run:
        entity, project = default_place()
        return Publication(login=None, entity=entity, project=project)
    login = find_login()
    return Publication(login=login, entity=login.entity, project=login.project)


def _workspaces() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, which the package's authors have to heed
            return importlib.import_module("wandb_workspaces.reports.v2")
    except ImportError:
        raise UsageError(
            "--publish wandb needs the package wandb-workspaces; install it with: pip install 'aftersweep[publish]'"
        ) from None


def to_report(result: PostMortem, markdown: str, entity: str, project: str) -> Any:
    """The report as wandb-workspaces' ``Report``, which is not saved yet.

    markdown: the Markdown report, all of whose text from outside is escaped.
    """
    wr = _workspaces()
    title, sections = split(markdown)
    sweep = result.sweep
    blocks = [] if not sections[0][1] else [wr.MarkdownBlock(sections[0][1])]
    if panels := _panels(wr, result):
        blocks += [wr.H2("Panels of W&B"), wr.P(_PANELS), *panels]
    for heading, text in sections[1:]:
        blocks += [wr.H2(heading), wr.MarkdownBlock(text)]
    blocks.append(wr.H2("Evidence", collapsed_blocks=[wr.MarkdownBlock(text) for text in _evidence(result)]))
    return wr.Report(
        entity=entity,
        project=project,
        title=title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…",
        description=f"Sweep {visible(short(sweep.id))}: what ended each run, what carries risk, what to run next.",
        blocks=blocks,
        width="fluid",
    )


_PANELS = "By W&B, from its own records: states as recorded, last values. Below, outcomes and best values count."


def split(markdown: str) -> tuple[str, list[tuple[str, str]]]:
    """The report's title, and heading and text of each section; the first has no heading. Code blocks stay whole."""
    title, sections, fence = "", [("", list[str]())], ""
    for line in markdown.split("\n"):
        opened = re.match(r"`{3,}", line)
        if fence:
            fence = "" if line.startswith(fence) and not line.strip("` ") else fence
        elif opened:
            fence = opened[0]
        elif line.startswith("# ") and not title:
            title = _plain(line[2:])
            continue
        elif line.startswith("## "):
            sections.append((_plain(line[3:]), []))
            continue
        sections[-1][1].append(line)
    return title, [(heading, "\n".join(lines).strip()) for heading, lines in sections]


def _plain(text: str) -> str:
    """Markdown's escapes taken away, for what W&B shows as it is."""
    return re.sub(r"\\(.)", r"\1", text)


def _evidence(result: PostMortem) -> Iterator[str]:
    """Each finding with its estimate, interval, n, method and runs, as Markdown."""
    from .view import say

    for finding in result.findings:
        yield _told(say(finding))


def _told(said: Said) -> str:
    from .view import MOST_RUNS

    runs = said.finding.runs
    shown = ", ".join(escape_markdown(short(run)) for run in runs[:MOST_RUNS])
    more = f" and {len(runs) - MOST_RUNS} more" if len(runs) > MOST_RUNS else ""
    facts = [f"- {name}: {escape_markdown(value)}" for name, value in said.facts if name != "Finding"]
    facts += [f"- Runs: {shown}{more}"] if runs else []
    return f"**{said.finding.id}** {escape_markdown(said.text)}\n\n" + "\n".join(facts)


def _panels(wr: Any, result: PostMortem) -> Sequence[Any]:
    """A grid of W&B's own panels over the sweep's runs; none where the runs are on no W&B server."""
    sweep = result.sweep
    members = sweep.parts or (sweep,)
    # Ids become part of an expression that the package evaluates: nothing but an id may.
    if not all(part.url and _SWEEP_ID.fullmatch(part.id) for part in members):
        return ()
    metric, ids = sweep.metric.name, [part.id for part in members]
    expr = importlib.import_module("wandb_workspaces.expr")
    of_sweeps = expr.And(expr.Metric("Sweep").isin(ids))
    runs = wr.Runset(name="The sweep's runs" if len(ids) == 1 else "The sweeps' runs", filters=of_sweeps)
    columns = [
        wr.ParallelCoordinatesPlotColumn(wr.Config(name), display_name=visible(short(name)))
        for name in _parameters(sweep)
    ]
    shown = visible(short(metric))
    panels = [
        wr.LinePlot(title=f"{shown} as logged", x=sweep.epoch_key or "Step", y=[metric], layout=_row(wr, 0)),
        wr.ParallelCoordinatesPlot(
            title=f"Parameters and the last {shown}",
            columns=[*columns, wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(metric))],
            layout=_row(wr, 1),
        ),
        wr.ParameterImportancePlot(with_respect_to=metric, layout=_row(wr, 2)),
        wr.RunComparer(diff_only="split", layout=_row(wr, 3)),
    ]
    return [wr.PanelGrid(runsets=[runs], panels=panels)]


def _parameters(sweep: Sweep) -> list[str]:
    return list(sweep.parameters)[:MOST_COLUMNS]


def _row(wr: Any, place: int) -> Any:
    return wr.Layout(x=0, y=place * _HEIGHT, w=_WIDTH, h=_HEIGHT)
