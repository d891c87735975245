"""A program for the agent's trials: logs a scripted curve, without the official client and without torch.

``--curve=1,2,3 --wait=0.1 --end=3``: the values of ``score``, the seconds before each, and how it ends (an exit code,
``hang``: with the curve 1 it goes on and does not listen to SIGTERM, else it ends well; ``wait``: it goes on and does).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def main() -> None:
    words = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
    if words.get("end") == "hang" and words["curve"] == "1":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("here I am", flush=True)
    for value in words["curve"].split(","):
        time.sleep(float(words.get("wait", "0")))
        with open(os.environ["AFTERSWEEP_HISTORY"], "a", encoding="utf-8") as stream:  # noqa: PTH123 - as users write it
            stream.write(json.dumps({"score": float(value)}) + "\n")
    if words.get("end") == "hang":
        time.sleep(600 if words["curve"] == "1" else 0)
        sys.exit(0)
    if words.get("end") == "wait":
        time.sleep(600)
    sys.exit(int(words.get("end", "0")))


main()
