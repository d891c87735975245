"""Training from the first epoch to the last: what is trained, validated, logged, kept and resumed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import checkpoint
from .data import open_records
from .distributed import World
from .errors import SettingsError
from .failures import Place, Stop, peak_memory_gib
from .losses import JointLoss
from .meters import Meter
from .model import build_model
from .precision import autocast_for, make_scaler, resolve_device, resolve_precision
from .records import Records
from .schedule import build_optimizer, learning_rate
from .settings import Settings
from .steps import Stepper, Task, Watch
from .telemetry import Telemetry

METRIC = "val_combined_accuracy"


@dataclass
class Progress:
    """How far a run is; what a checkpoint holds beside weights."""

    step: int = 0
    """Optimiser steps done, over all epochs."""
    best: float = -1.0
    best_epoch: int = 0
    since_best: int = 0
    epochs: int = 0
    """Epochs that are over: trained, validated and logged."""
    meter: torch.Tensor | None = None
    """The sums of an epoch that is not over."""
    norms: tuple[float, float, int] = (0.0, 0.0, 0)
    """Sum, largest and number of its gradient norms."""


@dataclass
class Trainer:
    """One run. Build it with ``Trainer.start``; ``train`` goes on to the last epoch."""

    settings: Settings
    world: World
    telemetry: Telemetry
    place: Place
    device: torch.device
    records: Records
    task: Task
    wrapped: nn.Module
    optimizer: torch.optim.Optimizer
    stepper: Stepper
    average: AveragedModel | None
    folder: Path | None
    say: Callable[[str], None]
    stop: Stop = field(default_factory=Stop)
    progress: Progress = field(default_factory=Progress)
    compile_seconds: float | None = None

    @classmethod
    def start(
        cls,
        settings: Settings,
        world: World,
        telemetry: Telemetry,
        place: Place,
        say: Callable[[str], None],
        stop: Stop | None = None,
    ) -> Trainer:
        """All parts of a run, from the settings; resumed where they say so. Raises SettingsError."""
        if settings.on_oom == "halve-batch" and world.size > 1:
            raise SettingsError("on_oom=halve-batch is for one process: under torchrun the others would not know of it")
        if settings.threads:
            torch.set_num_threads(settings.threads)
        device = resolve_device(settings)
        torch.manual_seed(settings.seed)
        records = open_records(settings, device)
        if records.train_size < settings.batch_size:
            raise SettingsError(
                f"batch_size {settings.batch_size} is over the {records.train_size} training records of an epoch"
            )
        task = Task(build_model(settings), JointLoss(settings)).to(device)
        if settings.channels_last:
            task = task.to(memory_format=torch.channels_last)
        if world.size > 1 and device.type == "cuda":
            task = nn.SyncBatchNorm.convert_sync_batchnorm(task)
        optimizer = build_optimizer(task.model, task.loss, settings)
        average = None
        if settings.ema_decay:
            average = AveragedModel(task.model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay), use_buffers=True)
        precision = resolve_precision(settings, device)
        folder = _folder(settings, telemetry)
        saved = _saved(settings, folder)
        if saved is not None:
            _put_back(saved, task, optimizer, average)
        if settings.compile:
            _must_compile(device)
            task.model.compile()
        wrapped = nn.parallel.DistributedDataParallel(task) if world.size > 1 else task
        scaler = make_scaler(precision, device)
        stepper = Stepper(
            settings, wrapped, optimizer, scaler, lambda: autocast_for(precision, device), records, world, device
        )
        made = cls(settings, world, telemetry, place, device, records, task, wrapped, optimizer, stepper, average,
                   folder, say, stop or Stop())  # fmt: skip
        if saved is not None:
            scaler.load_state_dict(saved["scaler"])
            made.progress = Progress(**saved["progress"])
            stepper.parts = max(stepper.parts, saved["parts"])
        stepper.micro_batch  # noqa: B018 - raises where the batch cannot be shared
        return made

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches; the rest of an epoch's records is left out."""
        return self.records.train_size // self.settings.batch_size

    def rate(self, step: int) -> float:
        return learning_rate(step, self.settings, self.steps_per_epoch)

    def train(self) -> None:
        """Trains to the last epoch or to the end of patience."""
        while self.progress.epochs < self.settings.epochs and not self._out_of_patience():
            self._epoch(self.progress.epochs)
        self.keep()

    def _out_of_patience(self) -> bool:
        return bool(self.settings.patience) and self.progress.since_best >= self.settings.patience

    def _epoch(self, epoch: int) -> None:
        began, first = time.perf_counter(), self.progress.step
        self.place.epoch = epoch
        trained, watch = self._train(epoch)
        seconds = time.perf_counter() - began
        validated = self._validate(epoch)
        row = {
            "epoch": epoch + 1,
            "learning_rate": self.rate(self.progress.step - 1),
            **{f"train_{key}": value for key, value in trained.items() if key != "snr_within_one_accuracy"},
            **{f"val_{key}": value for key, value in validated.items()},
            "grad_norm": watch.norm_sum / max(watch.looked, 1),
            "grad_norm_max": watch.norm_max,
            "loss_scale": float(self.stepper.scaler.get_scale()),
            "peak_memory_gib": peak_memory_gib(),
            "samples_per_second": (self.progress.step - first) * self.settings.batch_size / seconds,
            "micro_batch": self.stepper.micro_batch,
        }
        with self.stop.held():
            self._close(epoch, row)

    def _close(self, epoch: int, row: dict[str, Any]) -> None:
        """The epoch is over: judged, logged, kept."""
        self._judge(epoch, row[METRIC])
        self.progress.epochs, self.progress.meter, self.progress.norms = epoch + 1, None, (0.0, 0.0, 0)
        self.telemetry.log(row)
        self.telemetry.summarise(self._standing(row))
        self.say(_line(row, self.settings.epochs))
        every = self.settings.checkpoint_every
        if every and (epoch + 1) % every == 0:
            self.keep()

    def _train(self, epoch: int) -> tuple[dict[str, float], Watch]:
        self.wrapped.train()
        meter, watch = Meter(self.device), Watch(self.device)
        if self.progress.meter is not None:
            meter.restore(self.progress.meter.to(self.device))
            watch.norm_sum, watch.norm_max, watch.looked = self.progress.norms
        order = self.records.order(epoch)
        size, share = self.settings.batch_size, self.world.share(self.settings.batch_size)
        for step in range(self.progress.step, (epoch + 1) * self.steps_per_epoch):
            at = (step - epoch * self.steps_per_epoch) * size + self.world.rank * share
            with self.stop.held():
                self.one_step(epoch, step, order[at : at + share], meter, watch)
        watch.look(self.place, self.rate, skips=self.stepper.scaler.is_enabled())
        return meter.read(self.world), watch

    def one_step(self, epoch: int, step: int, indices: torch.Tensor, meter: Meter, watch: Watch) -> None:
        """The optimiser step with number ``step`` on the records ``indices`` of this process."""
        rate = self.rate(step)
        self.place.step, self.place.batch, self.place.learning_rate = step, self.settings.batch_size, rate
        # Each step has its own seed: a run that goes on from any step drops out the same features.
        torch.manual_seed((self.settings.seed * 1_000_003 + step) * 4_099 + self.world.rank)
        began = time.perf_counter()
        watch.add(step, *self.stepper.step(epoch, indices, rate, meter))
        if self.settings.compile and self.compile_seconds is None:
            self.compile_seconds = time.perf_counter() - began
            self.say(f"first batch, torch.compile in it: {self.compile_seconds:.1f} s")
            self.telemetry.summarise({"compile_seconds": self.compile_seconds})
        if watch.due:
            watch.look(self.place, self.rate, skips=self.stepper.scaler.is_enabled())
        if self.average is not None:
            self.average.update_parameters(self.task.model)
        self.progress.step, self.progress.meter = step + 1, meter.state()
        self.progress.norms = watch.norm_sum, watch.norm_max, watch.looked

    @torch.no_grad()
    def _validate(self, epoch: int) -> dict[str, float]:
        model = self.average if self.average is not None else self.task.model
        model.eval()
        meter = Meter(self.device)
        mine = torch.arange(self.world.rank, self.records.val_size, self.world.size)
        for indices in mine.split(max(self.stepper.micro_batch, 1)):
            batch = self.records.batch("val", epoch, indices)
            with self.stepper.autocast():
                modulation, snr = model(batch.images)
                loss = self.task.loss(modulation, snr, batch.modulation, batch.snr).loss
            meter.add(loss, modulation, snr, batch)
        return meter.read(self.world)

    def _judge(self, epoch: int, value: float) -> None:
        if value > self.progress.best:
            self.progress.best, self.progress.best_epoch, self.progress.since_best = value, epoch + 1, 0
        else:
            self.progress.since_best += 1

    def _standing(self, row: dict[str, Any]) -> dict[str, Any]:
        found = {f"best_{METRIC}": self.progress.best, "best_epoch": self.progress.best_epoch}
        if self.progress.since_best == 0:
            found["best_val_snr_within_one_accuracy"] = row["val_snr_within_one_accuracy"]
        if self.stepper.halvings:
            found |= {"oom_halvings": self.stepper.halvings, "micro_batch": self.stepper.micro_batch}
        return found

    def keep(self) -> None:
        """Writes a checkpoint of the last whole step, where there is a folder for it."""
        if self.folder is None or not self.world.leads:
            return
        meter = self.progress.meter
        progress = {**vars(self.progress), "meter": None if meter is None else meter.cpu()}
        state = {
            "settings": self.settings.as_config(),
            "step": self.progress.step,
            "progress": progress,
            "parts": self.stepper.parts,
            "model": self.task.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.stepper.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }
        checkpoint.save(self.folder, self.progress.step, state)


