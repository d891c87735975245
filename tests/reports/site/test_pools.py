"""Which sweeps go together, and what they say: as the report of several sweeps says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftersweep.analysis.pooling import pool
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.narrate import sentence
from aftersweep.reports.site import pools
from aftersweep.reports.site.pools import digest_of, groups, pool_of

from .archived import Told, put
from .lines import START, make_line


def test_only_what_can_be_held_against_each_other_goes_together() -> None:
    """One project, metric, goal and unit; sweeps with runs; oldest first; no group of one, none without a project."""
    lines = {
        "late": make_line("a", began=START + 9),
        "early": make_line("b"),
        "loss": make_line("c", metric="loss"),
        "steps": make_line("d", unit="logged values"),
        "other": make_line("e", project="other"),
        "empty": make_line("f", runs=0),
        "nowhere": make_line("g", project=None),
        "nowhere too": make_line("h", project=None),
    }
    assert list(groups(lines).values()) == [["early", "late"]]


def test_a_group_is_made_anew_where_a_member_changes() -> None:
    keys, now = ["a", "b"], {"a": "1", "b": "2"}
    assert digest_of(keys, now) == digest_of(keys, dict(now))
    assert digest_of(keys, now) != digest_of(keys, now | {"b": "3"})
    assert digest_of(keys, now) != digest_of(["a"], now)


def test_a_pool_says_what_the_report_of_these_sweeps_says(tmp_path: Path) -> None:
    """Law: the estimates and the sentences are those of ``aftersweep report A B``."""
    told = [Told(id=f"{i}" * 8, seed=i, day=i, runs=40, world="one of 2, Hyperband") for i in range(2)]
    archive = put(tmp_path, *told)
    keys = sorted(archive.keys(), key=lambda key: archive.sweep(key).id)
    found = pool_of(archive, keys, make_line("x"))
    result = post_mortem(pool([tidy(*archive.load(key)) for key in keys]))
    assert result.pooled
    assert [(e["parameter"], e["mean"][0]) for e in found["effects"]] == [
        (level.parameter, None if level.mean.value is None else float(f"{level.mean.value:.6g}"))
        for level in result.pooled.levels
    ]
    said = [item["text"] for items in found["said"].values() for item in items]
    kinds = ("pooled_level", "pooled_heterogeneity")
    assert sorted(said) == sorted(sentence(f) for f in result.findings if f.kind in kinds)
    assert (found["problem"], found["left_out"], found["members"]) == (None, 0, keys)


def test_only_the_newest_are_pooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_SWEEPS", 2)
    archive = put(tmp_path, *(Told(id=f"{i}" * 8, seed=i, day=i, runs=6) for i in range(3)))
    keys = sorted(archive.keys(), key=lambda key: archive.sweep(key).id)
    found = pool_of(archive, keys, make_line("x"))
    assert (found["members"], found["left_out"]) == (keys[1:], 1)


def test_sweeps_that_cannot_be_pooled_say_why(tmp_path: Path) -> None:
    """The same runs twice, say: the reason is kept, and the site is built."""
    archive = put(tmp_path, Told(id="aaaa1111-1", runs=6), Told(id="aaaa1111-2", runs=6))
    found = pool_of(archive, archive.keys(), make_line("x"))
    assert found["effects"] == []
    assert "are in" in str(found["problem"])
