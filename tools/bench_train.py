"""How fast the trainer is, beside a real ceiling and beside the usual way, in one run: ``make bench-train``.

- **ours**: whole optimiser steps of ``aftersweep-train fit``: records made, images counted, forward, backward, AdamW.
- **ceiling**: the same timm backbone with a plain classifier on one batch that lies in memory: nothing but training.
- **usual**: PNG files of the same constellations read by torchvision in worker processes, as such trainers do.

The three take turns, each in its own process, for ``--rounds`` rounds; the median and the range are printed. The share
of the machine: FLOPs of forward and backward as FlopCounterMode counts them (2 for a multiplication and addition),
over those of a plain matrix product in the same precision on the same device in the same run.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("ours", "ceiling", "usual")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None, help="backbone; resnet50 on a GPU, resnet18 on a CPU")
    parser.add_argument("--size", type=int, default=None, help="side of the image; 224 on a GPU, 64 on a CPU")
    parser.add_argument("--batch", type=int, default=None, help="256 on a GPU, 32 on a CPU")
    parser.add_argument("--steps", type=int, default=None, help="timed steps of a turn; 100 on a GPU, 10 on a CPU")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=12, help="of the usual way")
    parser.add_argument("--compile", action="store_true", help="torch.compile for ours and for the ceiling")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--turn", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--files", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    _defaults(asked)
    if asked.turn:
        print(json.dumps(TURNS[asked.turn](asked)))
        return
    with tempfile.TemporaryDirectory() as folder:
        asked.files = Path(folder)
        _write_pngs(asked)
        turns: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(asked.rounds):
            for kind in KINDS:
                turns[kind].append(_in_its_own_process(asked, kind))
    table = _table(asked, turns)
    if asked.json:
        asked.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _defaults(asked: argparse.Namespace) -> None:
    import torch

    cuda = torch.cuda.is_available()
    asked.device = "cuda" if cuda else "cpu"
    for name, gpu, cpu in (
        ("model", "resnet50", "resnet18"),
        ("size", 224, 64),
        ("batch", 256, 32),
        ("steps", 100, 10),
    ):
        if getattr(asked, name) is None:
            setattr(asked, name, gpu if cuda else cpu)


def _settings(asked: argparse.Namespace) -> Any:
    from aftersweep.training.settings import read_settings

    epoch = asked.batch * asked.steps
    return read_settings({"model_type": asked.model, "image_size": asked.size, "batch_size": asked.batch,
                          "train_size": epoch, "val_size": 1, "epochs": 100, "device": asked.device,
                          "compile": asked.compile})  # fmt: skip


def _in_its_own_process(asked: argparse.Namespace, kind: str) -> dict[str, float]:
    words = [f"--{name}={getattr(asked, name)}" for name in ("model", "size", "batch", "steps", "workers", "files")]
    words += ["--compile"] if asked.compile else []
    done = subprocess.run(
        [sys.executable, __file__, "--turn", kind, *words], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    return json.loads(done.stdout.splitlines()[-1])


def _timed(asked: argparse.Namespace, step: Callable[[], object]) -> dict[str, float]:
    """Images a second of ``step`` after a warm-up, and the most memory it took, in GiB."""
    import torch

    from aftersweep.training.failures import peak_memory_gib

    wait = torch.cuda.synchronize if asked.device == "cuda" else lambda: None
    for _ in range(max(3, asked.steps // 5)):
        step()
    wait()
    began = time.perf_counter()
    for _ in range(asked.steps):
        step()
    wait()
    return {"rate": asked.batch * asked.steps / (time.perf_counter() - began), "memory": peak_memory_gib()}


def ours(asked: argparse.Namespace) -> dict[str, float]:
    """Whole steps of the trainer, as ``fit`` does them."""
    from aftersweep.training.distributed import World
    from aftersweep.training.failures import Place
    from aftersweep.training.loop import Trainer
    from aftersweep.training.meters import Meter
    from aftersweep.training.steps import Watch
    from aftersweep.training.telemetry import Silent

    trainer = Trainer.start(_settings(asked), World(), Silent(), Place(), lambda _text: None)
    trainer.wrapped.train()
    meter, watch = Meter(trainer.device), Watch(trainer.device)
    order = trainer.records.order(0)

    def step() -> None:
        number = trainer.progress.step
        at = number % trainer.steps_per_epoch * asked.batch
        trainer.one_step(number // trainer.steps_per_epoch, number, order[at : at + asked.batch], meter, watch)

    return _timed(asked, step)


def _bare(asked: argparse.Namespace) -> Callable[[Any, Any], None]:
    """One step of the bare backbone with a plain classifier: the same precision, memory format and optimiser."""
    import timm
    import torch

    from aftersweep.training.backbones import timm_name
    from aftersweep.training.precision import autocast_for, resolve_precision

    device, settings = torch.device(asked.device), _settings(asked)
    precision = resolve_precision(settings, device)
    model = timm.create_model(timm_name(asked.model), in_chans=1, num_classes=272).to(device).train()
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=device.type == "cuda")
    loss = torch.nn.CrossEntropyLoss()
    if asked.compile:
        model.compile()

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast_for(precision, device):
            found = loss(model(images), labels)
        found.backward()
        optimizer.step()

    return step


def ceiling(asked: argparse.Namespace) -> dict[str, float]:
    """The backbone alone on one batch in memory; and the FLOP/s of a matrix product."""
    import torch

    step = _bare(asked)
    images = torch.rand(asked.batch, 1, asked.size, asked.size, device=asked.device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(272, (asked.batch,), device=asked.device)
    found = _timed(asked, lambda: step(images, labels))
    return {**found, "flops": _flops(asked), "matmul": _matmul(asked)}


def _flops(asked: argparse.Namespace) -> float:
    """Of one image, forward and backward."""
    import timm
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from aftersweep.training.backbones import timm_name

    model = timm.create_model(timm_name(asked.model), in_chans=1, num_classes=272)
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.rand(2, 1, asked.size, asked.size)).sum().backward()
    return counter.get_total_flops() / 2


def _matmul(asked: argparse.Namespace) -> float:
    import torch

    side, kind = (8192, torch.bfloat16) if asked.device == "cuda" else (2048, torch.float32)
    a, b = (torch.rand(side, side, device=asked.device, dtype=kind) for _ in range(2))
    wait = torch.cuda.synchronize if asked.device == "cuda" else lambda: None
    for _ in range(3):
        a @ b
    wait()
    began = time.perf_counter()
    for _ in range(10):
        a @ b
    wait()
    return 10 * 2 * side**3 / (time.perf_counter() - began)


def usual(asked: argparse.Namespace) -> dict[str, float]:
    """PNG files, decoded by torchvision in worker processes."""
    import torch
    from torchvision.io import ImageReadMode, decode_image

    files = sorted(asked.files.glob("*.png"))

    class Pictures(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
        def __len__(self) -> int:
            return asked.batch * asked.steps * 2

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            image = decode_image(str(files[index % len(files)]), ImageReadMode.GRAY)
            return image.float() / 255, index % 272

    loader = torch.utils.data.DataLoader(
        Pictures(), asked.batch, num_workers=asked.workers, pin_memory=asked.device == "cuda", drop_last=True
    )
    step, batches = _bare(asked), iter(loader)

    def from_files() -> None:
        images, labels = next(batches)
        images = images.to(asked.device, non_blocking=True, memory_format=torch.channels_last)
        step(images, labels.to(asked.device, non_blocking=True))

    return _timed(asked, from_files)


def _write_pngs(asked: argparse.Namespace) -> None:
    """A batch of constellations as 8-bit pictures."""
    import torch
    from torchvision.io import write_png

    from aftersweep.training.data import open_records

    records = open_records(_settings(asked), torch.device("cpu"))
    images = records.batch("train", 0, torch.arange(min(asked.batch, 256))).images
    images = (images * (255 / images.amax())).to(torch.uint8)
    for number, image in enumerate(images):
        write_png(image, str(asked.files / f"{number:04d}.png"))


TURNS = {"ours": ours, "ceiling": ceiling, "usual": usual}


def _table(asked: argparse.Namespace, turns: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Prints the figures; the same for a program."""
    import timm
    import torch

    where = torch.cuda.get_device_name() if asked.device == "cuda" else f"CPU ({platform.processor() or 'unknown'})"
    print(f"{asked.model} at {asked.size}, batch {asked.batch}, on {where}; torch {torch.__version__}, ", end="")
    print(f"timm {timm.__version__}; {asked.rounds} rounds of {asked.steps} steps{', compiled' * asked.compile}")
    rates = {kind: [turn["rate"] for turn in found] for kind, found in turns.items()}
    memory = {kind: max(turn["memory"] for turn in found) for kind, found in turns.items()}
    middle = {kind: statistics.median(found) for kind, found in rates.items()}
    for kind, found in rates.items():
        spread = f"({min(found):.1f} to {max(found):.1f})"
        print(f"  {kind:8} {middle[kind]:9.1f} images/s {spread}, {memory[kind]:.2f} GiB")
    flops, matmul = turns["ceiling"][0]["flops"], max(turn["matmul"] for turn in turns["ceiling"])
    print(f"  ours / ceiling {middle['ours'] / middle['ceiling']:.3f}; ours / usual ", end="")
    print(f"{middle['ours'] / middle['usual']:.2f}; memory ours / ceiling {memory['ours'] / memory['ceiling']:.3f}")
    print(f"  {flops / 1e9:.2f} GFLOP an image, forward and backward; a matrix product reaches ", end="")
    print(f"{matmul / 1e12:.2f} TFLOP/s, and ours {100 * middle['ours'] * flops / matmul:.1f} % of that")
    return {"device": where, "model": asked.model, "size": asked.size, "batch": asked.batch, "rates": rates,
            "memory_gib": memory, "gflop_per_image": flops / 1e9, "matmul_tflops": matmul / 1e12}  # fmt: skip


if __name__ == "__main__":
    main()
