"""One run of the trainer: it learns, it logs the contract's keys, it goes on where it was broken."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from aftersweep.training import checkpoint
from aftersweep.training.distributed import World
from aftersweep.training.errors import Diverged, Interrupted, SettingsError
from aftersweep.training.failures import Place, Stop
from aftersweep.training.loop import METRIC, Trainer
from aftersweep.training.manual import SMOKE
from aftersweep.training.settings import Settings, read_settings
from aftersweep.training.steps import Watch
from aftersweep.training.telemetry import LOGGED

from .runs import TINY, Kept, curve, process, rows, tiny, trained

SOURCE_KEYS = (
    "epoch", "learning_rate", "train_loss", "val_loss", "train_combined_accuracy", "train_modulation_accuracy",
    "train_snr_accuracy", "val_combined_accuracy", "val_modulation_accuracy", "val_snr_accuracy",
)  # fmt: skip


def test_the_logged_keys_are_the_contract() -> None:
    """Those of the source sweep, which the post-mortem reads, and ours; epochs count from one, accuracies are percent
    and the joint one is at most either part."""
    _, kept = trained(tiny())
    assert set(SOURCE_KEYS) <= set(LOGGED)
    for number, row in enumerate(kept.rows, start=1):
        assert set(row) == set(LOGGED)
        assert row["epoch"] == number
        for part in ("train", "val"):
            joint = row[f"{part}_combined_accuracy"]
            assert 0 <= joint <= min(row[f"{part}_modulation_accuracy"], row[f"{part}_snr_accuracy"]) <= 100
        assert row["val_snr_within_one_accuracy"] >= row["val_snr_accuracy"]
        assert row["grad_norm_max"] >= row["grad_norm"] > 0
    assert kept.summary[f"best_{METRIC}"] == max(row[METRIC] for row in kept.rows)


def test_the_smoke_run_learns() -> None:
    """16 classes, chance 6.25 %: after three epochs on a CPU the joint accuracy is over 40 %."""
    _, kept = trained(read_settings({**SMOKE, "ceiling_records": 0, "device": "cpu"}))
    assert kept.summary[f"best_{METRIC}"] > 40


def test_the_same_seed_is_the_same_run() -> None:
    """Bit for bit on one thread; another seed is another run."""
    first, again, other = (trained(tiny(seed=seed))[1].rows for seed in (1, 1, 2))
    assert curve(first) == curve(again)
    assert curve(first) != curve(other)


@pytest.mark.parametrize("changed", [{}, {"ema_decay": 0.9}, {"accumulate": 4, "grad_clip_norm": 0.5}], ids=str)
def test_resume_gives_the_unbroken_curve(tmp_path: Path, changed: dict[str, float]) -> None:
    """Bitwise: a run that is asked to end at any step, and goes on from its last checkpoint, ends with the weights and
    the rows of one that was never broken."""
    whole, kept = trained(tiny(**changed))
    settings = tiny(**changed, out_dir=str(tmp_path), resume="auto", checkpoint_every=1)
    seen = []
    for _ in range(50):
        stop = Stop()
        trainer, rows_of = _start(settings, stop)
        try:
            _end_after(trainer, stop, steps=5)
        except Interrupted:
            trainer.keep()
            seen += rows_of.rows
            continue
        seen += rows_of.rows
        break
    assert len(seen) == 2
    assert curve(seen) == curve(kept.rows)
    for mine, theirs in zip(trainer.task.state_dict().values(), whole.task.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def _start(settings: Settings, stop: Stop) -> tuple[Trainer, Kept]:
    kept = Kept()
    return Trainer.start(settings, World(), kept, Place(), lambda _text: None, stop), kept


def _end_after(trainer: Trainer, stop: Stop, steps: int) -> None:
    """Trains on; SIGTERM reaches the process in the middle of the step after ``steps``."""
    step, left = trainer.stepper.step, [steps]

    def counted(*words: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*words)

    setattr(trainer.stepper, "step", counted)  # noqa: B010 - the method of this one object
    with stop.listening():
        trainer.train()


def test_resume_after_sigkill_gives_the_unbroken_curve(tmp_path: Path) -> None:
    """Killed without a word at whatever moment, also while a checkpoint is written: what the resumed run logs is
    what the unbroken run logs for those epochs."""
    epochs = 6
    _, kept = trained(tiny(epochs=epochs))
    out = tmp_path / "kept"
    for number, wait in enumerate((0.0, 0.02, 0.07)):
        folder = tmp_path / f"try{number}"
        with process(folder, wandb="disabled", epochs=epochs, out_dir=out, resume="auto") as child:
            started = len(checkpoint.found(out)) and checkpoint.found(out)[-1].name
            until = time.monotonic() + 60
            while time.monotonic() < until and child.poll() is None:
                now = checkpoint.found(out)
                if now and now[-1].name != started:
                    break
                time.sleep(0.005)
            time.sleep(wait)
            child.kill()
    folder = tmp_path / "last"
    with process(folder, wandb="disabled", epochs=epochs, out_dir=out, resume="auto") as child:
        _, words = child.communicate(timeout=120)
    assert child.returncode == 0, words
    last = rows(folder)
    assert last
    assert curve(last) == curve(kept.rows)[-len(last) :]


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    """By the name of what differs; nothing is trained."""
    trained(tiny(out_dir=str(tmp_path), epochs=1))
    with pytest.raises(SettingsError, match=r"dropout is 0\.1 and was 0\.2 in the checkpoint"):
        trained(tiny(out_dir=str(tmp_path), dropout=0.1, resume="auto"))
    with pytest.raises(SettingsError, match="resume=auto looks in out_dir"):
        trained(tiny(resume="auto"))


def test_patience_ends_a_run() -> None:
    """A rate of nearly nothing learns nothing: the run ends ``patience`` epochs after its best."""
    _, kept = trained(tiny(epochs=9, patience=2, base_lr=0, max_lr=1e-12, val_size=400))
    assert len(kept.rows) == kept.summary["best_epoch"] + 2


def test_accumulation_is_the_same_step() -> None:
    """Without batch norm and dropout, four micro-batches of four give the loss and the gradient of sixteen at once."""
    vit = {"model_type": "test_vit", "dropout": 0, "image_size": 32, "epochs": 1, "train_size": 32}
    first, _ = trained(tiny(**vit))
    second, _ = trained(tiny(**vit, accumulate=4))
    for mine, theirs in zip(first.task.state_dict().values(), second.task.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_divergence_is_seen_at_its_step() -> None:
    """A learning rate that cannot be makes the loss leave the numbers: the run ends there, with step and rate."""
    with pytest.raises(Diverged, match="not finite"):
        trained(tiny(base_lr=1e30, max_lr=1e38, epochs=5))


def test_the_watch_names_the_first_bad_step() -> None:
    """Looked at late, as on a GPU: still the step where it happened, not the one where it was seen."""
    for loss, norm in ((float("nan"), 1.0), (1.0, float("inf"))):
        watch, place = Watch(torch.device("cpu")), Place()
        for step in range(8):
            bad = step >= 5
            watch.add(step, torch.tensor(loss if bad else 1.0), torch.tensor(norm if bad else 2.0))
        with pytest.raises(Diverged):
            watch.look(place, lambda step: step / 100, skips=False)
        assert (place.step, place.learning_rate) == (5, 0.05)
        assert watch.norm_max == 2.0


@pytest.mark.filterwarnings("default")  # the compiler's own
def test_a_compiled_model_trains_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same curve within rounding, and the cost of the first batch; without a compiler one line, before anything."""
    changed = {"model_type": "test_vit", "epochs": 1, "dropout": 0}
    _, plain = trained(tiny(**changed))
    trainer, compiled = trained(tiny(**changed, compile=True))
    assert compiled.rows[0]["train_loss"] == pytest.approx(plain.rows[0]["train_loss"], rel=1e-2)
    assert compiled.summary["compile_seconds"] == trainer.compile_seconds > 0
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(SettingsError, match=r"compile needs a C\+\+ compiler on a CPU"):
        trained(tiny(**changed, compile=True))


def test_what_cannot_run_is_refused() -> None:
    """An epoch smaller than a batch has no step."""
    with pytest.raises(SettingsError, match="batch_size 97 is over the 96 training records"):
        trained(tiny(batch_size=97))
    assert TINY["train_size"] == 96
