"""Constellations: laws of every one, and distances against the closed forms of the textbook and the standard."""

import numpy as np
import pytest

from aftersweep.training.constellations import OFFSET, alphabet, points
from aftersweep.training.settings import MODULATIONS


def _order(name):
    return {"BPSK": 2, "QPSK": 4, "OQPSK": 4}.get(name) or int("".join(filter(str.isdigit, name)))


def _least_distance(made):
    gaps = np.abs(made[:, None] - made[None, :])
    return gaps[gaps > 1e-9].min()


def _same_set(one, other):
    return max(np.abs(one[:, None] - other[None, :]).min(1)) < 1e-12


@pytest.mark.parametrize("name", MODULATIONS)
def test_points_have_unit_power_no_mean_and_the_order_of_their_name(name):
    """Mean power 1, mean 0; as many different symbols as the name says."""
    for made in (points(name), alphabet(name)):
        assert np.mean(np.abs(made) ** 2) == pytest.approx(1, abs=1e-12)
        assert np.mean(made) == pytest.approx(0, abs=1e-12)
    assert len(np.unique(np.round(alphabet(name), 9))) == len(alphabet(name)) == _order(name)


@pytest.mark.parametrize("name", MODULATIONS)
def test_points_mirror_in_both_axes(name):
    """Each set is its own mirror in the in-phase and in the quadrature axis."""
    made = points(name)
    assert _same_set(made.conj(), made)
    assert _same_set(-made.conj(), made)


@pytest.mark.parametrize("name", [name for name in MODULATIONS if "ASK" not in name and name not in ("BPSK", "OQPSK")])
def test_two_dimensional_sets_turn_into_themselves(name):
    """PSK, QAM and 16 to 64APSK are the same after a quarter turn; 128APSK of DVB-S2X mirrors only."""
    turned = _same_set(1j * points(name), points(name))
    assert turned == (name != "128APSK")


@pytest.mark.parametrize("order", [2, 4, 8, 16, 32])
def test_psk_distance(order):
    """2 sin(pi / M) (Proakis and Salehi, Digital Communications, 5th edition, section 3.2-2)."""
    name = {2: "BPSK", 4: "QPSK"}.get(order, f"{order}PSK")
    assert _least_distance(points(name)) == pytest.approx(2 * np.sin(np.pi / order))


@pytest.mark.parametrize("order", [4, 8])
def test_ask_distance(order):
    """Bipolar ASK: sqrt(12 / (M^2 - 1)) (Proakis and Salehi, section 3.2-1)."""
    assert _least_distance(points(f"{order}ASK")) == pytest.approx(np.sqrt(12 / (order**2 - 1)))
    assert np.all(points(f"{order}ASK").imag == 0)


@pytest.mark.parametrize("order", [16, 64, 256])
def test_square_qam_distance(order):
    """sqrt(6 / (M - 1)) (Proakis and Salehi, section 3.2-3)."""
    assert _least_distance(points(f"{order}QAM")) == pytest.approx(np.sqrt(6 / (order - 1)))


@pytest.mark.parametrize("order", [32, 128])
def test_cross_qam_distance(order):
    """sqrt(6 / (31 M / 32 - 1)) (Smith, "Odd-bit quadrature amplitude-shift keying", IEEE Trans. Commun. 23, 1975)."""
    assert _least_distance(points(f"{order}QAM")) == pytest.approx(np.sqrt(6 / (31 * order / 32 - 1)))


@pytest.mark.parametrize(
    ("name", "rings", "ratios"),
    [
        ("16APSK", (4, 12), (1, 2.75)),
        ("32APSK", (4, 12, 16), (1, 2.72, 4.87)),
        ("64APSK", (8, 16, 20, 20), (1, 2.2, 3.6, 5.2)),
        ("128APSK", (16, 16, 16, 16, 16, 48), (1, 1.715, 2.118, 2.681, 2.75, 3.733)),
    ],
)
def test_apsk_rings_are_those_of_the_standard(name, rings, ratios):
    """ETSI EN 302 307-1 tables 9 and 10 (rate 4/5), EN 302 307-2 (64APSK 4/5, 128APSK 140/180)."""
    radius, count = np.unique(np.round(np.abs(points(name)), 9), return_counts=True)
    assert tuple(count) == rings
    assert radius / radius[0] == pytest.approx(ratios, abs=1e-6)


def test_offset_qpsk_sends_qpsk_and_shows_its_quadrature_half_way():
    """The symbols are QPSK's; at the in-phase instants the quadrature is the mean of two independent ones."""
    assert frozenset({"OQPSK"}) == OFFSET
    assert np.array_equal(alphabet("OQPSK"), points("QPSK"))
    shown = points("OQPSK") * np.sqrt(1.5)
    levels, count = np.unique(np.round(shown.imag, 12), return_counts=True)
    assert levels == pytest.approx([-1, 0, 1])
    assert count.tolist() == [2, 4, 2]
    assert np.abs(shown.real) == pytest.approx(np.ones(8))
