"""Constellation images against numpy: histogram2d for the counts, percentile for the square."""

import numpy as np
import pytest
import torch

from aftersweep.training.images import constellation_images, normalised, percentile


def _records(n=6, symbols=128, spread=1.0, seed=0):
    parts = np.random.default_rng(seed).standard_normal((2, n, symbols)) * spread / np.sqrt(2)
    return torch.complex(*torch.from_numpy(parts.astype(np.float32)))


def _by_numpy(record, size):
    in_phase, quadrature = record.real.double().numpy(), record.imag.double().numpy()
    outer = np.percentile(np.abs(np.concatenate([in_phase, quadrature])), 99.5)
    edges = np.linspace(-1, 1, size + 1) * max(3.0, outer)
    return np.log1p(np.histogram2d(quadrature, in_phase, bins=(edges, edges))[0])


@pytest.mark.parametrize("size", [16, 64, 224])
@pytest.mark.parametrize("spread", [0.5, 1.0, 4.0])
def test_images_are_numpy_s_histograms(size, spread):
    """log1p of numpy.histogram2d, rows Q and columns I, whether the square is +-3 or wider."""
    records = _records(spread=spread)
    made = constellation_images(records, size)
    assert made.shape == (6, 1, size, size)
    assert made.dtype == torch.float32
    for image, record in zip(made, records, strict=True):
        np.testing.assert_allclose(image[0].numpy(), _by_numpy(record, size), atol=1e-6)


def test_points_on_edges_fall_where_numpy_puts_them():
    """On an edge: into the upper bin, but into the last one at the very end; beyond it: not counted."""
    size, step = 32, 6 / 32
    at = [-3.0, -3.0 + step, -step, 0.0, step, 3.0 - step, 3.0, np.nextafter(np.float32(3), 4), 4.0]
    grid = np.array([i + 1j * q for i in at for q in at], dtype=np.complex64)
    padded = np.concatenate([grid, np.zeros(8000, np.complex64)])[None]  # so that few lie outside: the square is +-3
    made = constellation_images(torch.from_numpy(padded), size)[0, 0]
    edges = np.linspace(-3, 3, size + 1)
    expected = np.histogram2d(padded[0].imag.astype(float), padded[0].real.astype(float), bins=(edges, edges))[0]
    np.testing.assert_allclose(torch.expm1(made.double()).numpy(), expected, rtol=1e-5)
    assert expected.sum() == 8000 + 49


@pytest.mark.parametrize("part", [0.0, 0.5, 0.995, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7, 256])
def test_percentile_is_numpy_s(part, count):
    """Linear interpolation between the nearest ranks."""
    values = _records(4, count).abs()
    expected = np.percentile(values.double().numpy(), part * 100, axis=1)
    np.testing.assert_allclose(percentile(values, part).numpy(), expected, rtol=1e-5)


def test_each_record_is_scaled_by_its_own_power_or_not_at_all():
    """'record': mean power 1, direction kept, whatever the gain; 'known': untouched; silence stays silence."""
    records = _records(spread=3.0)
    scaled = normalised(records, "record")
    np.testing.assert_allclose((scaled.abs() ** 2).mean(1).numpy(), np.ones(6), rtol=1e-6)
    torch.testing.assert_close(normalised(records * 7.0, "record"), scaled)
    assert torch.equal(normalised(records, "known"), records)
    assert not normalised(torch.zeros(1, 4, dtype=torch.complex64), "record").abs().any()


def test_an_image_depends_on_its_own_record_alone():
    """Bitwise, in any batch: its neighbours neither scale nor shift it."""
    records = _records(9)
    whole = constellation_images(normalised(records, "record"), 32)
    for chosen in (slice(0, 1), slice(3, 8)):
        assert torch.equal(constellation_images(normalised(records[chosen], "record"), 32), whole[chosen])
