"""Checkpoints are whole or not there, and are read back to the same bits."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from aftersweep.training import checkpoint
from aftersweep.training.errors import SettingsError


def state(step: int) -> dict[str, object]:
    return {"settings": {"seed": 1}, "step": step, "model": {"w": torch.full((1000,), float(step))}, "optimizer": {}}


def test_a_state_is_read_back(tmp_path: Path) -> None:
    """The newest of a folder, bit for bit; of many only two are kept, and no draft stays."""
    for step in (1, 2, 30):
        checkpoint.save(tmp_path / "deep" / "er", step, state(step))
    folder = tmp_path / "deep" / "er"
    assert {path.name for path in folder.iterdir()} == {"step-000000002.pt", "step-000000030.pt"}
    read = checkpoint.load(folder)
    assert read["step"] == 30
    assert torch.equal(read["model"]["w"], torch.full((1000,), 30.0))
    assert checkpoint.load(folder / "step-000000002.pt")["step"] == 2


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    """SIGKILL in the middle of writing: the newest file is always readable."""
    script = (
        "import sys, torch; from pathlib import Path; from aftersweep.training import checkpoint\n"
        "w = {'w': torch.zeros(3_000_000)}\n"
        "for step in range(1, 10_000):\n"
        "    checkpoint.save(Path(sys.argv[1]), step, {'settings': {}, 'step': step, 'model': w, 'optimizer': {}})\n"
        "    print(step, flush=True)\n"
    )
    for round_ in range(4):
        folder = tmp_path / str(round_)
        with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            said = [int(child.stdout.readline()) for _ in range(2 + round_)]
            time.sleep(0.004 * (round_ + 1))
            os.kill(child.pid, signal.SIGKILL)
        assert checkpoint.load(folder)["step"] >= said[-1]


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    """One line that names the file; and no code in it is run."""
    with pytest.raises(SettingsError, match="holds no checkpoint"):
        checkpoint.load(tmp_path)
    with pytest.raises(SettingsError, match=r"there is no checkpoint '.*none\.pt'"):
        checkpoint.load(tmp_path / "none.pt")
    bad = tmp_path / "step-000000001.pt"
    for content in (b"", b"nonsense", pickle.dumps({"a": 1})):
        bad.write_bytes(content)
        with pytest.raises(SettingsError, match=r"cannot be read|is not a checkpoint"):
            checkpoint.load(bad)
    torch.save({"other": 1}, bad)
    with pytest.raises(SettingsError, match="is not a checkpoint of aftersweep-train"):
        checkpoint.load(bad)
    whole = checkpoint.save(tmp_path / "cut", 1, state(1))
    whole.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(SettingsError, match="cannot be read"):
        checkpoint.load(whole)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("/tmp/aftersweep-evil",)


def test_a_checkpoint_from_elsewhere_runs_no_code(tmp_path: Path) -> None:
    """A pickle that would make a folder is refused, and the folder is not made."""
    path = tmp_path / "step-000000001.pt"
    torch.save({"model": Evil()}, path)
    with pytest.raises(SettingsError, match="cannot be read"):
        checkpoint.load(path)
    assert not Path("/tmp/aftersweep-evil").exists()


def test_only_what_shapes_the_run_must_be_the_same() -> None:
    """More epochs may be asked for; another model may not."""
    checkpoint.must_fit({"epochs": 3, "seed": 1}, {"epochs": 9, "seed": 1, "new": 2})
    with pytest.raises(SettingsError, match="model_type is a and was b in the checkpoint"):
        checkpoint.must_fit({"model_type": "b"}, {"model_type": "a"})
