"""RadioML 2018.01A from its own HDF5 file, GOLD_XYZ_OSC.0001_1024.hdf5 (O'Shea, Roy and Clancy, "Over-the-air deep
learning based radio signal classification", IEEE J. Sel. Top. Signal Process. 12(1), 2018).

X [N, 1024, 2] float32 holds I and Q, Y [N, 24] the class as 0 and 1, Z [N, 1] the SNR in dB: 4,096 records for each of
24 classes and of 26 SNRs from -20 to 30 dB. The file ``classes.txt`` of the archive names the columns of Y in an order
that the signals contradict (github.com/radioML/dataset, issue 25: what it calls QPSK is visibly on-off keyed). The
order below is the paper's, which ``classes-fixed.txt`` of the later archive has too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import DataLost, SettingsError
from .images import constellation_images, normalised
from .records import Batch, Split, shuffled
from .settings import Settings

CLASSES = (
    "OOK", "4ASK", "8ASK", "BPSK", "QPSK", "8PSK", "16PSK", "32PSK", "16APSK", "32APSK", "64APSK", "128APSK", "16QAM",
    "32QAM", "64QAM", "128QAM", "256QAM", "AM-SSB-WC", "AM-SSB-SC", "AM-DSB-WC", "AM-DSB-SC", "FM", "GMSK", "OQPSK",
)  # fmt: skip
"""What the columns of Y are."""
SAMPLES = 1024
_ROWS = 1 << 16
"""Labels that are read at once: 12 MiB of Y."""


class RadioMLRecords:
    """The records of a file: only the asked modulations and SNRs, as many of each pair, split once by the seed.

    Number i of a split has the class pair i modulo the number of pairs, as synthetic records do. Training takes the
    records of a pair from the front of a permutation, validation from its back: they share none.
    """

    def __init__(self, settings: Settings, device: torch.device) -> None:
        """Raises SettingsError for a file that is not there, not RadioML, or too small; DataLost for one cut short."""
        self.settings, self.device = settings, device
        self.train_size, self.val_size = settings.train_size, settings.val_size
        self._source = _Source(Path(settings.data))
        columns = [_column(name) for name in settings.modulations]
        kinds, levels = self._source.labels()
        pairs = [(kind, level) for level in settings.snr_list for kind in columns]
        self._rows = [self._chosen(np.flatnonzero((kinds == kind) & (levels == level)), kind, level)
                      for kind, level in pairs]  # fmt: skip
        for place, rows in enumerate(self._rows):
            self._enough(place, rows)

    def order(self, epoch: int) -> torch.Tensor:
        return shuffled(self.train_size, self.settings.seed, epoch)

    def batch(self, split: Split, epoch: int, indices: torch.Tensor) -> Batch:
        """Raises DataLost where the file is gone, cut short or cannot be read."""
        del epoch  # the file has one set of records
        pair = indices % len(self._rows)
        rank = (indices // len(self._rows)).tolist()
        chosen = [self._rows[p] for p in pair.tolist()]
        rows = [one[r if split == "train" else len(one) - 1 - r] for one, r in zip(chosen, rank, strict=True)]
        samples = torch.view_as_complex(torch.from_numpy(self._source.read(np.array(rows))).to(self.device))
        made = constellation_images(normalised(samples, self.settings.normalise), self.settings.image_size)
        pair = pair.to(self.device)
        kinds = len(self.settings.modulations)
        return Batch(made, pair % kinds, pair // kinds)

    def _chosen(self, rows: NDArray[np.int64], kind: int, level: float) -> NDArray[np.int64]:
        """The rows of a pair, in an order that depends on the seed and the pair, not on what else was asked for."""
        return np.random.default_rng((self.settings.seed, kind, round(level * 1000) % (1 << 32))).permutation(rows)

    def _enough(self, place: int, rows: NDArray[np.int64]) -> None:
        pairs, kinds = len(self._rows), len(self.settings.modulations)
        needed = [-(-(size - place) // pairs) for size in (self.train_size, self.val_size)]
        if len(rows) < sum(needed):
            name, level = self.settings.modulations[place % kinds], self.settings.snr_list[place // kinds]
            raise SettingsError(
                f"{self.settings.data} holds {len(rows)} records of {name} at {level:g} dB; train_size "
                f"{self.train_size} and val_size {self.val_size} need {sum(needed)} of each pair: ask for fewer"
            )


class _Source:
    """The open file. What was there at the start must still be there at each read."""

    def __init__(self, path: Path) -> None:
        import h5py

        self.path = path
        if not path.is_file():
            raise SettingsError(f"data is '{path}', which is no file; give 'synthetic' or the path of RadioML's HDF5")
        if not h5py.is_hdf5(path):
            raise SettingsError(f"{path} is no HDF5 file; RadioML 2018.01A is GOLD_XYZ_OSC.0001_1024.hdf5")
        self._size = path.stat().st_size
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise DataLost(f"{path} cannot be opened: {_line(error)}; copy it again") from None
        self._check()
        self.count = len(self._file["X"])

    def labels(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Column of Y [N] and SNR [N] of all records, read in pieces."""
        kinds, levels = np.empty(self.count, np.int64), np.empty(self.count)
        for start in range(0, self.count, _ROWS):
            part = slice(start, min(start + _ROWS, self.count))
            one_hot = self._read("Y", part)
            bad = np.flatnonzero((one_hot.sum(1) != 1) | (one_hot.max(1) != 1))
            if bad.size:
                raise SettingsError(f"{self.path}: row {start + bad[0]} of Y names no single class; is it RadioML's?")
            kinds[part], levels[part] = one_hot.argmax(1), self._read("Z", part)[:, 0]
        return kinds, levels

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Records [n, 1024, 2] of the file's rows [n], neighbours in one piece."""
        self._still_there(int(rows[0]))
        ordered, back = np.unique(rows, return_inverse=True)
        runs = np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1)
        pieces = [self._read("X", slice(int(run[0]), int(run[-1]) + 1)) for run in runs]
        return np.asarray(np.concatenate(pieces)[back], dtype=np.float32)

    def _check(self) -> None:
        members = {name: self._file.get(name) for name in ("X", "Y", "Z")}
        shapes = {name: tuple(getattr(member, "shape", ())) for name, member in members.items()}
        rows = {shape[0] for shape in shapes.values() if shape}
        ends = [shape[1:] for shape in shapes.values()]
        fits = len(rows) == 1 and ends == [(SAMPLES, 2), (len(CLASSES),), (1,)]
        if not fits or getattr(members["X"], "dtype", np.dtype(bool)).kind != "f":
            found = ", ".join(f"{name} {list(shape) or 'missing'}" for name, shape in shapes.items())
            raise SettingsError(
                f"{self.path} is not laid out as RadioML 2018.01A: it has {found}; "
                f"needed are X [N, {SAMPLES}, 2] of floats, Y [N, {len(CLASSES)}], Z [N, 1]"
            )

    def _read(self, name: str, part: slice) -> Any:
        try:
            return self._file[name][part]
        except (OSError, RuntimeError) as error:
            raise DataLost(f"{self.path}: {name} cannot be read at rows {part.start} to {part.stop - 1}: "
                           f"{_line(error)}") from None  # fmt: skip

    def _still_there(self, row: int) -> None:
        """HDF5 gives zeros for what lies behind the end of a file that was cut while open: so its size is asked."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise DataLost(f"{self.path} is gone (row {row} was asked for): {_line(error)}") from None
        if size < self._size:
            raise DataLost(f"{self.path} was cut from {self._size} to {size} bytes (row {row} was asked for)")


def _column(name: str) -> int:
    if name not in CLASSES:
        raise SettingsError(f"modulation '{name}' is not in RadioML 2018.01A; it holds {', '.join(CLASSES)}")
    return CLASSES.index(name)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
