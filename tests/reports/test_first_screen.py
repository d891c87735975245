"""The first screen: the best configuration, and the command that writes the next sweep."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.render import _breakable, to_html
from aftersweep.reports.sections.configs import top_configuration
from aftersweep.reports.sections.following import command

from ..factories import make_run, make_sweep


@pytest.fixture(scope="module")
def sample() -> PostMortem:
    return post_mortem(tidy(*fetch_all(SampleSource("4yfw48ad"))))


def test_the_best_configuration_is_the_best_runs(sample: PostMortem) -> None:
    """Of all runs, however they ended: here one that a person stopped, the source report's best."""
    top = top_configuration(sample)
    assert top is not None
    assert top.run.best == max(run.best for run in sample.sweep.runs if run.best is not None)
    assert (top.run.id, top.ended) == ("rux19b6a", "stopped by the user")
    assert "model_type: resnet50" in top.yaml


def test_a_sweep_without_values_says_so() -> None:
    """No run, no configuration: a sentence instead of an empty box."""
    page = to_html(post_mortem(make_sweep([make_run("a")])), "0", 0.0)
    assert "No run has a value of" in page


def test_the_command_is_that_of_the_source(sample: PostMortem) -> None:
    """A sample by its name, a folder by its path with the sweep's id, a server's sweep by its whole name."""
    sweep = sample.sweep
    assert command(sweep) == "aftersweep next 4yfw48ad -o next.yaml"
    offline = replace(sweep, source_kind="offline", source_target="my runs/wandb", id="abc")
    assert command(offline) == "aftersweep next 'my runs/wandb' --sweep abc -o next.yaml"
    server = replace(sweep, source_kind="server", entity="me", project="p", id="abc")
    assert command(server) == "aftersweep next me/p/abc -o next.yaml"


@pytest.mark.parametrize("hostile", ["x; touch /tmp/owned", "$(id)", "a\nrm -rf ~", "'quoted'"])
def test_a_hostile_id_is_one_word_of_the_command(sample: PostMortem, hostile: str) -> None:
    """Who copies the command runs nothing else."""
    words = shlex.split(command(replace(sample.sweep, source_kind="archive", id=hostile)))
    assert words[:2] == ["aftersweep", "next"]
    assert words[2] == hostile
    assert words[3:] == ["-o", "next.yaml"]


def test_a_heading_breaks_after_underscores_and_stays_text() -> None:
    """Long metric names wrap in their columns; markup in a name is no markup."""
    assert _breakable("val_snr/acc") == "val_<wbr>snr/<wbr>acc"
    assert "<b>" not in _breakable("a_<b>x</b>")
    assert "\u202e" not in _breakable("a\u202eb")
