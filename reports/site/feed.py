"""An Atom feed of the sweeps (RFC 4287): an entry for each, with an id that stays."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree

from ..hostile import visible
from .lines import Line

ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2)."""


def feed_id(keys: Iterable[str]) -> str:
    """An id for the feed of these sweeps; it is kept with the site, so that it stays when sweeps come."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"aftersweep site {min(keys, default='')}").urn


def feed(
    title: str,
    feed_urn: str,
    sweeps: Mapping[str, tuple[Line, str, float | None]],
    url: str | None = None,
) -> bytes:
    """The feed, newest first.

    sweeps: by key the line, the folder of its page, and when it was harvested; url: where the site will stand. Without
    it links are relative, which RFC 4287 (section 2) allows and not every reader follows.
    """
    base = f"{url.rstrip('/')}/" if url else ""
    ElementTree.register_namespace("", ATOM)
    root = _element("feed")
    latest = max((at for _, _, at in sweeps.values() if at is not None), default=0.0)
    _child(root, "title", title)
    _child(root, "id", feed_urn)
    _child(root, "updated", _time(latest))
    _child(_child(root, "author"), "name", "aftersweep")
    _child(root, "link", rel="self", type="application/atom+xml", href=f"{base}feed.xml")
    _child(root, "link", rel="alternate", type="text/html", href=f"{base}index.html")
    for key, (line, place, at) in sorted(sweeps.items(), key=lambda item: (-(item[1][2] or 0.0), item[0])):
        entry = _child(root, "entry")
        _child(entry, "title", f"{line['name'] or line['id']} ({line['label']})")
        _child(entry, "id", uuid.uuid5(uuid.NAMESPACE_OID, f"aftersweep sweep {key}").urn)
        _child(entry, "updated", _time(at or 0.0))
        if line["began"] is not None:
            _child(entry, "published", _time(line["began"]))
        _child(entry, "link", rel="alternate", type="text/html", href=f"{base}sweeps/{place}/index.html")
        _child(entry, "summary", " ".join(line["headline"]), type="text")
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _element(name: str) -> ElementTree.Element:
    return ElementTree.Element(f"{{{ATOM}}}{name}")


def _child(parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    child.text = None if text is None else _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", visible(text))
    return child


def _time(seconds: float) -> str:
    """RFC 3339, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
