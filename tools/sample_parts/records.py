"""Simulated lives to the two tables of the sample: one row a run, and one row a logged epoch."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from .timeline import Life

CYCLE = 10
"""Epochs of one cycle of the learning rate (triangular2); ours, the page gives none."""


def tables(published: dict[str, Any], lives: list[Life], rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """The runs and their histories; ``lives`` in the order of their starts."""
    first = published["sweep"]["first_day"]
    origin = datetime(first.year, first.month, first.day, 9, 30, tzinfo=UTC).timestamp()
    best = {row["run"]: row for row in published["best_results"]}
    runs, history = [], []
    for number, life in enumerate(lives, start=1):
        run_id = life.row["run"] or f"sim{number:05d}"
        config = _config(published, life, rng)
        history += _history(run_id, life, origin, config, best.get(run_id), rng)
        runs.append(
            {
                "id": run_id,
                "state": life.state,
                "created_at": round(origin + life.start, 1),
                "heartbeat_at": round(origin + life.stop, 1),
                "config": json.dumps(config, sort_keys=True),
            }
        )
    return pa.Table.from_pylist(runs), pa.Table.from_pylist(history)


def _config(published: dict[str, Any], life: Life, rng: np.random.Generator) -> dict[str, Any]:
    """The settings that the solver chose, the published ones of the named runs, and the others at random."""
    fixed = {**published["best_configurations"].get(life.row["run"], {}), **life.row}
    config = {}
    for name, spec in published["configuration"]["parameters"].items():
        values = spec.get("values", [spec.get("value")])
        drawn = values[int(rng.integers(len(values)))]
        config[name] = fixed.get(name, drawn)
    return config


def _history(
    run_id: str,
    life: Life,
    origin: float,
    config: dict[str, Any],
    best: dict[str, Any] | None,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    rows = []
    for epoch, (time, combined) in enumerate(zip(life.times, life.values, strict=True), start=1):
        modulation, snr = _companions(combined, best, rng)
        gap = 0.5 + 0.25 * epoch + float(rng.uniform(0, 1))
        train = [round(value + gap * share, 4) for value, share in ((combined, 1.0), (modulation, 0.7), (snr, 0.8))]
        row = {
            "run_id": run_id,
            "_step": epoch - 1,
            "_timestamp": round(origin + time, 1),
            "_runtime": round(time - life.start, 1),
            "epoch": float(epoch),
            "learning_rate": _learning_rate(config, epoch),
            "train_loss": _loss(train[1], train[2], rng),
            "val_loss": _loss(modulation, snr, rng),
            "train_combined_accuracy": train[0],
            "train_modulation_accuracy": train[1],
            "train_snr_accuracy": train[2],
            "val_combined_accuracy": combined,
            "val_modulation_accuracy": modulation,
            "val_snr_accuracy": snr,
        }
        rows.append(row)
    return rows


def _companions(combined: float, best: dict[str, Any] | None, rng: np.random.Generator) -> tuple[float, float]:
    """Accuracy of the two labels, percent, such that both can be right as often as ``combined`` says.

    Scaled so that the named runs have their published values at their best: modulation is learnt first.
    """
    top, modulation, snr = (48.65, 76.2, 66.02)
    if best is not None:
        top, modulation, snr = best["combined"], best["modulation"], best["snr"]
        if combined == top:
            return modulation, snr
    modulation *= (combined / top) ** 0.25 * float(rng.uniform(0.985, 1.0))
    snr_value = max(combined * 103.0 / modulation, 6.25)
    return round(modulation, 4), round(min(snr_value, 100.0), 4)


def _loss(modulation: float, snr: float, rng: np.random.Generator) -> float:
    wrong: float = math.log(17) * (1 - modulation / 100) ** 1.3 + math.log(16) * (1 - snr / 100) ** 1.3
    return round(wrong * float(rng.uniform(0.97, 1.03)), 4)


def _learning_rate(config: dict[str, Any], epoch: int) -> float:
    """After a linear warm-up, triangular2: up and down between the two rates, half as high in each further cycle."""
    warmup, start = int(config["warmup_epochs"]), float(config["warmup_start_factor"])
    if epoch <= warmup:
        return float(f"{config['base_lr'] * (start + (1 - start) * epoch / warmup):.6g}")
    cycle, phase = divmod(epoch - warmup, CYCLE)
    height = (config["max_lr"] - config["base_lr"]) * 0.5**cycle
    return float(f"{config['base_lr'] + height * (1 - abs(phase / (CYCLE / 2) - 1)):.6g}")
