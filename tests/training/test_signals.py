"""Synthetic records: their SNR is the asked one, their spectrum the pulse's, and each depends on its number alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import signal, stats

from aftersweep.training.constellations import points
from aftersweep.training.pulses import pulse, root_raised_cosine
from aftersweep.training.settings import MODULATIONS, Settings
from aftersweep.training.signals import Generator, seen

CPU = torch.device("cpu")
SNRS = (0.0, 10.0, 20.0, 30.0)
SILENT = (200.0,)


def _made(settings, count, split="train", epoch=0):
    return Generator(settings, CPU).generate(split, epoch, torch.arange(count))


def _clean(settings, name, count):
    """Noise-free records of one modulation: the same symbols at an SNR of 200 dB."""
    return _made(replace(settings, modulations=(name,), snr_list=SILENT), count).samples.numpy()


DATA = {
    "one sample": {},
    "rrc": {"samples_per_symbol": 4},
    "rrc, in band": {"samples_per_symbol": 2, "snr_reference": "in_band", "roll_off": 0.25},
    "rectangular": {"samples_per_symbol": 3, "pulse": "rectangular"},
    "rectangular, in band": {"samples_per_symbol": 4, "pulse": "rectangular", "snr_reference": "in_band"},
}


@pytest.mark.parametrize("name", MODULATIONS)
@pytest.mark.parametrize("data", DATA)
def test_snr_at_the_symbols_is_the_asked_one(data, name):
    """Within 0.2 dB, at the symbol instants, by least squares on the known symbols (24,576 of them: 0.03 dB).

    The estimate is |a|^2 / mean |r - a s|^2 with a = <r, s> / <s, s>. In band, Es/N0 is the samples a symbol higher.
    """
    settings = Settings(modulations=(name,), symbols=1024, **DATA[data])
    sent = _clean(settings, name, 24)
    in_band = settings.samples_per_symbol if settings.snr_reference == "in_band" else 1
    for level in SNRS:
        received = _made(replace(settings, snr_list=(level,)), 24).samples.numpy()
        gain = np.vdot(sent, received) / np.vdot(sent, sent)
        found = np.abs(gain) ** 2 / np.mean(np.abs(received - gain * sent) ** 2)
        assert 10 * np.log10(found / in_band) == pytest.approx(level, abs=0.2)


@pytest.mark.parametrize("name", MODULATIONS)
@pytest.mark.parametrize("shape", ["rrc", "rectangular"])
@pytest.mark.parametrize("k", [3, 4])
def test_snr_in_the_sampled_band_is_the_asked_one(k, shape, name):
    """Mean power of the noise-free samples over that of the noise, within 0.2 dB; Es/N0 is k times as high."""
    settings = Settings(modulations=(name,), symbols=1024, samples_per_symbol=k, pulse=shape, sync="samples")
    clean = _clean(settings, name, 8)
    for reference, factor in (("in_band", 1), ("es_n0", k)):
        received = _made(replace(settings, snr_list=(10.0,), snr_reference=reference), 8).samples.numpy()
        found = factor * np.mean(np.abs(clean) ** 2) / np.mean(np.abs(received - clean) ** 2)
        assert 10 * np.log10(found) == pytest.approx(10, abs=0.2)


@pytest.mark.parametrize("name", MODULATIONS)
@pytest.mark.parametrize("data", ["one sample", "rrc", "rectangular"])
def test_noise_free_symbols_lie_on_the_points_to_the_very_ends(data, name):
    """Every point is visited; no record's first or last symbol is off more than what the cut-off pulse leaves."""
    settings = Settings(symbols=128, **DATA[data])
    shown, table = _clean(settings, name, 40), seen(replace(settings, modulations=(name,)), name)
    nearest = np.abs(shown[..., None] - table).min(-1)
    root = np.sqrt((nearest[:, [0, -1]] ** 2).mean())
    assert root < 0.02
    assert nearest.max() < 0.06
    apart = np.unique(np.round(table, 2))  # the sums over many symbols that OQPSK shows behind rrc lie close together
    assert len(np.unique(np.abs(shown[..., None] - apart).argmin(-1))) == len(apart)
    assert np.mean(np.abs(shown) ** 2) == pytest.approx(1, abs=0.03)


def test_offset_qpsk_is_seen_between_its_symbols():
    """One clock: with one sample a symbol, or a rectangle, OQPSK shows I = +-1 and Q the mean of two neighbours."""
    for data in ("one sample", "rectangular"):
        settings = Settings(symbols=256, **DATA[data])
        assert np.array_equal(seen(settings, "OQPSK"), points("OQPSK"))
        quadrature = np.round(_clean(settings, "OQPSK", 20).imag * np.sqrt(1.5), 5)
        levels, count = np.unique(quadrature, return_counts=True)
        assert levels.tolist() == [-1, 0, 1]
        assert stats.chisquare(count[[0, 2]]).pvalue > 1e-3
        assert not np.any(np.abs(np.diff(quadrature)) > 1)  # it cannot jump over the symbol that two share


