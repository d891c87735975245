"""One run from its first line to its last: whatever ends it, the record is finished and says what it was."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import torch

from .backbones import feature_width, timm_name
from .ceilings import kept_ceiling
from .data import describe_data
from .distributed import World, world
from .errors import Failure, Interrupted, SettingsError
from .failures import Place, Stop, as_failure, limit_memory
from .likelihood import share_of_ceiling
from .loop import METRIC, Trainer
from .precision import resolve_device, resolve_precision
from .settings import Settings
from .telemetry import Silent, Telemetry, WandbRun

FAILURE_CAUSE, FAILURE_DETAIL = "failure/cause", "failure/detail"
"""Summary keys: the post-mortem reads the first."""


def fit(settings: Settings) -> int:
    """Trains one run; the exit code that its process should end with (``errors`` lists them).

    Raises SettingsError where the run cannot be as it was asked for.
    """
    if "WANDB_SWEEP_ID" not in os.environ:  # a sweep's run is recorded whatever is wrong; a person's is not begun
        feature_width(timm_name(settings.model_type), settings.image_size)
        resolve_precision(settings, resolve_device(settings))
    stop = Stop()
    with stop.listening(), world(settings.device) as here:
        telemetry: Telemetry = WandbRun(settings.as_config()) if here.leads else Silent()
        place = Place()
        try:
            return _train(settings, here, telemetry, place, stop)
        except Interrupted as error:
            return _interrupted(error, here, telemetry, place)
        except SettingsError as error:
            telemetry.summarise({FAILURE_CAUSE: "code_error", FAILURE_DETAIL: str(error)})
            telemetry.finish(error.exit_code)
            raise
        except Exception as error:  # the last line of defence: the record must be finished
            return _failed(error, here, telemetry, place)


def _train(settings: Settings, here: World, telemetry: Telemetry, place: Place, stop: Stop) -> int:
    """Trains to the end; a run that is stopped or fails leaves a last checkpoint where one can be written."""
    say = _say if here.leads else _nothing
    trainer: Trainer | None = None
    try:
        trainer = Trainer.start(settings, here, telemetry, place, say, stop)
        told = describe_data(settings)
        say("data: " + ", ".join(f"{key} {value}" for key, value in told.items()))
        telemetry.summarise({f"data/{key}": value for key, value in told.items()})
        limit_memory(settings.memory_limit_gib)
        trainer.train()
    except (Exception, Interrupted) as error:
        if trainer is not None and not _is_divergence(error):
            with contextlib.suppress(OSError, RuntimeError, MemoryError):
                trainer.keep()
        raise
    telemetry.summarise(_against_ceiling(settings, trainer.progress.best, trainer.device, say) if here.leads else {})
    telemetry.finish(0)
    return 0


def _is_divergence(error: BaseException) -> bool:
    """Weights that are no numbers are not kept: the checkpoint of the epoch before is worth more."""
    return isinstance(error, Failure) and error.cause == "diverged"


def _against_ceiling(
    settings: Settings, best: float, device: torch.device, say: Callable[[str], None]
) -> Mapping[str, Any]:
    """The best accuracy beside what a perfect model could reach on the same data."""
    if not settings.ceiling_records or settings.data != "synthetic":
        return {}
    try:
        ceiling = kept_ceiling(settings, str(device), say)
    except SettingsError as error:
        say(f"no ceiling: {error}")
        return {}
    share = share_of_ceiling(best / 100.0, ceiling)
    say(
        f"best joint accuracy {best:.2f} %: {100 * share:.1f} % of the ceiling of {100 * ceiling.joint.value:.2f} % "
        f"(95 % interval {100 * ceiling.joint.low:.2f} to {100 * ceiling.joint.high:.2f} %, {ceiling.n} records)"
    )
    return {
        "ceiling/combined_accuracy": 100 * ceiling.joint.value,
        "ceiling/modulation_accuracy": 100 * ceiling.modulation.value,
        "ceiling/snr_accuracy": 100 * ceiling.snr.value,
        "ceiling/snr_within_one_accuracy": 100 * ceiling.snr_within_one.value,
        "ceiling/records": ceiling.n,
        f"best_{METRIC}_of_ceiling": 100 * share,
    }


def _interrupted(error: Interrupted, here: World, telemetry: Telemetry, place: Place) -> int:
    words = f"{error.signal_name} at {place.words()}"
    here.tell_failure("interrupted", words)
    return _end(telemetry, "interrupted", words, error.exit_code)


def _failed(error: Exception, here: World, telemetry: Telemetry, place: Place) -> int:
    failure = as_failure(error)
    told = here.told_failure()
    if told is not None:  # another process's failure, which this one saw as a closed connection
        return _end(telemetry, *told, 143 if told[0] == "interrupted" else 1)
    if failure is None:
        traceback.print_exception(error)  # evidence for the post-mortem: a fault of the program has no other
        text = " ".join(str(error).split())
        words, cause, code = f"{type(error).__name__}: {text} (at {place.words()})", "code_error", 1
    else:
        text = str(failure)
        words, cause, code = f"{text} (at {place.words()})", failure.cause, failure.exit_code
    here.tell_failure(cause, words)
    error.__traceback__ = None  # lets go of the tensors of the step that failed
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return _end(telemetry, cause, words, code)


def _end(telemetry: Telemetry, cause: str, words: str, code: int) -> int:
    print(f"aftersweep-train: {cause.replace('_', ' ')}: {words}", file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):
        telemetry.summarise({FAILURE_CAUSE: cause, FAILURE_DETAIL: words[:2_000]})
        telemetry.finish(code)
    return code


def _say(text: str) -> None:
    print(text, flush=True)


def _nothing(_text: str) -> None: ...
