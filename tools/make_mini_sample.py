"""Makes a bundled sample of a sweep that was really run by the agent: ``python tools/make_mini_sample.py OUT NAME``.

OUT is the folder of ``aftersweep-train agent``; ``--struck FILE`` names the trials that were struck from outside, as
JSON ``[[run id, signal number], ...]``. Written to ``analysis/sources/samples/NAME``: ``runs.jsonl.gz`` (our own
export, scrubbed of hosts, users and paths), ``sweep.yaml`` and ``truth.json`` (how each run really ended, from the
agent's journal and the trainer's exit code, not from what aftersweep concludes). The same bytes at every call.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from aftersweep.analysis.sources.base import RawRun, empty_history, fetch_all
from aftersweep.analysis.sources.export_json import header_text, run_text
from aftersweep.analysis.sources.offline import OfflineSource
from aftersweep.analysis.sources.offline_journal import JournalEntry, read_journals

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "analysis" / "sources" / "samples"
PATH = re.compile(r"(?<![\w.])/(?:[\w.+@-]+/)+[\w.+@-]*")
NOTICE = (
    "A small sweep that was really run by aftersweep's own trainer and agent, on two cores of a CPU, with synthetic "
    "signals; one trial was killed and one interrupted from outside while it ran."
)
FOLLOWING = "The sweep that 'aftersweep next' wrote after constellation-mini, really run on the same machine."
BY_CODE = {0: ("completed", None), 81: ("crashed", "out_of_memory"), 82: ("crashed", "diverged")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("name")
    parser.add_argument("--struck", type=Path)
    asked = parser.parse_args()
    struck = dict(json.loads(asked.struck.read_text("utf-8"))) if asked.struck else {}
    folder = SAMPLES / asked.name
    folder.mkdir(parents=True, exist_ok=True)
    sweep, runs = fetch_all(OfflineSource(asked.out / "wandb"))
    info = replace(
        sweep.source, kind="sample", target=asked.name, notices=(FOLLOWING if "next" in asked.name else NOTICE,)
    )
    sweep = replace(sweep, source=info, problems=())
    lines = [header_text(sweep), *(run_text(scrubbed(run)) for run in runs)]
    with (folder / "runs.jsonl.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as stream:
        stream.write("".join(f"{line}\n" for line in lines).encode("ascii"))
    shutil.copyfile(asked.out / "sweep.yaml", folder / "sweep.yaml")
    entries, problems = read_journals([asked.out / "wandb" / "aftersweep-agent.jsonl"])
    assert not problems, problems
    truth = {run.id: ending(entries[run.id], struck.get(run.id)) for run in runs}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1, sort_keys=True) + "\n", "utf-8")
    print({name: path.stat().st_size for path in folder.iterdir() for name in [path.name]})


def ending(entry: JournalEntry, struck: int | None) -> list[Any]:
    """How a run really ended: outcome and cause. Struck from outside, stopped by the agent's rule, or by itself."""
    if struck is not None:
        return ["crashed", "unknown"] if struck == 9 else ["stopped_by_user", None]
    if entry.stop_requested:
        return ["early_stopped", None]
    return list(BY_CODE[entry.exit_status])


def scrubbed(run: RawRun) -> RawRun:
    """Without the machine: host, user, paths; system metrics are of no use where the machine is unknown."""
    host = socket.gethostname()
    log = tuple(PATH.sub("...", line).replace(host, "host") for line in run.log_tail)
    summary = json.loads(PATH.sub("...", json.dumps(dict(run.summary))).replace(host, "host"))
    return replace(run, host=None, user=None, gpu=None, system=empty_history(), log_tail=log, summary=summary)


if __name__ == "__main__":
    main()
