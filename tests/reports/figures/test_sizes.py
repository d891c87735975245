"""The figures of settings: order on the page, and size together."""

from __future__ import annotations

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.figures import drawings

from .checks import size

OF_SETTINGS = ["architectures", "parallel", "response", "memory", "importance", "space"]
MOST_50, MOST_2000 = 150_000, 500_000


def test_they_come_in_the_order_of_the_page(large: PostMortem) -> None:
    """All but memory, which that sweep did not log."""
    assert [name for name in drawings(large) if name in OF_SETTINGS] == [n for n in OF_SETTINGS if n != "memory"]


def test_they_stay_small(sample: PostMortem, large: PostMortem) -> None:
    """Figures and tables: 150 kB for 50 runs, 500 kB for 2,000."""
    for result, most in ((sample, MOST_50), (large, MOST_2000)):
        made = drawings(result)
        assert sum(size(made[name]) for name in OF_SETTINGS if name in made) < most
