"""The likelihood of a record: against brute force, quadrature, closed forms, and itself as a calibrated posterior."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from aftersweep.training.densities import Mixture, log_likelihoods, scale_grid
from aftersweep.training.likelihood import draw


def _unit(points):
    points = np.asarray(points, dtype=complex)
    return points / np.sqrt(np.mean(np.abs(points) ** 2))


_STEPS = np.arange(-3, 4, 2)
POINTS = {
    "BPSK": _unit([-1, 1]),
    "4ASK": _unit(_STEPS),
    "8PSK": _unit(np.exp(2j * np.pi * np.arange(8) / 8)),
    "16QAM": _unit((_STEPS[:, None] + 1j * _STEPS).ravel()),
    "rings": _unit([radius * np.exp(2j * np.pi * (k + 0.3) / 6) for radius in (1, 2.5) for k in range(6)]),
    "cross": _unit([x + 1j * y for x in range(-5, 6, 2) for y in range(-5, 6, 2) if abs(x) + abs(y) < 10]),
}


def _brute(record, points, noise):
    """Log-likelihood of one record [n], written from the formula in 64 bits."""
    distances = np.abs(record[:, None] - points) ** 2
    symbols = special.logsumexp(-distances / noise, axis=1) - math.log(points.size * math.pi * noise)
    return float(symbols.sum())


def _records(name, snr, count, symbols, seed=0, normalised=False):
    records = draw(POINTS[name], 10 ** (-snr / 10), count, symbols, np.random.default_rng(seed))
    return records / np.sqrt(np.mean(np.abs(records) ** 2, axis=1, keepdims=True)) if normalised else records


def _scores(records, names, snrs, *, normalised):
    tensor = torch.as_tensor(records, dtype=torch.complex64)
    noises = [10 ** (-snr / 10) for snr in snrs]
    jitter = math.inf if normalised else 0.0
    scores = [log_likelihoods(tensor, Mixture.of(POINTS[name]), noises, jitter=jitter) for name in names]
    return torch.stack(scores, 1).double().numpy()


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("snr", [0.0, 10.0, 30.0])
def test_known_gain_agrees_with_the_formula(name, snr):
    """The batched 32-bit likelihood is the mixture's, whether its points lie on levels or not."""
    record = _records(name, snr, 1, 64, seed=3)
    found = _scores(record, [name], [snr], normalised=False)[0, 0, 0]
    assert found == pytest.approx(_brute(record[0], POINTS[name], 10 ** (-snr / 10)), abs=0.01)


