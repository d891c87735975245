"""One small sweep with everything in it that a source can get wrong.

Eight runs of a sweep with Hyperband: two finished ones, one stopped at its band, one that diverged, one that ran
out of memory, one killed by hand, one without history and one that still runs. The names are hostile or in other
alphabets, one config holds the word "NaN" as text, the histories hold NaN and both infinities, and the validation
metrics are logged at other steps than the training loss, as real loops do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aftersweep.analysis.sources.base import RawRun, RawSweep, SourceInfo, empty_history, history_table

ENTITY = "aftersweep-lab"
PROJECT = "snr-vision"
SWEEP_ID = "ex4mpl3s"
START = 1_714_557_600.0
"""2024-05-01 10:00:00 UTC."""

CONFIG: Mapping[str, Any] = {
    "program": "train.py",
    "name": "Example: backbones × learning rate",
    "description": "Which backbone holds its accuracy at low SNR?",
    "method": "random",
    "metric": {"name": "val/accuracy", "goal": "maximize"},
    "parameters": {
        "arch": {"values": ["resnet18", "swin_s", "vit_b"]},
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2},
        "batch_size": {"values": [64, 128, 256]},
        "pretrained": {"values": [True, False]},
        "optimizer": {"parameters": {"name": {"values": ["adamw", "sgd"]}, "weight_decay": {"value": 0.05}}},
        "seed": {"value": 7},
    },
    "early_terminate": {"type": "hyperband", "max_iter": 20, "s": 2, "eta": 3},
}

OOM_TAIL = (
    "epoch 1: loss 2.0113",
    "Traceback (most recent call last):",
    '  File "train.py", line 88, in <module>',
    "    loss.backward()",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has 79.10 GiB in total",
)
KILL_TAIL = ("epoch 4: loss 1.20", 'naïve café 🦉 — line with "quotes" and <b>tags</b> {{ 7*7 }}', "KeyboardInterrupt")
NAN_TAIL = ("epoch 2: loss nan", "RuntimeError: loss is not finite")


def _rows(run: int, epochs: int, start: float, diverged_at: int | None = None) -> list[dict[str, Any]]:
    """Two rows an epoch: the training loss at one step, the validation metrics at the next."""
    rows: list[dict[str, Any]] = []
    for epoch in range(1, epochs + 1):
        bad = diverged_at is not None and epoch >= diverged_at
        seconds = 60.0 * epoch
        loss = 2.3 * math.exp(-epoch / (6 + run))
        row: dict[str, Any] = {"epoch": epoch, "train/loss": math.nan if bad else loss}
        rows.append({"_step": 2 * epoch - 2, "_timestamp": start + seconds - 5, "_runtime": seconds - 5, **row})
        row = {
            "epoch": epoch,
            "val/accuracy": math.nan if bad else 0.9 - 0.1 * run / 8 - 0.5 / epoch,
            "val/loss": (math.inf if epoch % 2 else -math.inf) if bad else loss + 0.1 * run,
        }
        rows.append({"_step": 2 * epoch - 1, "_timestamp": start + seconds, "_runtime": seconds, **row})
    return rows


def _system(start: float, shares: tuple[float, ...]) -> list[dict[str, Any]]:
    """One sample of the GPU's and the host's memory each 30 s, in percent; W&B gives them no step."""
    return [
        {
            "_timestamp": start + 30.0 * i,
            "_runtime": 30.0 * i,
            "system.gpu.0.memoryAllocated": share,
            "system.memory_percent": 40.0 + i,
        }
        for i, share in enumerate(shares, start=1)
    ]


def _run(
    number: int, run_id: str, name: str, state: str, epochs: int, diverged_at: int | None = None, **more: Any
) -> RawRun:
    start = START + 600.0 * number
    rows = _rows(number, epochs, start, diverged_at)
    summary: dict[str, Any] = {}
    for row in rows:
        summary.update(row)
    optimizer = {"name": ("adamw", "sgd")[number % 2], "weight_decay": 0.05}
    config = {
        "arch": ("resnet18", "swin_s", "vit_b")[number % 3],
        "lr": (1e-4, 1e-3, 0.01)[number % 3] * (1 + number),
        "batch_size": (64, 128, 256)[number % 3],
        "pretrained": number % 2 == 0,
        "optimizer": optimizer,
        "seed": 7,
        **more.pop("config", {}),
    }
    runtime = rows[-1]["_runtime"] if rows else None
    return RawRun(
        id=run_id,
        name=name,
        state=state,
        config=config,
        summary=summary,
        created_at=start,
        heartbeat_at=start + (runtime or 0.0),
        runtime_s=runtime,
        host=f"node-{number % 2:02d}",
        gpu="NVIDIA H100 80GB HBM3",
        user="ada",
        sweep_id=SWEEP_ID,
        history=history_table(rows) if rows else empty_history(),
        history_rows_expected=len(rows),
        **more,
    )


def example_sweep() -> tuple[RawSweep, list[RawRun]]:
    """The sweep and its eight runs, oldest first; the same at every call."""
    sweep = RawSweep(
        id=SWEEP_ID,
        source=SourceInfo(kind="sample", target="tests/sources/example.py"),
        entity=ENTITY,
        project=PROJECT,
        name=str(CONFIG["name"]),
        description=str(CONFIG["description"]),
        state="FINISHED",
        created_at=START,
        config=CONFIG,
    )
    runs = [
        _run(0, "a0run001", "sunny-sweep-1", "finished", 20, tags=("baseline", "ünïcode"), group="g1"),
        _run(1, "a0run002", "模型-swin ✓", "finished", 20, notes="line one\nline two, with a comma", job_type="train"),
        _run(2, "a0run003", "<script>alert(1)</script>", "crashed", 2, config={"label": "NaN", "none": None}),
        _run(3, "a0run004", "../../etc/passwd", "failed", 4, diverged_at=2, log_tail=NAN_TAIL),
        _run(
            4,
            "a0run005",
            '"quoted", with comma; =cmd()',
            "crashed",
            1,
            log_tail=OOM_TAIL,
            system=history_table(_system(START + 2400.0, (71.0, 99.2))),
            config={"layers": [64, 128], "dropout": 0},
        ),
        _run(5, "a0run006", "{{ 7*7 }} ${HOME} %s", "killed", 4, log_tail=KILL_TAIL, stop_requested=True),
        _run(6, "a0run007", "عربي run", "crashed", 0),
        _run(7, "a0run008", "still-going-8", "running", 3, tags=("x",)),
    ]
    return sweep, runs
