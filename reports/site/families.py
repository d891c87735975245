"""Which sweep follows which, as a forest that a nested list can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .lines import Line


@dataclass(frozen=True, kw_only=True)
class Kin:
    """One sweep of a family, in the order of a nested list."""

    key: str | None
    """None for a parent that is not archived, known by its id alone."""
    name: str
    deeper: bool
    """True where its followers come next."""
    ends: int
    """Lists that end after it."""


def families(lines: Mapping[str, Line]) -> list[Kin]:
    """The sweeps that follow one another, each after the one that it follows; no sweep by itself.

    A description is hostile text: it may name a sweep that is not here, or one that follows in a circle. Each sweep
    stands once.
    """
    parents = {key: _parent(key, lines) for key in lines}
    children: dict[str, list[str]] = {}
    for key in sorted(lines, key=lambda key: (lines[key]["began"] or 0.0, key)):
        if parents[key] is not None:
            children.setdefault(str(parents[key]), []).append(key)
    roots = sorted({str(parent) for parent in parents.values() if parent is not None and parents.get(parent) is None})
    seen: set[str] = set()
    walk: list[tuple[int, str]] = []
    for root in [*roots, *sorted(key for key in lines if parents[key] is not None)]:  # the rest: circles
        stack = [] if root in seen else [(0, root)]
        while stack:
            depth, node = stack.pop()
            if node not in seen:
                seen.add(node)
                walk.append((depth, node))
                stack += [(depth + 1, child) for child in reversed(children.get(node, [])) if child not in seen]
    depths = [*(depth for depth, _ in walk[1:]), 0][: len(walk)]
    return [
        Kin(
            key=node if node in lines else None,
            name=lines[node]["label"] if node in lines else node.removeprefix(_ABSENT),
            deeper=after > depth,
            ends=max(0, depth - after),
        )
        for (depth, node), after in zip(walk, depths, strict=True)
    ]


_ABSENT = "absent: "
"""Before the id of a sweep that is not archived; no key has a colon."""


def _parent(key: str, lines: Mapping[str, Line]) -> str | None:
    """The key of the sweep that this one follows, of its own project first."""
    child = lines[key]
    if child["parent"] is None:
        return None
    named = [other for other, line in lines.items() if line["id"] == child["parent"] and other != key]
    near = [o for o in named if (lines[o]["entity"], lines[o]["project"]) == (child["entity"], child["project"])]
    return (sorted(near) or sorted(named) or [f"{_ABSENT}{child['parent']}"])[0]
