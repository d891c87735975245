"""The pages across sweeps: the index, one for each architecture and parameter, and the one that compares two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import format as fmt
from ..output import encoded
from ..render import environment
from . import names
from .assets import FOLDER, site_head
from .comparing import comparable
from .drawings import Dated, Trend, trend
from .families import families
from .lines import FORECASTS, QUESTIONS, Line, Said
from .pools import Pool
from .rows import Row, newest, row, span_of
from .state import Change
from .subjects import Found, architectures, level_rows, parameters, pooled_rows, risk_rows

MOST_TRENDS = 12
"""Projects and metrics whose charts over time are drawn: those with the newest sweeps."""
MOST_SHOWN_CHANGES = 20
QUESTION_WORDS = {
    "broken_host": "with a bad host",
    "drift": "whose crashes change with the time of start",
    "silent_failure": "with runs that completed though their metric broke",
    "unknown_outcomes": "with runs of which nobody can say what ended them",
    "mixed_scale": "whose metric has two scales",
    "space_edge": "whose best settings lie at an end of what was searched",
}


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the pages across sweeps are made of."""

    title: str
    version: str
    lines: Mapping[str, Line]
    places: Mapping[str, str]
    """Folder of each sweep's page, by key."""
    unread: Sequence[tuple[str, str]]
    """Sweeps without a page: label, and why."""
    pools: Sequence[Pool]
    changes: Sequence[Change]
    newest: float | None
    """When the newest sweep was harvested."""


def cross_pages(site: Site) -> dict[str, bytes]:
    """Every page across sweeps but the index, by its path in the site."""
    rows = {key: row(line, site.places[key]) for key, line in site.lines.items()}
    ordered = newest(rows)
    made = {"compare.html": _render("compare", site, "", sweeps=comparable(ordered), rows=ordered)}
    for name, path, found in _paths("architectures", architectures(site.lines)):
        values = level_rows(rows, found) | pooled_rows(site.pools, name, True, found)
        made[path] = _render("architecture", site, "../", name=name, **values)
    for name, path, found in _paths("parameters", parameters(site.lines)):
        values = level_rows(rows, found) | pooled_rows(site.pools, name, False, found)
        made[path] = _render("parameter", site, "../", name=name, risks=risk_rows(rows, name), **values)
    return made


def index_page(site: Site) -> bytes:
    """The page of all sweeps."""
    rows = {key: row(line, site.places[key]) for key, line in site.lines.items()}
    return _render(
        "index",
        site,
        "",
        rows=newest(rows),
        projects=sorted({row.project for row in rows.values()}),
        gates=sorted({row.gate for row in rows.values() if row.gate}),
        unread=site.unread,
        trends=_trends(site.lines),
        most_trends=MOST_TRENDS,
        kin=[(kin, rows.get(kin.key or ""), _forecasts(rows.get(kin.key or ""))) for kin in families(site.lines)],
        questions=_questions(rows),
        architectures=_links("architectures", architectures(site.lines)),
        parameters=_links("parameters", parameters(site.lines)),
        changes=[_change(change) for change in site.changes[:MOST_SHOWN_CHANGES]],
    )


def _trends(lines: Mapping[str, Line]) -> list[dict[str, Any]]:
    """Best value and crash rate over time, of each project and metric that several dated sweeps have."""
    found: dict[tuple[str, str], list[Line]] = {}
    for line in lines.values():
        if line["began"] is not None:
            project = "/".join(part for part in (line["entity"], line["project"]) if part) or "no project"
            found.setdefault((project, line["metric"]), []).append(line)
    several = [(group, of) for group, of in found.items() if len(of) > 1]
    several.sort(key=lambda item: -max(line["began"] or 0.0 for line in item[1]))
    return [{"project": project, "metric": metric, "charts": _charts(metric, of)} for (project, metric), of in several]


def _charts(metric: str, of: Sequence[Line]) -> list[Trend]:
    best = [
        Dated(at=line["began"] or 0.0, label=line["label"], value=line["best"])
        for line in of
        if line["best"] is not None
    ]
    spans = [(line, span_of(line["rate"])) for line in of if line["rate"]["eligible"]]
    rates = [
        Dated(at=line["began"] or 0.0, label=line["label"], value=span.value, low=span.low, high=span.high)
        for line, span in spans
    ]
    made = [trend(f"Best {metric}", best)] if best else []
    return [*made, *([trend("Adjudicated crash rate", rates, share=True)] if rates else [])]


def _questions(rows: Mapping[str, Row]) -> list[dict[str, Any]]:
    found = []
    for kind in QUESTIONS:
        items = [(row, said) for row in newest(rows) for said in row.line["said"] if said["kind"] == kind]
        if items:
            sweeps = len({row.href for row, _ in items})
            found.append({"text": f"{fmt.plural(sweeps, 'sweep')} {QUESTION_WORDS[kind]}", "items": items})
    return found


def _forecasts(row: Row | None) -> list[Said]:
    return [said for said in row.line["said"] if said["kind"] in FORECASTS] if row else []


def _paths(folder: str, subjects: Mapping[str, Found]) -> list[tuple[str, str, Found]]:
    pages = names.pages(subjects)
    return [(name, f"{folder}/{pages[name]}.html", found) for name, found in subjects.items()]


def _links(folder: str, subjects: Mapping[str, Found]) -> list[tuple[str, str, int]]:
    return [(name, path, len({key for key, _, _ in found})) for name, path, found in _paths(folder, subjects)]


def _change(change: Change) -> dict[str, str]:
    def both(values: Iterable[float | None], write: Any) -> str:
        shown = list(dict.fromkeys(write(value) for value in values))
        return " → ".join(shown)

    return {
        "at": fmt.moment(change["at"]),
        "label": change["label"],
        "what": change["what"],
        "runs": both(change["runs"], fmt.number),
        "best": both(change["best"], fmt.number),
        "crash": both(change["crash"], fmt.percent),
    }


def _render(template: str, site: Site, root: str, **values: Any) -> bytes:
    page = environment(markdown=False).get_template(f"site/{template}.html.j2")
    shared = {"site": site, "root": root, "assets": site_head(f"{root}{FOLDER}"), "newest": fmt.moment(site.newest)}
    return encoded(page.render(**shared, **values))