@pytest.mark.parametrize(("roll_off", "k"), [(0.2, 4), (0.35, 8), (1.0, 4)])
def test_the_spectrum_is_a_raised_cosine(roll_off, k):
    """Welch's estimate (scipy.signal) of noise-free samples against the closed form of |H(f)|^2, within 0.5 dB down to
    -10 dB; outside (1 + roll-off) / 2 it is 40 dB down (Proakis and Salehi, equation 9.2-26)."""
    settings = Settings(symbols=4096, samples_per_symbol=k, roll_off=roll_off, sync="samples")
    clean = _clean(settings, "QPSK", 8)
    f, found = signal.welch(clean, fs=k, nperseg=256, return_onesided=False, detrend=False)
    found = found.mean(0)
    edge = np.clip((np.abs(f) - (1 - roll_off) / 2) / roll_off, 0, 1)
    expected = (1 + np.cos(np.pi * edge)) / 2
    strong = expected > 0.1
    np.testing.assert_allclose(10 * np.log10(found[strong]), 10 * np.log10(expected[strong]), atol=0.5)
    assert 10 * np.log10(found[np.abs(f) > (1 + roll_off) / 2 + 0.05].max()) < -40


@pytest.mark.parametrize("roll_off", [0.05, 0.25, 0.35, 0.5, 1.0])
@pytest.mark.parametrize("k", [2, 5])
def test_root_raised_cosine_is_nyquist_and_of_unit_energy(roll_off, k):
    """Behind the matched filter neighbours leave less than -50 dB; half-way between, power is 1 - roll-off / 2.

    The latter is the folded spectrum with alternating signs, integrated: a closed form.
    """
    made = pulse("rrc", k, roll_off)
    assert made.interference < 1e-5
    assert np.sum(made.taps**2) == pytest.approx(1)
    assert made.power_between == pytest.approx(1 - roll_off / 2, abs=1e-3)
    near = root_raised_cosine(np.array([0, 1 / (4 * roll_off)]) + 1e-6, roll_off)
    np.testing.assert_allclose(root_raised_cosine(np.array([0, 1 / (4 * roll_off)]), roll_off), near, atol=1e-4)


@pytest.mark.parametrize("changes", [
    {},
    {"samples_per_symbol": 4, "carrier_offset": 0.1, "phase_offset": "random", "gain_jitter_db": 3.0},
    {"samples_per_symbol": 3, "pulse": "rectangular", "sync": "samples"},
])  # fmt: skip
def test_a_record_depends_on_its_number_alone(changes):
    """Bitwise the same in any batch and any order; another seed, split or epoch has other records."""
    settings = Settings(symbols=32, **changes)
    generator = Generator(settings, CPU)
    indices = torch.randperm(600, generator=torch.Generator().manual_seed(0))
    whole = generator.generate("train", 2, indices)
    for chosen in (slice(0, 1), slice(7, 20), slice(None, None, 9)):
        part = generator.generate("train", 2, indices[chosen])
        assert torch.equal(part.samples, whole.samples[chosen])
        assert torch.equal(part.modulation, whole.modulation[chosen])
        assert torch.equal(part.snr, whole.snr[chosen])
    for other in (
        generator.generate("val", 2, indices),
        generator.generate("train", 3, indices),
        Generator(replace(settings, seed=1), CPU).generate("train", 2, indices),
    ):
        assert not (other.samples == whole.samples).any()


def test_labels_are_balanced_over_the_pairs():
    """Of any 272 records in a row, each modulation at each SNR is one; the label is in the number of the record."""
    generator = Generator(Settings(), CPU)
    modulation, snr = generator.labels(torch.arange(1000, 1000 + 2 * 272))
    assert torch.bincount(modulation * 16 + snr).tolist() == [2] * 272


def test_carrier_phase_and_offset_are_uniform_and_the_gain_log_normal():
    """Measured on noise-free BPSK: r^2 = gain^2 exp(2j (2 pi f t + phi)) (Kolmogorov-Smirnov, scipy.stats)."""
    settings = Settings(modulations=("BPSK",), snr_list=SILENT, symbols=16, phase_offset="random",
                        carrier_offset=0.1, gain_jitter_db=2.0, seed=4)  # fmt: skip
    squared = _made(settings, 2000).samples.numpy().astype(complex) ** 2
    offset = np.angle(squared[:, 1:] / squared[:, :-1]) / (4 * np.pi)
    assert np.ptp(offset, axis=1).max() < 1e-5
    assert stats.kstest(offset[:, 0], "uniform", args=(-0.1, 0.2)).pvalue > 1e-3
    assert stats.kstest(np.angle(squared[:, 0]), "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3
    decibel = 10 * np.log10(np.abs(squared[:, 0]))
    assert stats.kstest(decibel, "norm", args=(0, 2)).pvalue > 1e-3


def test_a_gain_changes_signal_and_noise_alike():
    """Gain jitter leaves the SNR as it is: divided by its own power a record is the same with and without."""
    plain, jittered = (_made(Settings(symbols=64, gain_jitter_db=jitter), 272).samples for jitter in (0.0, 6.0))
    ratio = (jittered / plain).numpy()
    np.testing.assert_allclose(ratio.std(1), 0, atol=1e-4 * np.abs(ratio).max())
    assert ratio.real[:, 0].std() > 0.3
