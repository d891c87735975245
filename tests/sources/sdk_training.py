"""A training script as users have them: logs to the real wandb SDK, then ends as it was told to.

Run as a program of its own by ``sdk_runs.py``, with one JSON argument:

    config       object: given to wandb.init
    epochs       how many epochs are logged; epoch e logs ``val_acc`` and ``train_loss``
    start, gain  val_acc of epoch e is start + gain * e
    nan_from     the epoch from which both are NaN; null for never
    ending       finish, code_error, out_of_memory, exit_status, interrupt, wait
    say          text for standard error before it ends; null for none
    pause_s      seconds that it waits before it logs the last epoch
    extra_rows   rows of another metric after the epochs, to fill the SDK's buffer
    options      object: more arguments of wandb.init (group, tags, resume, ...)

Where ``ending`` is wait, one byte is written to the file descriptor READY_FD when all is logged, and the process
sleeps until a signal ends it.
"""

import json
import math
import os
import signal
import sys
import time

import wandb

OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.21 GiB is free."
)


def load_labels() -> None:
    raise ValueError("expected 10 labels, got 12")


def end(ending: str) -> None:
    if ending == "code_error":
        load_labels()
    elif ending == "out_of_memory":
        raise RuntimeError(OUT_OF_MEMORY)
    elif ending == "exit_status":
        sys.exit(3)
    elif ending == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    elif ending == "wait":
        os.write(int(os.environ["READY_FD"]), b"!")
        time.sleep(120)


def main() -> None:
    task = json.loads(sys.argv[1])
    run = wandb.init(config=task["config"], project="offline-laws", **task["options"])
    for epoch in range(1, task["epochs"] + 1):
        value, loss = task["start"] + task["gain"] * epoch, 2.0 / epoch
        if task["nan_from"] is not None and epoch >= task["nan_from"]:
            value = loss = math.nan
        if epoch == task["epochs"]:
            time.sleep(task["pause_s"])
        run.log({"epoch": epoch, "val_acc": value, "train_loss": loss})
        print(f"epoch {epoch}: val_acc {value:.4f}")
    for step in range(task["extra_rows"]):
        run.log({"grad_norm": float(step)})
    if task["say"]:
        print(task["say"], file=sys.stderr)
    end(task["ending"])
    print("training complete")


if __name__ == "__main__":
    main()
