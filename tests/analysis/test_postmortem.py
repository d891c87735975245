"""The whole analysis: the bundled sample's acceptance, and the shapes of findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import aftersweep.analysis.types
from aftersweep.analysis.crashes import near_band
from aftersweep.analysis.findings.best import EARLY
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import tidy
from aftersweep.analysis.types import Finding
from aftersweep.reports.figures import drawings
from aftersweep.reports.narrate import sentence

from ..factories import HYPERBAND, make_run, make_sweep


@pytest.fixture(scope="module")
def sample() -> PostMortem:
    return post_mortem(tidy(*fetch_all(SampleSource("4yfw48ad"))))


def one(result: PostMortem, kind: str) -> Finding:
    (finding,) = [f for f in result.findings if f.kind == kind]
    return finding


def test_most_of_the_41_crashed_states_were_early_stops(sample: PostMortem) -> None:
    """The page that the project was born from, told rightly: by the rule's replay, and in words."""
    crashed = [run.id for run in sample.sweep.runs if run.state == "crashed"]
    assert len(crashed) == 41
    stopped = [run_id for run_id in crashed if sample.outcomes[run_id].label == "early_stopped"]
    assert len(stopped) > 41 / 2
    grades = [sample.outcomes[run_id].grade for run_id in stopped]
    assert grades.count("replayed") > 41 / 2
    assert set(grades) <= {"replayed", "inferred"}  # the latter: only when they ended speaks for a stop
    said = sentence(one(sample, "early_stopping"))
    assert said.startswith("Most of the 42 runs recorded as crashed (41) or failed (1) did not crash")


def test_none_of_the_source_reports_three_risk_factors_stands(sample: PostMortem) -> None:
    """Neither by outcome nor by the states taken at their word (Fisher's exact test)."""
    claims = [f for f in sample.findings if f.facts.get("family") == "claim"]
    assert len(claims) == 3
    for claim in claims:
        assert not claim.supported
        assert claim.facts["recorded_p"] > 0.5
        assert "cannot be tested" in sentence(claim)  # two crashes are left


def test_no_setting_of_the_sample_is_called_a_risk(sample: PostMortem) -> None:
    """Nothing but the rule explains its crashed states: no finding of kind risk_factor is supported."""
    assert [f.subject for f in sample.findings if f.kind == "risk_factor" and f.supported] == []
    assert not one(sample, "risk_summary").supported


def test_the_page_of_the_sample_says_that_it_is_a_reconstruction(sample: PostMortem) -> None:
    """The notice travels with the result."""
    assert any("reconstruction" in notice for notice in sample.sweep.notices)


def test_every_finding_carries_its_evidence(sample: PostMortem) -> None:
    """Estimate, n, method, and the runs or the settings behind it; ids are unique."""
    assert len({f.id for f in sample.findings}) == len(sample.findings)
    for finding in sample.findings:
        assert finding.method
        assert finding.n >= 0
        assert finding.estimate is not None
        assert finding.runs or finding.kind in ("risk_summary", "recommendation")
        assert set(finding.runs) <= {run.id for run in sample.sweep.runs}


def test_recommendations_rest_on_findings(sample: PostMortem) -> None:
    """Each names the finding that it follows from; an early lead is no reason to prefer an architecture."""
    ids = {f.id for f in sample.findings}
    advice = [f for f in sample.findings if f.kind == "recommendation"]
    assert advice
    assert all(set(f.facts["rests_on"]) <= ids for f in advice)
    assert one(sample, "comparison").facts["iteration"] <= EARLY
    assert "prefer_level" not in [f.facts["advice"] for f in advice]


def test_a_sweep_without_a_rule_makes_no_statement_about_stops() -> None:
    """Crashed states without a stopping rule are crashes, as far as is known."""
    runs = [
        make_run(f"r{i}", [0.1, 0.2], state="crashed" if i % 2 else "finished", config={"a": i % 3}) for i in range(12)
    ]
    result = post_mortem(make_sweep(runs))
    assert not [f for f in result.findings if f.kind in ("early_stopping", "ends_at_bands", "warmup_judged")]
    assert result.crash_rate.low.value == pytest.approx(0.5)
    assert "per run" in result.parameter_risks[0].method


