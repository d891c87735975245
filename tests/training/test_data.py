"""Records by number: what an epoch is, how training and validation are kept apart, and how the data are told."""

from dataclasses import replace

import pytest
import torch

from aftersweep.training.data import describe_data, open_records
from aftersweep.training.settings import Settings

CPU = torch.device("cpu")
SMALL = Settings(train_size=96, val_size=40, image_size=32, symbols=64, modulations=("BPSK", "16QAM", "OQPSK"),
                 snr_list=(0.0, 10.0))  # fmt: skip


def _images(settings, split, epoch, count=40):
    return open_records(settings, CPU).batch(split, epoch, torch.arange(count)).images


def test_a_batch_is_what_it_says():
    """Shapes, types and labels; every sample of a record is counted unless it lies outside the square."""
    batch = open_records(SMALL, CPU).batch("train", 0, torch.arange(96))
    assert batch.images.shape == (96, 1, 32, 32)
    assert batch.images.dtype == torch.float32
    assert batch.modulation.dtype == batch.snr.dtype == torch.int64
    assert torch.bincount(batch.modulation * 2 + batch.snr).tolist() == [16] * 6
    counted = torch.expm1(batch.images.double()).sum((1, 2, 3)).round()
    assert counted.max() == 64
    assert counted.min() >= 62
    assert not batch.images.requires_grad


@pytest.mark.parametrize("changes", [{}, {"samples_per_symbol": 4}, {"samples_per_symbol": 2, "sync": "samples"}])
def test_a_record_is_the_same_in_any_batch(changes):
    """Images and labels, bitwise, whatever the size of the batch, its order, or which process asks."""
    settings = replace(SMALL, **changes)
    records, others = open_records(settings, CPU), open_records(settings, CPU)
    order = records.order(3)
    whole = records.batch("train", 3, order)
    for size in (1, 7, 50):
        parts = [others.batch("train", 3, part) for part in order.split(size)]
        for name in ("images", "modulation", "snr"):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))


def test_order_is_a_permutation_of_the_seed_and_the_epoch():
    """Each record once an epoch; the same at every call; another epoch or seed has another order."""
    order = open_records(SMALL, CPU).order(0)
    assert sorted(order.tolist()) == list(range(96))
    assert order.device.type == "cpu"
    assert torch.equal(order, open_records(SMALL, CPU).order(0))
    assert not torch.equal(order, open_records(SMALL, CPU).order(1))
    assert not torch.equal(order, open_records(replace(SMALL, seed=1), CPU).order(0))


def test_fresh_data_are_new_each_epoch_and_others_are_not():
    """fresh_data: no record comes back; without it each epoch has the records of the first."""
    fixed = replace(SMALL, fresh_data=False)
    first, second = _images(SMALL, "train", 0), _images(SMALL, "train", 1)
    assert not (first == second).flatten(1).all(1).any()
    assert torch.equal(_images(fixed, "train", 0), first)
    assert torch.equal(_images(fixed, "train", 7), first)


def test_validation_stays_and_shares_no_record_with_training():
    """The same validation records in each epoch; none is a training record of any epoch."""
    held = _images(SMALL, "val", 0)
    assert torch.equal(_images(SMALL, "val", 5), held)
    for epoch in range(3):
        train = _images(SMALL, "train", epoch, 96)
        assert not (train[:, None] == held[None]).flatten(2).all(2).any()


def test_the_seed_makes_other_records():
    """Another seed: other records, the same labels."""
    assert not torch.equal(_images(replace(SMALL, seed=9), "train", 0), _images(SMALL, "train", 0))


@pytest.mark.parametrize("changes", [
    {"modulations": ("QPSK", "8PSK")}, {"snr_list": (0.0, 12.0)}, {"snr_reference": "in_band"}, {"symbols": 32},
    {"samples_per_symbol": 4}, {"normalise": "known"}, {"gain_jitter_db": 1.0}, {"phase_offset": "random"},
    {"carrier_offset": 0.01}, {"fresh_data": False}, {"data": "/somewhere/RML.hdf5"},
])  # fmt: skip
def test_what_defines_the_data_is_told(changes):
    """Whatever changes the data changes their description; it is short: plain values, no path."""
    told = describe_data(replace(SMALL, **changes))
    assert told != describe_data(SMALL)
    assert all(isinstance(value, str | int | float) for value in told.values())
    assert "/somewhere" not in str(told)


def test_pulse_and_synchronisation_are_told_where_they_matter():
    """With one sample a symbol neither a pulse nor a synchronisation is there to be told apart."""
    assert describe_data(replace(SMALL, pulse="rectangular", sync="samples")) == describe_data(SMALL)
    wide = replace(SMALL, samples_per_symbol=4)
    told = [describe_data(replace(wide, **changes)) for changes in (
        {}, {"pulse": "rectangular"}, {"roll_off": 0.2}, {"sync": "samples"})]  # fmt: skip
    assert [one["pulse"] for one in told] == ["rrc 0.35", "rectangular", "rrc 0.2", "rrc 0.35"]
    assert [one["sync"] for one in told] == ["symbols", "symbols", "symbols", "samples"]
