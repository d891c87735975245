"""Results that several figures are drawn from, each made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import tidy

from .checks import hostile_sweep, of, sweep_of


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All on one worker: each would make the large sweep's results anew."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("figures"))


@pytest.fixture(scope="package")
def sample() -> PostMortem:
    """The sweep of the source report: 50 runs."""
    return post_mortem(tidy(*fetch_all(SampleSource("4yfw48ad"))))


@pytest.fixture(scope="package")
def risky() -> PostMortem:
    """120 runs of which a high learning rate makes many crash: a risk is called."""
    return of(sweep_of(120))


@pytest.fixture(scope="package")
def large() -> PostMortem:
    """2,000 runs."""
    return of(sweep_of(2_000))


@pytest.fixture(scope="package")
def hostile() -> PostMortem:
    """Names that try to be markup, templates, roles."""
    return of(hostile_sweep())
