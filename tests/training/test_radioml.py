"""RadioML 2018.01A's file: the layout as published, the split, and files that are cut, lost or other ones."""

import os
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from aftersweep.training.data import open_records
from aftersweep.training.errors import DataLost, SettingsError
from aftersweep.training.images import constellation_images, normalised
from aftersweep.training.radioml import CLASSES
from aftersweep.training.settings import MODULATIONS, Settings

CPU = torch.device("cpu")
EACH = 12
"""Records of each class at each SNR in the file that the tests write; the real one has 4,096."""
LEVELS = -2, 0, 2


def _write(path, classes=24, samples=1024, levels=LEVELS, dtype="f4"):
    """The published layout: sorted by class, then SNR. Sample 0 of a record holds its row, so that it can be told."""
    count = classes * len(levels) * EACH
    x = np.random.default_rng(0).standard_normal((count, samples, 2)).astype(dtype)
    x[:, 0, 0] = np.arange(count)
    y = np.repeat(np.eye(classes, dtype=np.int64), len(levels) * EACH, axis=0)
    z = np.tile(np.repeat(levels, EACH), classes)[:, None]
    with h5py.File(path, "w") as file:
        for name, part in zip("XYZ", (x, y, z), strict=True):
            file[name] = part
    return x, y.argmax(1), z[:, 0]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("radioml") / "GOLD.hdf5"
    return path, *_write(path)


def _settings(path, **changes):
    base = {"data": str(path), "modulations": ("QPSK", "OQPSK", "16QAM"), "snr_list": (0.0, 2.0), "train_size": 40,
            "val_size": 17, "image_size": 32}  # fmt: skip
    return Settings(**{**base, **changes})


def _rows(records, split, count, table):
    """Rows of the file behind the records of a split, told by the images that they must have."""
    made = constellation_images(normalised(torch.view_as_complex(torch.from_numpy(table)), "record"), 32).flatten(1)
    images = records.batch(split, 0, torch.arange(count)).images.flatten(1)
    same = torch.cdist(images.double(), made.double()) < 1e-4
    assert same.sum(1).eq(1).all()
    return same.int().argmax(1).numpy()


def test_classes_are_the_paper_s_and_hold_the_source_sweep_s():
    """24 classes in the order of the paper (its section IV and the archive's classes-fixed.txt), not of classes.txt."""
    assert len(set(CLASSES)) == 24
    assert set(MODULATIONS) < set(CLASSES)
    assert (CLASSES[0], CLASSES[3], CLASSES[-1]) == ("OOK", "BPSK", "OQPSK")


def test_records_are_the_file_s_with_their_labels_and_the_split_shares_none(written):
    """Only asked classes and SNRs, labelled as the file says; no row twice, in training or validation."""
    path, x, kinds, levels = written
    settings = _settings(path)
    records = open_records(settings, CPU)
    seen = {}
    for split, count in (("train", 40), ("val", 17)):
        rows = _rows(records, split, count, x)
        batch = records.batch(split, 5, torch.arange(count))
        assert [CLASSES[kinds[row]] for row in rows] == [settings.modulations[m] for m in batch.modulation]
        assert levels[rows].tolist() == [settings.snr_list[s] for s in batch.snr]
        seen[split] = set(rows.tolist())
        assert len(seen[split]) == count
    assert not seen["train"] & seen["val"]


def test_pairs_are_balanced_and_the_split_goes_by_the_seed(written):
    """Each pair as often as any other, within one; another seed splits otherwise, other classes beside do not."""
    path, x, *_ = written
    settings = _settings(path)
    records = open_records(settings, CPU)
    batch = records.batch("train", 0, torch.arange(40))
    count = torch.bincount(batch.modulation * 2 + batch.snr)
    assert int(count.max() - count.min()) <= 1
    rows = _rows(records, "train", 36, x)
    assert np.array_equal(_rows(open_records(settings, CPU), "train", 36, x), rows)
    assert set(_rows(open_records(replace(settings, seed=1), CPU), "train", 36, x)) != set(rows)
    alone = open_records(_settings(path, modulations=("QPSK",), snr_list=(0.0,), train_size=6, val_size=3), CPU)
    assert set(_rows(alone, "train", 6, x)) == set(rows[::6])


def test_order_is_a_new_permutation_each_epoch(written):
    """The same at every call, another in the next epoch; asked in any order and batch, a record is the same."""
    records = open_records(_settings(written[0]), CPU)
    order = records.order(1)
    assert sorted(order.tolist()) == list(range(40))
    assert torch.equal(order, records.order(1))
    assert not torch.equal(order, records.order(2))
    whole = records.batch("train", 0, order)
    parts = [records.batch("train", 0, part) for part in order.split(7)]
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)


