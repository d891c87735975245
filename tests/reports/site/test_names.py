"""Names from a server as paths: safe on every file system, each its own, and plain ones unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.reports.site.names import is_ours, pages, part, places

TEXT = st.one_of(st.text(), st.sampled_from(["..", ".", "", "a/b", "/etc", "CON", "nul.txt", "x" * 300, "é", "\ud800"]))


@given(TEXT)
def test_a_part_is_one_safe_piece(text: str) -> None:
    """ASCII letters, digits and ._~-, no leading or trailing dot, short; no separator, no way up."""
    made = part(text)
    assert is_ours(made)
    assert "/" not in made
    assert len(made) <= 64
    assert not made.endswith(".")
    assert made.encode("ascii")


@given(st.sets(TEXT, max_size=8))
def test_no_two_texts_share_a_page(texts: set[str]) -> None:
    """Not even on a file system that does not tell upper from lower case."""
    made = pages(texts)
    assert len({path.casefold() for path in made.values()}) == len(texts)


@given(st.sets(st.tuples(TEXT, TEXT, TEXT), max_size=6))
def test_no_two_sweeps_share_a_folder(sweeps: set[tuple[str, str, str]]) -> None:
    made = places((str(i), *sweep) for i, sweep in enumerate(sorted(sweeps)))
    assert len({path.casefold() for path in made.values()}) == len(sweeps)
    assert all(is_ours(path) and path.count("/") == 2 for path in made.values())


def test_plain_names_stay_as_they_are() -> None:
    """What W&B itself makes; only what is not plain, or is the same but for its case, gets a hash."""
    assert places([("k", "my-team", "snr_vision.v2", "4yfw48ad")]) == {"k": "my-team/snr_vision.v2/4yfw48ad"}
    assert places([("k", None, None, "runs.csv")]) == {"k": "local/local/runs.csv"}
    two = places([("k", "a", "b", "Same"), ("l", "a", "b", "same"), ("m", "a", "b", "other")])
    assert two["m"] == "a/b/other"
    assert two["k"].startswith("a/b/Same~")
    assert two["l"].startswith("a/b/same~")


@pytest.mark.parametrize("text", ["con", "NUL", "com1.txt", "LPT9", "aux"])
def test_names_that_windows_keeps_for_itself_are_avoided(text: str) -> None:
    assert part(text).startswith(f"{text.replace('.', '-')}~")


@pytest.mark.parametrize("path", ["../x", "a/../b", "/a", "a//b", "", "a/", ".git/config", "a\\b", "a\n"])
def test_paths_that_lead_elsewhere_are_not_ours(path: str) -> None:
    assert not is_ours(path)
