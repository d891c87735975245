"""The sentences of the mends, on both of their branches, and the comments of a file."""

from __future__ import annotations

from typing import Any

import pytest

from aftersweep.analysis.types import Estimate, Finding
from aftersweep.reports.words.search import COMMENTS, WORDS


def finding(kind: str, share: float | None = 0.5, *, supported: bool = True, **facts: Any) -> Finding:
    estimate = None if share is None else Estimate(value=share, low=share / 2, high=min(1.0, share * 1.5), level=0.9)
    return Finding(
        id="",
        kind=kind,
        subject="epochs",
        supported=supported,
        estimate=estimate,
        n=40,
        method="",
        runs=("a", "b"),
        facts=facts,
    )


BANDS: dict[str, Any] = {
    "bands": [2, 6],
    "stopped": [0.7, 0.6, 0.8],
    "seen_good": 8,
    "seen_lost": 3,
    "correlation": None,
    "completed": 40,
    "least": 8,
    "after": None,
    "new": None,
}


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (
            finding("search_bands", **BANDS),
            "of no later band is it known to be under 10 %, so the rule stays as it is.",
        ),
        (
            finding("search_bands", 0.1, supported=False, **BANDS),
            "is not known to be more than 10 %, so the rule stays",
        ),
        (
            finding("search_bands", **(BANDS | {"new": 9, "after": [0.05, 0.01, 0.09]})),
            "with the first band at 9 it would be misled about 5 % (1 % to 9 %).",
        ),
        (
            finding("search_method", None, why="range", size=None, old="grid", new="random", budget=9, clean=0),
            "The new space has a range, which no grid can go through, so the method is random.",
        ),
        (
            finding("search_method", 0.75, why="large", size=80, old="grid", new="bayes", budget=20, clean=12),
            "would not come to the last 75 %, so the method is bayes; 12 clean results are there to start from.",
        ),
        (finding("search_run_cap", cap=9, size=9, budget=20, parent=50), "as many as its grid has configurations."),
        (finding("search_run_cap", cap=20, size=None, budget=20, parent=50), "ends after 20 runs, as asked."),
    ],
)
def test_sentences(f: Finding, said: str) -> None:
    assert said in WORDS[f.kind](f)


def test_a_long_list_of_prior_runs_is_cut_and_says_so() -> None:
    """The whole command stands in the facts; the sentence shows how it begins."""
    f = Finding(
        id="",
        kind="search_prior",
        subject="prior runs",
        supported=True,
        estimate=Estimate(value=0.2, low=0.1, high=0.3),
        n=40,
        method="",
        runs=tuple("abcdefgh"),
        facts={"clean": 8, "command": ""},
    )
    assert "wandb sweep -R a -R b -R c -R d -R e ... FILE (best first; 3 more in the evidence)." in WORDS[
        "search_prior"
    ](f)


def test_every_change_of_the_search_has_a_comment() -> None:
    """Advice has none: it stands in no line of the file."""
    assert set(COMMENTS) < set(WORDS)
    assert set(WORDS) - set(COMMENTS) == {"search_prior", "search_repeats", "search_running", "search_unlogged"}