def _must_compile(device: torch.device) -> None:
    """Raises SettingsError where torch.compile would fail at the first batch, for want of a compiler for the CPU."""
    names = (os.environ.get("CXX", "g++"), "g++", "clang++")
    if device.type == "cpu" and not any(shutil.which(name) for name in names):
        raise SettingsError("compile needs a C++ compiler on a CPU: install g++ or clang++, or leave compile=false")


def _folder(settings: Settings, telemetry: Telemetry) -> Path | None:
    if settings.out_dir:
        return Path(settings.out_dir)
    return telemetry.folder / "checkpoints" if telemetry.folder is not None else None


def _saved(settings: Settings, folder: Path | None) -> dict[str, Any] | None:
    """The checkpoint to go on from; None for a new run, which 'auto' is where there is none."""
    if not settings.resume:
        return None
    if settings.resume == "auto":
        if not settings.out_dir:
            raise SettingsError("resume=auto looks in out_dir; give it too")
        if folder is None or not checkpoint.found(folder):
            return None
        saved = checkpoint.load(folder)
    else:
        saved = checkpoint.load(Path(settings.resume))
    checkpoint.must_fit(saved["settings"], settings.as_config())
    return saved


def _put_back(
    saved: dict[str, Any], task: Task, optimizer: torch.optim.Optimizer, average: AveragedModel | None
) -> None:
    task.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    if average is not None and saved["average"] is not None:
        average.load_state_dict(saved["average"])


def _line(row: dict[str, Any], epochs: int) -> str:
    return (
        f"epoch {row['epoch']}/{epochs}: loss {row['train_loss']:.4f}, validation {row['val_loss']:.4f}; "
        f"joint {row[METRIC]:.2f} % (modulation {row['val_modulation_accuracy']:.2f} %, "
        f"SNR {row['val_snr_accuracy']:.2f} %, within one step {row['val_snr_within_one_accuracy']:.2f} %), "
        f"{row['samples_per_second']:.0f} records/s"
    )
