"""Which sweep follows which: a forest whatever the descriptions say, each sweep once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aftersweep.reports.site.families import families

from .lines import START, make_line

IDS = [f"s{i}" for i in range(6)]


def outline(parents: dict[str, str | None]) -> list[tuple[int, str]]:
    """Depth and name of each item of the nested list."""
    lines = {f"key-{name}": make_line(name, parent=parent) for name, parent in parents.items()}
    depth, found = 0, []
    for kin in families(lines):
        found.append((depth, kin.name.rpartition("/")[2]))
        depth += 1 if kin.deeper else -kin.ends
    return found


def test_a_follow_up_stands_under_its_parent() -> None:
    """In the order of their starts; a sweep by itself is no family; a parent that is not archived is named."""
    assert outline({"a": None, "b": "a", "c": "b", "d": "a", "e": None, "f": "gone"}) == [
        (0, "absent: gone".removeprefix("absent: ")),
        (1, "f"),
        (0, "a"),
        (1, "b"),
        (2, "c"),
        (1, "d"),
    ]


def test_circles_end() -> None:
    """A description is text from a server: two that follow each other, one that follows itself."""
    assert outline({"a": "b", "b": "a"}) == [(0, "a"), (1, "b")]
    assert outline({"a": "a"}) == [(0, "a"), (1, "a")] or len(outline({"a": "a"})) == 2


def test_the_parent_of_the_same_project_is_meant() -> None:
    lines = {
        "k1": make_line("p", project="other", label="lab/other/p", began=START),
        "k2": make_line("p", began=START + 1),
        "k3": make_line("c", parent="p", began=START + 2),
    }
    assert [kin.key for kin in families(lines)] == ["k2", "k3"]


@given(st.dictionaries(st.sampled_from(IDS), st.one_of(st.none(), st.sampled_from([*IDS, "x"]))))
def test_every_follow_up_stands_once_and_the_lists_close(parents: dict[str, str | None]) -> None:
    """Law: each sweep that names a parent stands exactly once, and as many lists end as begin."""
    lines = {f"key-{name}": make_line(name, parent=parent) for name, parent in parents.items()}
    found = families(lines)
    keys = [kin.key for kin in found if kin.key is not None]
    assert len(keys) == len(set(keys))
    assert {f"key-{name}" for name, parent in parents.items() if parent is not None} <= set(keys)
    assert sum(kin.deeper for kin in found) == sum(kin.ends for kin in found)
