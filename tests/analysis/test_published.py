"""Published examples, reproduced to the digits they were printed with; each names its source.

Newcombe's (1998) intervals of one share are in tests/outcomes/test_rates.py.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from aftersweep.analysis.risk import tables
from aftersweep.analysis.risk.cases import Cases
from aftersweep.analysis.risk.draws import board, scores, step_down
from aftersweep.analysis.risk.firth import firth_logistic
from aftersweep.analysis.risk.tables import freeman_halton

# Heinze and Schemper (2002), Statistics in Medicine 21, 2409-2419: neovascularisation NV, pulsatility index PI,
# endometrium height EH, and high histology grade HG of 79 patients. NV separates: all 13 with it have HG.
ENDOMETRIAL = """
0,13,1.64,0 0,16,2.26,0 0,8,3.14,0 0,34,2.68,0 0,20,1.28,0 0,5,2.31,0 0,17,1.8,0 0,10,1.68,0 0,26,1.56,0
0,17,2.31,0 0,8,2.01,0 0,7,1.89,0 0,20,3.15,0 0,10,1.23,0 0,18,1.27,0 0,16,1.76,0 0,18,2,0 0,8,2.64,1
0,29,0.88,1 0,12,1.27,1 0,20,1.37,1 1,38,0.97,1 1,22,1.14,1 1,7,0.88,1 1,25,0.91,1 1,15,0.58,1 0,7,0.97,1
0,28,1.5,0 0,11,1.33,0 0,19,2.37,0 0,10,1.82,0 0,10,3.13,0 0,18,1.31,0 0,14,1.92,0 0,21,1.64,0 0,11,2.01,0
0,17,1.88,0 0,25,1.93,0 0,16,2.11,0 0,19,1.29,0 0,15,1.72,0 0,33,0.75,0 0,24,1.92,0 0,48,1.84,1 0,12,1.11,1
0,19,1.61,1 0,2,1.18,1 1,22,1.44,1 1,40,1.18,1 1,5,0.93,1 1,0,1.17,1 0,21,1.19,1 0,15,1.06,1 0,29,2.02,0
0,15,2.29,0 0,12,2.33,0 0,3,2.9,0 0,20,1.7,0 0,23,1.41,0 0,12,2.25,0 0,22,1.54,0 0,42,1.97,0 0,15,1.75,0
0,13,2.16,0 0,14,2.57,0 0,19,1.37,0 0,12,3.61,0 0,13,2.04,0 0,10,2.17,0 0,12,1.69,1 1,49,0.27,1 0,6,1.84,1
0,5,1.3,1 0,17,0.96,1 1,11,1.01,1 1,21,0.98,1 0,5,0.35,1 1,19,1.02,1 0,33,0.85,1
"""


def test_firth_logistic_on_the_endometrial_data() -> None:
    """Coefficients as printed by R's brglm2 (README, ``brglm_fit``: 2.92927, -0.03475, -2.60416) and ends of the
    profile intervals of R's logistf (as printed in the tests of the firthlogist package)."""
    data = np.array([[float(cell) for cell in row.split(",")] for row in ENDOMETRIAL.split()])
    assert (data.shape, data[:, 3].sum(), data[data[:, 0] == 1, 3].min()) == ((79, 4), 30, 1)
    fit = firth_logistic(data[:, :3], data[:, 3])
    printed = ((2.92927, 0.60972, 7.85463), (-0.03475, -0.12446, 0.04046), (-2.60416, -4.36518, -1.23272))
    for ratio, expected in zip(fit.ratios, printed, strict=True):
        assert ratio.value is not None
        assert ratio.low is not None
        assert ratio.high is not None
        assert np.log([ratio.value, ratio.low, ratio.high]) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize(
    ("table", "printed", "digit"),
    [
        ([[1, 3, 10, 6], [2, 3, 10, 7], [1, 6, 14, 12], [0, 1, 9, 11]], 0.7827, 4),
        (
            [
                [1, 2, 2, 1, 1, 0, 1],
                [2, 0, 0, 2, 3, 0, 0],
                [0, 1, 1, 1, 2, 7, 3],
                [1, 1, 2, 0, 0, 0, 1],
                [0, 1, 1, 1, 1, 0, 0],
            ],
            0.03929,
            5,
        ),
    ],
)
def test_fisher_freeman_halton(
    table: list[list[int]], printed: float, digit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Job satisfaction by income (Agresti, Categorical Data Analysis, 2002, p. 57) and the sixth example of Mehta and
    Patel (JASA 78, 1983): the p of R's fisher.test, whose help has both tables."""
    monkeypatch.setattr(tables, "_LARGEST", 3_000_000)  # the second would be drawn otherwise
    assert round(freeman_halton(table), digit) == printed


def test_benjamini_and_hochberg() -> None:
    """The 15 p of a trial of thrombolysis (Benjamini and Hochberg, JRSS B 57, 1995, section 3.2): four are rejected at
    0.05 (Bonferroni: three); the adjusted ones as printed in scipy's help, to which the product leaves them."""
    given = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    given += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    q = stats.false_discovery_control(given)
    assert np.round(q[:9], 6).tolist() == [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.063857, 0.063857, 0.0645, 0.0765]
    assert (int((q <= 0.05).sum()), int((np.array(given) * 15 <= 0.05).sum())) == (4, 3)


def test_log_rank_on_the_leukaemia_remissions() -> None:
    """Weeks in remission with 6-MP or placebo (Freireich et al., Blood 21, 1963; Gehan, Biometrika 52, 1965): the
    log-rank chi-squared 16.79, p = 4.17e-05 as R's survdiff prints it."""
    drug = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    relapsed = np.ones(42)
    relapsed[9:21] = 0
    until = np.array([*drug, *placebo], dtype=float)
    nobody = np.zeros(42, dtype=np.int64)
    cases = Cases((), until, relapsed, group=nobody, timed=False, block=None, fixed=False)
    z = scores(board(cases), (np.arange(42) < 21)[:, None].astype(float), 1).log_rank[0]
    assert z < 0
    assert round(z**2, 2) == 16.79
    assert float(f"{stats.chi2.sf(z**2, 1):.2e}") == 4.17e-05


def test_min_p_of_adverse_events() -> None:
    """Four adverse events of 50 controls and 48 treated (Westfall and Wolfinger, The American Statistician 51, 1997,
    table 1): p = 0.02521 of the first, adjusted 0.03665 if the events are independent (p. 4; both as quoted in the
    tests of R's coin), within the error of 200,000 draws."""
    controls, treated = np.array([0, 4, 0, 6]), np.array([5, 3, 4, 4])
    own = stats.hypergeom(98, controls + treated, 48)
    assert round(own.sf(treated - 1)[0], 5) == 0.02521
    drawn = own.rvs((200_000, 4), random_state=np.random.default_rng(1997))
    found = step_down(-own.sf(treated - 1), -own.sf(drawn - 1))[0]
    assert found == pytest.approx(0.03665, abs=3 * np.sqrt(0.03665 / 200_000))


def test_step_down_min_p_by_the_book() -> None:
    """Westfall and Young (1993, algorithm 2.8), step by step over all 70 ways to choose 4 of 8 runs."""
    given = np.array(
        [[9, 2, 5], [8, 1, 7], [7, 4, 1], [9, 3, 2], [1, 3, 6], [3, 5, 5], [2, 2, 0], [4, 7, 3]], dtype=float
    )

    def statistics(chosen: tuple[int, ...]) -> NDArray[np.float64]:
        inside = np.isin(np.arange(8), chosen)
        return np.abs(given[inside].mean(axis=0) - given[~inside].mean(axis=0))

    observed = statistics((0, 1, 2, 3))
    null = np.array([statistics(chosen) for chosen in combinations(range(8), 4)])
    p = [(sum(null[:, j] >= observed[j] - 1e-9) + 1) / 71 for j in range(3)]
    drawn = [[sum(null[:, j] >= null[b, j] - 1e-9) / 71 for j in range(3)] for b in range(70)]
    order = sorted(range(3), key=lambda j: p[j])
    adjusted, before = [0.0] * 3, 0.0
    for place, j in enumerate(order):
        hits = sum(min(row[k] for k in order[place:]) <= p[j] + 1e-9 for row in drawn)
        adjusted[j] = before = max(before, (hits + 1) / 71)
    assert step_down(observed, null).tolist() == pytest.approx(adjusted)
    assert p[0] < adjusted[0] < 3 * p[0]