def test_warm_up_past_the_first_band_is_noticed() -> None:
    """Runs that the rule stopped at its first band while they were still warming up."""
    runs = [
        make_run(
            f"r{i:02d}",
            [0.5 + 0.01 * i] * (2 if i < 8 else 12),
            state="crashed" if i < 8 else "finished",
            start=1.7e9 + (0 if i >= 8 else 10_000 + i),
            config={"warmup_epochs": 0 if i % 2 else 5},
        )
        for i in range(12)
    ]
    sweep = make_sweep(runs, early_terminate=HYPERBAND, progress_unit="epochs", epoch_key="epoch")
    finding = one(post_mortem(sweep), "warmup_judged")
    assert (finding.facts["band"], finding.facts["stopped"]) == (2, 4)


@pytest.mark.parametrize(("end", "band"), [(2, 2), (3, 2), (4, None), (6, 6), (7, 6), (1, None), (0, None)])
def test_near_a_band_is_on_it_or_one_after(end: int, band: int | None) -> None:
    """The controller stops a run on a band or shortly after it, never before."""
    assert near_band(float(end), (2, 6)) == band


def test_bands_count_logged_values_not_epochs() -> None:
    """Where the metric is logged every second epoch, bands 2 and 6 lie at epochs 4 and 12, and so does the warm-up."""
    runs = [
        make_run(
            f"r{i:02d}",
            [0.1 + i / 100] * (20 if i % 2 else 2),
            state="finished" if i % 2 else "crashed",
            start=1e9 + 300 * i,
            config={"warmup_epochs": 3 if i < 9 else 5},
        )
        for i in range(16)
    ]
    runs = [replace(run, metric_progress=run.metric_progress * 2, progress=run.progress * 2) for run in runs]
    result = post_mortem(make_sweep(runs, early_terminate=HYPERBAND))
    assert [(row.progress, row.band) for row in result.progress] == [(4.0, 2), (40.0, None)]
    assert one(result, "warmup_judged").n == 7  # 3 epochs of warm-up are over at epoch 4
    assert [line["x0"] for line in drawings(result)["learning-curves"].layout["shapes"]] == [4, 12]


def test_a_rule_that_is_not_known_may_have_stopped_runs() -> None:
    """Without the sweep's configuration, survivors are not blamed for their longer exposure, and the rate says so."""
    runs = [
        make_run(f"r{i}", [0.5] * (9 if i % 2 else 2), state="crashed", config={"model": "xy"[i % 2]})
        for i in range(12)
    ]
    result = post_mortem(make_sweep(runs, config=None))
    assert "log-rank" in result.parameter_risks[0].method
    assert any("configuration is not known" in caveat for caveat in one(result, "crash_rate").caveats)
    result = post_mortem(make_sweep(runs))
    assert "per run" in result.parameter_risks[0].method
    assert not any("configuration is not known" in caveat for caveat in one(result, "crash_rate").caveats)


@pytest.mark.parametrize(
    ("early_terminate", "said"),
    [
        (None, "no early_terminate"),
        ({"type": "hyperband", "eta": 3}, "None that W&B could run"),
        ({"type": "median"}, "W&B knows hyperband only"),
    ],
)
def test_why_nothing_is_replayed_is_said(early_terminate: dict[str, object] | None, said: str) -> None:
    """No rule, one that W&B could not run, one that it does not know: three different lines."""
    result = post_mortem(make_sweep([make_run("a", [0.1])], early_terminate=early_terminate))
    assert result.rule is None
    assert said in result.no_rule


@pytest.mark.parametrize("timed", [True, False])
def test_stops_without_times_are_a_caveat(timed: bool) -> None:
    """Where the logged values have no times the thresholds cannot be followed, and the finding says so."""
    good = [make_run(f"g{i:02d}", [0.8 + 0.01 * i] * 20, timed=timed) for i in range(10)]
    poor = [make_run(f"p{i:02d}", [0.1, 0.1], state="crashed", start=1.8e9 + i, timed=timed) for i in range(12)]
    finding = one(post_mortem(make_sweep([*good, *poor], early_terminate=HYPERBAND)), "early_stopping")
    assert finding.facts["stopped"] > 0
    assert any("without exact times" in caveat for caveat in finding.caveats) is not timed


def test_every_finding_names_the_line_that_made_it(sample: PostMortem) -> None:
    """The line exists, belongs to the function that it names, and builds a finding; numbering keeps it."""
    rooms = Path(aftersweep.analysis.types.__file__).parents[1]
    for finding in sample.findings:
        place, function = finding.code.split(" ")
        file, line = place.split(":")
        lines = (rooms / file).read_text(encoding="utf-8").splitlines()
        assert "Finding(" in lines[int(line) - 1], finding.code
        above = [text for text in lines[: int(line)] if text.startswith("def ")]
        assert above[-1].startswith(f"def {function}("), finding.code