@pytest.mark.parametrize("name", ["BPSK", "16QAM", "rings"])
@pytest.mark.parametrize("snr", [0.0, 12.0, 30.0])
def test_lost_scale_agrees_with_adaptive_quadrature(name, snr):
    """The density of a direction is the integral of a^(2n-1) p(a x): scipy.integrate.quad gives the same."""
    symbols, noise = 24, 10 ** (-snr / 10)
    record = _records(name, snr, 1, symbols, seed=5, normalised=True)[0]

    def logs(log_a):
        return _brute(math.exp(log_a) * record, POINTS[name], noise) + 2 * symbols * log_a

    fine = np.linspace(-1.5, 1.5, 6001)
    top = max(map(logs, fine))
    peaks = [at for at in fine if logs(at) > top - 1]
    value, _ = integrate.quad(
        lambda at: math.exp(logs(at) - top), -1.5, 1.5, points=peaks[:: 1 + len(peaks) // 20], limit=400
    )
    found = _scores(record[None], [name], [snr], normalised=True)[0, 0, 0]
    assert found == pytest.approx(math.log(value) + top, abs=0.03)


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("snr", [0.0, 14.0, 30.0])
def test_the_grid_of_scales_is_fine_and_wide_enough(name, snr):
    """A grid four times finer moves no log-likelihood by more than 0.05: a ratio of 1.05."""
    symbols, noise = 64, 10 ** (-snr / 10)
    records = torch.as_tensor(_records(name, snr, 6, symbols, normalised=True))
    mixture = Mixture.of(POINTS[name], dtype=torch.float64)
    used = log_likelihoods(records, mixture, [noise], jitter=math.inf)[:, 0]
    nodes = [
        log_likelihoods(records * scale, mixture, [noise])[:, 0] + weight
        for scale, weight in zip(*scale_grid(mixture.fourth_moment, noise, symbols, step=0.5), strict=True)
    ]
    assert torch.allclose(used, torch.logsumexp(torch.stack(nodes), 0), rtol=0, atol=0.05)


def test_the_range_of_scales_holds_the_powers_of_records():
    """The roots of the powers of 400 drawn records lie well inside the range that is integrated over."""
    scales, _ = scale_grid(Mixture.of(POINTS["16QAM"]).fourth_moment, 0.1, 128)
    powers = np.mean(np.abs(_records("16QAM", 10.0, 400, 128)) ** 2, axis=1)
    assert scales[0] ** 2 < powers.min() < powers.max() < scales[-1] ** 2


@pytest.mark.parametrize("symbols", [1, 4])
@pytest.mark.parametrize("snr", [-3.0, 3.0])
def test_antipodal_points_have_the_textbook_error_rate(symbols, snr):
    """Two one-point constellations, +1 and -1, are told apart with Q(sqrt(2 n Es/N0)) errors (scipy.stats.norm)."""
    noise, count = 10 ** (-snr / 10), 20_000
    points = [np.array([1.0 + 0j]), np.array([-1.0 + 0j])]
    records = torch.as_tensor(draw(points[0], noise, count, symbols, np.random.default_rng(1)), dtype=torch.complex64)
    plus, minus = (log_likelihoods(records, Mixture.of(point), [noise])[:, 0] for point in points)
    wrong = int((minus > plus).sum())
    assert stats.binomtest(wrong, count, stats.norm.sf(math.sqrt(2 * symbols / noise))).pvalue > 1e-4


def test_two_noise_levels_have_the_error_rate_of_the_energy_test():
    """With the symbols known, N0 is judged by sum |r - s|^2, a gamma variable: scipy.stats.gamma gives the accuracy."""
    symbols, count = 16, 10_000
    small, large = 0.5, 0.8
    point = np.array([1.0 + 0j])
    edge = symbols * math.log(large / small) / (1 / small - 1 / large)
    for noise, right in (
        (small, stats.gamma.cdf(edge, symbols, scale=small)),
        (large, stats.gamma.sf(edge, symbols, scale=large)),
    ):
        drawn = draw(point, noise, count, symbols, np.random.default_rng(2))
        scores = log_likelihoods(torch.as_tensor(drawn, dtype=torch.complex64), Mixture.of(point), [small, large])
        hits = int((scores.argmax(1) == (noise == large)).sum())
        assert stats.binomtest(hits, count, right).pvalue > 1e-4


@pytest.mark.parametrize("normalised", [False, True])
def test_the_posterior_is_calibrated(normalised):
    """Over records drawn from the prior, the mean of the largest posterior is the chance that its class is right.

    True of the exact likelihood only: a wrong normalisation, or a grid that is too coarse, breaks it.
    """
    names, snrs, each = ["BPSK", "8PSK", "16QAM", "rings", "cross"], [0.0, 3.0, 6.0, 9.0], 60
    truth = [(row, column) for row in range(len(names)) for column in range(len(snrs)) for _ in range(each)]
    records = np.concatenate([
        _records(name, snr, each, 24, seed=10 * row + column, normalised=normalised)
        for row, name in enumerate(names) for column, snr in enumerate(snrs)
    ])  # fmt: skip
    scores = _scores(records, names, snrs, normalised=normalised).reshape(len(truth), -1)
    posterior = special.softmax(scores, axis=1)
    right = scores.argmax(1) == [row * len(snrs) + column for row, column in truth]
    expected, spread = (
        posterior.max(1).mean(),
        math.sqrt((posterior.max(1) * (1 - posterior.max(1))).sum()) / len(truth),
    )
    assert abs(right.mean() - expected) < 4 * spread


def test_a_gain_that_varies_is_integrated_out():
    """Between the limits: almost no jitter is a known gain, a very large one tells no more than a normalised record."""
    records = torch.as_tensor(_records("16QAM", 15.0, 5, 64), dtype=torch.complex128)
    noises = [10**-1.0, 10**-1.5, 10**-2.0]
    mixture = Mixture.of(POINTS["16QAM"], dtype=torch.float64)

    def ratios(jitter):
        found = log_likelihoods(records, mixture, noises, jitter=jitter)
        return (found - found[:, :1]).numpy()

    np.testing.assert_allclose(ratios(1e-4), ratios(0.0), atol=0.05)
    np.testing.assert_allclose(ratios(1e3), ratios(math.inf), atol=0.01)
    assert np.abs(ratios(0.1) - ratios(0.0)).max() > 0.1


def test_a_record_is_judged_alike_in_any_company():
    """The likelihood of a record does not depend on the batch that it is computed in."""
    records = _records("16QAM", 12.0, 40, 100, normalised=True)
    whole = _scores(records, ["16QAM", "rings"], [6.0, 12.0], normalised=True)
    alone = np.concatenate([_scores(one[None], ["16QAM", "rings"], [6.0, 12.0], normalised=True) for one in records])
    np.testing.assert_allclose(whole, alone, atol=0.01)


def test_a_record_far_from_every_point_is_finite():
    """An outlier of a thousand deviations gets a very low likelihood, not minus infinity or NaN."""
    record = np.full((1, 8), 30.0 + 30.0j)
    scores = _scores(record, list(POINTS), [30.0], normalised=False)
    assert np.isfinite(scores).all()
    assert (scores < -200).all()