def test_a_file_cut_short_is_lost_data(tmp_path):
    """Cut before it is opened, or while it is open: DataLost with the path, never zeros as data."""
    path = tmp_path / "cut.hdf5"
    _write(path)
    records = open_records(_settings(path), CPU)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataLost, match=r"cut\.hdf5 was cut from \d+ to \d+ bytes \(row \d+ was asked for\)"):
        records.batch("train", 0, torch.arange(4))
    short = tmp_path / "short.hdf5"
    short.write_bytes(path.read_bytes())
    with pytest.raises(DataLost, match=r"short\.hdf5 cannot be opened: .*truncated"):
        open_records(_settings(short), CPU)


def test_a_file_that_is_gone_is_lost_data(tmp_path):
    """Removed while it is open: the next batch says so, though the system would go on reading."""
    path = tmp_path / "gone.hdf5"
    _write(path)
    records = open_records(_settings(path), CPU)
    path.unlink()
    with pytest.raises(DataLost, match=r"gone\.hdf5 is gone \(row \d+ was asked for\): .*No such file"):
        records.batch("val", 0, torch.arange(4))


def test_a_damaged_piece_is_lost_data_and_named(tmp_path):
    """A chunk whose checksum does not hold: DataLost names the member and the rows."""
    path = tmp_path / "damaged.hdf5"
    x, kinds, levels = _write(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("X", data=x, chunks=(16, 1024, 2), fletcher32=True)
        file["Y"], file["Z"] = np.eye(24, dtype=np.int64)[kinds], levels[:, None]
        places = [file["X"].id.get_chunk_info(index).byte_offset for index in range(file["X"].id.get_num_chunks())]
    with path.open("r+b") as raw:
        for place in places:
            raw.seek(place + 100)
            raw.write(b"\xff" * 8)
    with pytest.raises(DataLost, match=r"damaged\.hdf5: X cannot be read at rows \d+ to \d+"):
        open_records(_settings(path), CPU).batch("train", 0, torch.arange(4))


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ({"classes": 11}, r"Y \[396, 11\]"),
        ({"samples": 128}, r"X \[864, 128, 2\]"),
        ({"dtype": "i4"}, "of floats"),
    ],
)
def test_another_layout_is_refused(tmp_path, layout, words):
    """One line with what was found and what is needed."""
    _write(tmp_path / "other.hdf5", **layout)
    with pytest.raises(SettingsError, match=words):
        open_records(_settings(tmp_path / "other.hdf5"), CPU)


def test_a_file_without_its_members_or_of_another_kind_is_refused(tmp_path):
    """No X; Y that is no one-hot code; a text file; no file at all: each has its line."""
    path = tmp_path / "odd.hdf5"
    with h5py.File(path, "w") as file:
        file["Y"] = np.zeros((3, 24))
    with pytest.raises(SettingsError, match="X missing"):
        open_records(_settings(path), CPU)
    with h5py.File(path, "w") as file:
        file["X"], file["Y"], file["Z"] = np.zeros((3, 1024, 2), "f4"), np.ones((3, 24)), np.zeros((3, 1))
    with pytest.raises(SettingsError, match="row 0 of Y names no single class"):
        open_records(_settings(path), CPU)
    path.write_text("no data\n")
    with pytest.raises(SettingsError, match="no HDF5 file"):
        open_records(_settings(path), CPU)
    with pytest.raises(SettingsError, match="which is no file"):
        open_records(_settings(tmp_path / "none.hdf5"), CPU)


def test_what_the_file_does_not_hold_is_refused(written):
    """An unknown class, an SNR that is not there, more records than there are."""
    for changes, words in (
        ({"modulations": ("QPSK", "QPSK2")}, "'QPSK2' is not in RadioML"),
        ({"snr_list": (0.0, 7.0)}, "holds 0 records of QPSK at 7 dB"),
        ({"train_size": 61}, "holds 12 records of QPSK at 0 dB"),
    ):
        with pytest.raises(SettingsError, match=words):
            open_records(_settings(written[0], **changes), CPU)


def test_every_record_can_be_asked_for(written):
    """12 of each of six pairs: 72 records in the two splits together, and not one more."""
    settings = _settings(written[0], train_size=48, val_size=24)
    records = open_records(settings, CPU)
    rows = [*_rows(records, "train", 48, written[1]), *_rows(records, "val", 24, written[1])]
    assert len(set(rows)) == 72
