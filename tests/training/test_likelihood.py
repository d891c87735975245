"""The ceiling: laws that the accuracy of a perfect model obeys, what is refused, and how it is told."""

import itertools
import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from aftersweep.training.errors import SettingsError
from aftersweep.training.images import normalised
from aftersweep.training.likelihood import (
    Accuracy,
    ceiling,
    ceiling_lines,
    decided,
    from_dict,
    noise_of,
    scores,
    share_of_ceiling,
)
from aftersweep.training.settings import Settings
from aftersweep.training.signals import Generator

_FEW = {"modulations": ("BPSK", "QPSK", "8PSK", "16QAM"), "snr_list": (0.0, 4.0, 8.0, 12.0)}


def _ceiling(records=40, seed=0, **changes):
    return ceiling(Settings(**{**_FEW, "symbols": 32, **changes}), records_per_class=records, seed=seed)


def test_one_class_is_always_right():
    """With a single class there is nothing to confuse: every accuracy is 1, and Wilson's interval still says n."""
    found = _ceiling(20, modulations=("16QAM",), snr_list=(6.0,))
    for task in (found.modulation, found.snr, found.snr_within_one, found.joint):
        assert task.value == 1.0
        assert task.low == pytest.approx(20 / (20 + 1.959964**2))


@pytest.mark.parametrize("normalise", ["known", "record"])
def test_more_symbols_lower_no_ceiling(normalise):
    """A longer record holds the shorter one: no accuracy falls, beyond the intervals."""
    found = [_ceiling(symbols=symbols, normalise=normalise) for symbols in (4, 32, 256)]
    for task in ("modulation", "snr", "snr_within_one", "joint"):
        values = [getattr(one, task) for one in found]
        assert all(longer.high >= shorter.low for shorter, longer in itertools.pairwise(values))
        assert values[-1].low > values[0].high or values[0].value == 1.0


def test_a_lost_gain_costs_accuracy():
    """What is known is worth something: with the gain known no ceiling is lower, and the SNR's is clearly higher."""
    known, lost = _ceiling(100, normalise="known"), _ceiling(100, normalise="record")
    for task in ("modulation", "snr", "joint"):
        assert getattr(known, task).high >= getattr(lost, task).low
    assert known.snr.low > lost.snr.high


