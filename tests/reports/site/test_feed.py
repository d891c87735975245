"""The feed, read by feedparser and held against RFC 4287."""

from __future__ import annotations

import uuid
from xml.etree import ElementTree

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.reports.site.feed import ATOM, feed, feed_id

from ..test_render import HOSTILE
from .lines import START, make_line

SWEEPS = {
    "a-1": (
        make_line("aaaa", name="first", headline=["Two of 10 runs crashed.", "Best 0.9."]),
        "lab/vision/aaaa",
        START,
    ),
    "b-2": (make_line("bbbb"), "lab/vision/bbbb", START + 60.5),
}


def test_an_entry_for_each_sweep_the_newest_first() -> None:
    read = feedparser.parse(feed("Our sweeps", feed_id(SWEEPS), SWEEPS, "https://team.example/sweeps"))
    assert not read.bozo
    assert read.version == "atom10"
    assert read.feed.title == "Our sweeps"
    assert [entry.title for entry in read.entries] == ["bbbb (lab/vision/bbbb)", "first (lab/vision/aaaa)"]
    assert read.entries[1].summary == "Two of 10 runs crashed. Best 0.9."
    assert read.entries[1].link == "https://team.example/sweeps/sweeps/lab/vision/aaaa/index.html"
    assert read.entries[0].updated == "2023-11-14T22:14:20Z" == read.feed.updated


def test_what_rfc_4287_asks_for_is_there() -> None:
    """Sections 4.1.1 and 4.1.2: author, id, title, updated; of an entry id, title, updated and a link or content."""
    root = ElementTree.fromstring(feed("T", feed_id(SWEEPS), SWEEPS))
    assert root.tag == f"{{{ATOM}}}feed"
    for name in ("author", "id", "title", "updated"):
        assert len(root.findall(f"{{{ATOM}}}{name}")) == 1
    for entry in root.findall(f"{{{ATOM}}}entry"):
        for name in ("id", "title", "updated", "link"):
            assert len(entry.findall(f"{{{ATOM}}}{name}")) == 1
    links = [link.get("href") for link in root.iter(f"{{{ATOM}}}link")]
    assert links == ["feed.xml", "index.html", "sweeps/lab/vision/bbbb/index.html", "sweeps/lab/vision/aaaa/index.html"]


def test_ids_stay() -> None:
    """An entry's id is the sweep's alone: neither its name, its text nor the other sweeps change it."""
    first = feedparser.parse(feed("T", "urn:x", SWEEPS))
    renamed = feedparser.parse(feed("U", "urn:x", {"a-1": (make_line("aaaa", name="new"), "elsewhere", START + 9)}))
    assert renamed.entries[0].id == first.entries[1].id
    assert uuid.UUID(first.entries[0].id)


@given(st.text())
def test_any_name_makes_a_feed_that_can_be_read(name: str) -> None:
    """XML cannot hold every character; what it cannot hold is replaced."""
    sweeps = {"k-1": (make_line("aaaa", name=name or "x", headline=[name]), "a/b/c", None)}
    read = ElementTree.fromstring(feed(name, "urn:x", sweeps))
    assert len(read.findall(f"{{{ATOM}}}entry")) == 1


@pytest.mark.parametrize("name", [HOSTILE, "]]>", "<entry/>", "&amp;", "\x00\ud800\uffff"])
def test_hostile_names_are_text(name: str) -> None:
    sweeps = {"k-1": (make_line("aaaa", name=name), "a/b/c", None)}
    root = ElementTree.fromstring(feed("T", "urn:x", sweeps))
    assert len(root.findall(f".//{{{ATOM}}}entry")) == 1
    assert not list(root.iter("script"))
