"""What can only be checked where a GPU is: ``make gpu-check``. Says so plainly where there is none.

Each check prints one line and raises AssertionError where it fails; the exit code is 1 then. ``--require``: no GPU is a
failure too (exit 3), for a CI that must have one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SMALL = {"model_type": "resnet18", "image_size": 64, "train_size": 8192, "val_size": 2048, "batch_size": 256,
         "epochs": 3, "max_lr": 1e-3, "dropout": 0.1, "cycle_epochs": 6, "ceiling_records": 0}  # fmt: skip
EASY = {"modulations": "BPSK,QPSK,8PSK,16QAM", "snr_list": "0,6,12,18"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require", action="store_true", help="no GPU is a failure")
    asked = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("gpu-check: no GPU here (torch.cuda.is_available() is false); nothing was checked")
        sys.exit(3 if asked.require else 0)
    print(f"gpu-check on {torch.cuda.get_device_name()}, torch {torch.__version__}")
    failed = [name for name, check in CHECKS.items() if not _holds(name, check)]
    print(
        f"gpu-check: {len(CHECKS) - len(failed)} of {len(CHECKS)} hold"
        + (f"; not: {', '.join(failed)}" if failed else "")
    )
    sys.exit(1 if failed else 0)


def _holds(name: str, check: Callable[[], str]) -> bool:
    began = time.perf_counter()
    try:
        said = check()
    except Exception:
        traceback.print_exc()
        print(f"FAILS  {name}")
        return False
    print(f"holds  {name}: {said} ({time.perf_counter() - began:.1f} s)", flush=True)
    return True


def _trained(**changed: Any) -> tuple[Any, list[dict[str, Any]]]:
    from aftersweep.training.distributed import World
    from aftersweep.training.failures import Place
    from aftersweep.training.loop import Trainer
    from aftersweep.training.settings import read_settings
    from aftersweep.training.telemetry import Silent

    rows: list[dict[str, Any]] = []

    class Kept(Silent):
        def log(self, row: Any) -> None:
            rows.append(dict(row))

    trainer = Trainer.start(read_settings({**SMALL, **changed}), World(), Kept(), Place(), lambda _text: None)
    trainer.train()
    return trainer, rows


def same_data() -> str:
    """The same records, labels and images as on the CPU, but for rounding."""
    import torch

    from aftersweep.training.data import open_records
    from aftersweep.training.settings import read_settings

    settings = read_settings({"image_size": 64, "samples_per_symbol": 4, "sync": "samples", "phase_offset": "random"})
    indices = torch.arange(544)
    there, here = (open_records(settings, torch.device(name)).batch("train", 3, indices) for name in ("cuda", "cpu"))
    assert torch.equal(there.modulation.cpu(), here.modulation)
    assert torch.equal(there.snr.cpu(), here.snr)
    differ = (there.images.cpu() - here.images).abs() > 1e-4
    share = differ.float().mean().item()
    assert share < 1e-3, f"{share:.2%} of all pixels differ"
    return f"544 records, {share:.1e} of the pixels differ (points on a bin's edge)"


def learns() -> str:
    """bf16 and channels_last: the easy task is learned."""
    _, rows = _trained(**EASY)
    best = max(row["val_combined_accuracy"] for row in rows)
    assert best > 40, f"joint accuracy {best:.1f} %"
    return f"joint accuracy {best:.1f} % after 3 epochs, chance 6.25 %"


def precisions() -> str:
    """fp16 with its scaler and fp32 learn it too."""
    said = []
    for precision in ("fp16", "fp32"):
        _, rows = _trained(**EASY, precision=precision)
        best = max(row["val_combined_accuracy"] for row in rows)
        assert best > 40, f"{precision}: joint accuracy {best:.1f} %"
        said.append(f"{precision} {best:.1f} % (scale {rows[-1]['loss_scale']:g})")
    return ", ".join(said)


def compiled() -> str:
    """torch.compile gives a model that learns, and its cost is told."""
    trainer, rows = _trained(**EASY, compile=True)
    assert trainer.compile_seconds is not None
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    return f"first batch {trainer.compile_seconds:.1f} s"


def out_of_memory() -> str:
    """A batch that no GPU holds ends the run with exit 81 and its cause; halved it goes on."""
    import torch

    total = torch.cuda.get_device_properties(0).total_memory / 2**30
    batch = 1 << int(total * 40).bit_length()  # resnet50 at 224 in bf16 takes about 80 MiB an image
    words = {"model_type": "resnet50", "image_size": 224, "batch_size": batch, "train_size": batch, "val_size": 256,
             "epochs": 1}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        failed = _process(folder, **words)
        assert failed.returncode == 81, failed.stderr[-2000:]
        assert "out of memory: " in failed.stderr
        halved = _process(folder, **words, on_oom="halve-batch")
        assert halved.returncode == 0, halved.stderr[-2000:]
    return f"batch {batch}: exit 81; with halve-batch exit 0"


def many_gpus() -> str:
    """torchrun on all GPUs of the machine: exit 0; the same loss as on one, near enough."""
    import torch

    count = torch.cuda.device_count()
    words = [f"--{name}={value}" for name, value in {**SMALL, **EASY, "epochs": 1}.items()]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m",
             "aftersweep.training", "fit", *words], env=_environment(folder), capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
    return f"{count} GPU{'s' if count > 1 else ''}, NCCL"


def generation_is_cheap() -> str:
    """Making records and images beside the step of resnet50 at 224: at most 1 % is aimed at; printed, not asserted."""
    import torch

    trainer, _ = _trained(model_type="resnet50", image_size=224, train_size=256, val_size=256, epochs=1)
    indices = torch.arange(256)

    def seconds(work: Callable[[], object], times: int = 20) -> float:
        for _ in range(3):
            work()
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(times):
            work()
        torch.cuda.synchronize()
        return (time.perf_counter() - began) / times

    from aftersweep.training.meters import Meter

    meter = Meter(trainer.device)
    data = seconds(lambda: trainer.records.batch("train", 0, indices))
    step = seconds(lambda: trainer.stepper.step(0, indices, 1e-4, meter))
    return f"data {1e3 * data:.2f} ms of a step of {1e3 * step:.1f} ms: {100 * data / step:.1f} %"


def _process(folder: str, **changed: Any) -> subprocess.CompletedProcess[str]:
    words = [f"--{name}={value}" for name, value in {**SMALL, **changed}.items()]
    return subprocess.run([sys.executable, "-m", "aftersweep.training", "fit", *words], env=_environment(folder),
                          capture_output=True, text=True, check=False)  # fmt: skip


def _environment(folder: str) -> dict[str, str]:
    return {**os.environ, "WANDB_MODE": "disabled", "WANDB_DIR": folder, "PYTHONPATH": str(Path(__file__).parents[1])}


def _checks() -> Iterator[Callable[[], str]]:
    yield from (same_data, learns, precisions, compiled, generation_is_cheap, out_of_memory, many_gpus)


CHECKS = {check.__name__.replace("_", " "): check for check in _checks()}

if __name__ == "__main__":
    main()