def test_the_tasks_are_in_order():
    """One step off is no harder than exactly right; the pair no easier than either of its halves, up to chance."""
    found = _ceiling()
    assert found.snr_within_one.value >= found.snr.value
    assert found.joint.value <= min(found.modulation.high, found.snr.high)
    assert found.n == 16 * 40
    assert found.classes == 16


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(threads):
    """The ceiling is the same however many cores compute it, and the caller's number of threads is left as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = _ceiling(4)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found == _ceiling(4)


def test_offset_qpsk_is_told_from_plain_by_its_points():
    """One clock sees OQPSK's quadrature between two symbols: at 20 dB nothing confuses it with QPSK.

    Its symbols share quadratures, which the likelihood does not use, and says so.
    """
    found = _ceiling(50, modulations=("QPSK", "OQPSK"), snr_list=(20.0,))
    assert found.modulation.value == 1.0
    assert not found.exact
    assert "order of OQPSK" in found.limits


def test_what_is_approximate_is_told():
    """Without OQPSK, at one sample a symbol or with rectangular pulses the likelihood is exact; a cut pulse is not."""
    assert _ceiling(1).exact
    assert _ceiling(1, samples_per_symbol=4, pulse="rectangular").exact
    cut = _ceiling(1, samples_per_symbol=4)
    assert not cut.exact
    assert "Approximate: what neighbouring symbols leave" in "\n".join(ceiling_lines(cut))


def test_the_same_seed_gives_the_same_ceiling():
    """Deterministic by settings, records and seed; another seed draws other records."""
    first, again, other = _ceiling(8, seed=1), _ceiling(8, seed=1), _ceiling(8, seed=2)
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "changes",
    [
        {"normalise": "known"},
        {"normalise": "record", "gain_jitter_db": 3.0},
        {"normalise": "known", "gain_jitter_db": 3.0},
        {"normalise": "known", "samples_per_symbol": 4, "snr_reference": "in_band"},
        {"normalise": "record", "samples_per_symbol": 2, "pulse": "rectangular"},
    ],
)
def test_the_trainer_s_own_records_reach_the_ceiling(changes):
    """Records of the trainer's generator, classified by the same likelihood, reach the ceiling that is promised.

    So the model of the likelihood is that of the data: its noise, its gain, its pulse and what OQPSK is.
    """
    settings = Settings(**{**_FEW, "modulations": ("OQPSK", "8PSK", "16QAM", "16APSK"), "symbols": 48, **changes})
    count = 16 * 60
    made = Generator(settings, torch.device("cpu")).generate("val", 0, torch.arange(count))
    hits = decided(
        scores(normalised(made.samples, settings.normalise), settings),
        torch.stack([made.modulation, made.snr], 1).numpy(),
    )
    promised = ceiling(settings, records_per_class=60, seed=5)
    for task, hit in hits.items():
        there = getattr(promised, task).value
        spread = math.sqrt(2 * max(there * (1 - there), 0.01) / count)
        assert abs(hit.mean() - there) < 4 * spread


def test_each_task_takes_its_own_best_decision():
    """A posterior of 0.4, 0.3, 0.3: the pair goes by the largest, the modulation by its sum over SNRs, and so on."""
    posterior = np.array([[[0.40, 0.0, 0.0], [0.0, 0.30, 0.30]]])
    with np.errstate(divide="ignore"):
        found = np.log(posterior)
    right = {
        (0, 0): {"joint", "snr", "snr_within_one"},
        (1, 1): {"modulation", "snr_within_one"},
        (1, 2): {"modulation", "snr_within_one"},
    }
    for truth, tasks in right.items():
        assert {task for task, hit in decided(found, np.array([truth])).items() if hit[0]} == tasks


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phase_offset": "random"}, "phase_offset=none"),
        ({"carrier_offset": 0.01}, "carrier_offset=0"),
        ({"sync": "samples", "samples_per_symbol": 4}, "sync=symbols"),
        ({"data": "radioml.hdf5"}, "data=synthetic"),
    ],
)
def test_data_without_a_tractable_likelihood_are_refused(changes, words):
    """One line that names the parameter in the way and the value that would do."""
    with pytest.raises(SettingsError, match=words) as caught:
        _ceiling(1, **changes)
    assert "\n" not in str(caught.value)


def test_no_records_are_refused():
    """An accuracy over no records is no figure."""
    with pytest.raises(SettingsError, match="records_per_class is 0"):
        _ceiling(0)


def test_jitter_is_divided_out_with_the_record_s_power():
    """Records divided by their own power have lost their gain anyway: jitter changes nothing."""
    assert _ceiling(8, gain_jitter_db=6.0).joint == _ceiling(8).joint


def test_jitter_lies_between_a_known_and_a_lost_gain():
    """A gain known within 1 dB: no better than exactly known, no worse than not at all, up to chance."""
    known, vague, lost = (
        _ceiling(60, normalise=how, gain_jitter_db=jitter)
        for how, jitter in (("known", 0.0), ("known", 1.0), ("record", 0.0))
    )
    assert known.snr.low > vague.snr.value > lost.snr.value


def test_an_snr_in_the_sampled_band_counts_the_samples_of_a_symbol():
    """Es/N0 is the SNR in the sampled band times the samples a symbol (Proakis and Salehi, Digital Communications)."""
    assert noise_of(Settings(), 10.0) == pytest.approx(0.1)
    assert noise_of(Settings(snr_reference="in_band", samples_per_symbol=8), 10.0) == pytest.approx(0.1 / 8)


def test_a_ceiling_survives_json():
    """What the cache writes is read back as it was."""
    found = _ceiling(2)
    assert from_dict(json.loads(json.dumps(asdict(found)))) == found
    with pytest.raises(KeyError):
        from_dict({})


def test_the_share_is_a_ratio_to_the_task_s_own_ceiling():
    """48 % where 60 % can be reached is 80 % of the ceiling."""
    found = replace(_ceiling(2), joint=Accuracy(0.6, 0.5, 0.7), snr=Accuracy(0.5, 0.4, 0.6))
    assert share_of_ceiling(0.48, found) == pytest.approx(0.8)
    assert share_of_ceiling(0.48, found, "snr") == pytest.approx(0.96)


def test_the_lines_tell_the_definition_and_every_figure():
    """A ceiling is never printed without the data that it is of."""
    found = _ceiling(4)
    text = "\n".join(ceiling_lines(found))
    for part in ("32 independent symbols", "divided by its own root mean power", "Es/N0", "64 records", "16 classes"):
        assert part in text
    for task in (found.modulation, found.snr, found.snr_within_one, found.joint):
        assert f"{100 * task.value:.2f} %" in text
