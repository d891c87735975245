"""The small readers of the offline source: console text, debug.log, YAML, journal; all of it hostile."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wandb.proto import wandb_internal_pb2 as pb

from aftersweep.analysis.errors import FormatError
from aftersweep.analysis.sources.offline_console import LONGEST_LINE, MOST_LINES, Console, clean_line, read_log_tail
from aftersweep.analysis.sources.offline_journal import JournalEntry, read_journals
from aftersweep.analysis.sources.offline_records import read_recording
from aftersweep.analysis.sources.offline_sidefiles import read_debug_log, read_wrapped_yaml, read_yaml_mapping

from .wandb_writer import exit_record, frame, history_record, output_record, run_record


def shown(*pieces: tuple[str, str]) -> tuple[str, ...]:
    console = Console()
    for stream, text in pieces:
        console.feed(stream, text)
    return console.lines()


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30), max_size=40))
def test_pieces_make_the_same_lines(lines: list[str]) -> None:
    """Law: how a text is cut into pieces does not change its lines."""
    text = "".join(f"{line}\n" for line in lines)
    cuts = sorted(random.Random(len(text)).choices(range(len(text) + 1), k=8))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert shown(*(("stdout", piece) for piece in pieces)) == shown(("stdout", text))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\x1b[31mred\x1b[0m\n", ("red",)),
        ("10%\r50%\r100%\n", ("100%",)),
        ("50%\r\r\n", ("50%",)),
        ("a\r\nb\r\n\n\n", ("a", "b")),
        ("a\n\nb", ("a", "", "b")),
        ("\x1b]0;title\x07shown\x00\x08\n", ("shown",)),
        ("\x1b[2K\x1b[1Gdone\x1b", ("done",)),
        ("", ()),
    ],
)
def test_a_line_is_what_a_terminal_would_leave(text: str, lines: tuple[str, ...]) -> None:
    """Law: no colour codes, no control characters, of progress bars the last state, no blank lines at the end."""
    assert shown(("stdout", text)) == lines


def test_two_streams_do_not_mix_within_a_line() -> None:
    """Law: standard error in the middle of a line of standard output is a line of its own."""
    assert shown(("stdout", "epo"), ("stderr", "warn\n"), ("stdout", "ch 1")) == ("warn", "epoch 1")


def test_the_console_is_bounded() -> None:
    """Law: 200 lines of 2,000 characters at most, whatever is written."""
    lines = shown(*[("stdout", f"{number}\n") for number in range(1000)], ("stdout", "x" * 10_000_000))
    assert len(lines) == MOST_LINES
    assert lines[0] == "801"
    assert len(lines[-1]) == LONGEST_LINE


@given(st.text(alphabet="\x1b[]mK0;1\r\n\x07\\ab\x9b", max_size=200))
def test_no_escape_survives(text: str) -> None:
    """Law: no control character is left of any text."""
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in clean_line(text.replace("\n", "")))


def test_the_tail_of_a_log_file(tmp_path: Path) -> None:
    """Law: the last lines of a file of any size, in order; none of a missing one."""
    path = tmp_path / "output.log"
    assert read_log_tail(path) == ()
    path.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(100_000)))
    lines = read_log_tail(path)
    assert (len(lines), lines[0], lines[-1]) == (MOST_LINES, "line 99800 \ufffd", "line 99999 \ufffd")


LOG = "2026-01-31 16:15:00,1 INFO    MainThread:1 [wandb_init.py:789] wandb.init called with sweep_config: {sweep}\n"


@pytest.mark.parametrize(
    ("sweep", "rest", "config"),
    [
        ("{}", "config: {'lr': 0.1, 'm': {'a': (1, 2)}, '_wandb': {}}", {"lr": 0.1, "m": {"a": [1, 2]}}),
        ("{'lr': 0.2}", "config: {'lr': 0.1, 'x': 1}", {"lr": 0.2, "x": 1}),
        ("{'lr': {'value': 0.2}}", "config: {}", {"lr": 0.2}),
        ("{}", "config: {'a': inf, 'b': -inf}", {"a": math.inf, "b": -math.inf}),
        ("{}", "config: {}\nINFO config_cb None None {'b': 2}\nINFO config_cb c 3 None", {"b": 2, "c": 3}),
        ("{}", "config: {}\nINFO config_cb name resnet 50 None", {"name": "resnet 50"}),
        ("{}", "config: {'a': __import__('os').system('true'), 'b': [np.system('x')], 'c': 1}", {"b": ["x"], "c": 1}),
        ("{}", "config: {'a': np.float32(0.5), 'b': array([1, 2], dtype=int32), 'c': <obj>}", {}),
        ("{}", "config: {'a': np.float32(0.5), 'b': array([1, 2], dtype=int32)}", {"a": 0.5, "b": [1, 2]}),
        ("{}", "config: " + "[" * 100_000, {}),
        ("{}", "config: {'a': '" + "x" * 300_000 + "'}", {}),
        ("{}", "", {}),
    ],
)
def test_debug_log(tmp_path: Path, sweep: str, rest: str, config: dict[str, Any]) -> None:
    """Law: literals are read, the sweep's parameters win, and anything else is never evaluated."""
    path = tmp_path / "debug.log"
    path.write_text(LOG.replace("{sweep}", sweep) + rest)
    assert read_debug_log(path) == config


def test_a_debug_log_without_a_start(tmp_path: Path) -> None:
    """Law: a log that says nothing gives None, as does a missing one."""
    path = tmp_path / "debug.log"
    assert read_debug_log(path) is None
    path.write_text("INFO config_cb lr 3 None\n")
    assert read_debug_log(path) is None


def test_wrapped_yaml(tmp_path: Path) -> None:
    """Law: W&B's YAML configs are unwrapped, their own entries dropped, and dates become text."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "wandb_version: 1\n_wandb:\n  value: {a: 1}\nlr:\n  desc: null\n  value: 0.1\nday:\n  value: 2026-01-31\n"
    )
    assert read_wrapped_yaml(path) == {"lr": 0.1, "day": "2026-01-31"}
    path.write_text("not: [closed")
    assert read_wrapped_yaml(path) is None


@pytest.mark.parametrize("text", ["a: &a [*a]", "[" * 5000])
def test_yaml_that_never_ends_is_refused(tmp_path: Path, text: str) -> None:
    """Law: cycles and deep nesting raise FormatError."""
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"sweep\.yaml' cannot be read as YAML"):
        read_yaml_mapping(path)


def test_yaml_bombs_are_refused(tmp_path: Path) -> None:
    """Law: what aliases expand to is counted, not built."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    path = tmp_path / "sweep.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(FormatError, match="too many values"):
        read_yaml_mapping(path)


def test_the_journal_takes_only_what_fits(tmp_path: Path) -> None:
    """Law: a field of another type is as if it were missing; null takes nothing back."""
    path = tmp_path / "aftersweep-agent.jsonl"
    path.write_text(
        '{"run_id": "a", "sweep_id": 3, "parameters": [1], "started_at": NaN, "exit_status": true, "signal": 999}\n'
        '{"run_id": "b", "sweep_id": "s", "exit_status": 0, "stop_requested": false}\n'
        '{"run_id": "b", "sweep_id": null, "ended_at": 5}\n'
        f"{'[' * 100_000}\n"
    )
    entries, problems = read_journals([path])
    assert entries["a"] == JournalEntry(run_id="a")
    assert not entries["a"].ended
    expected = JournalEntry(run_id="b", sweep_id="s", exit_status=0, stop_requested=False, ended_at=5.0)
    assert entries["b"] == expected
    assert entries["b"].ended
    assert JournalEntry(run_id="c", signal=9).signal_name == "SIGKILL"
    assert JournalEntry(run_id="c", signal=127).signal_name == "signal 127"
    assert problems == ["lines of the journal aftersweep-agent.jsonl that cannot be read and were left out: 1"]


def test_typed_history_values(tmp_path: Path) -> None:
    """Law: values in the typed form (x_history_value_encoding) are read like those in JSON."""
    record = pb.Record()
    record.history.step.num = 4
    for key, kind, value in (
        ("i", "integer", -7),
        ("n", "number", math.inf),
        ("t", "text", "x"),
        ("b", "boolean", True),
    ):
        record.history.item.add(nested_key=["m", key], **{kind: value})
    record.history.item.add(key="j", json='{"a": [1]}')
    record.history.item.add(key="z", none=0)
    path = tmp_path / "run-a.wandb"
    path.write_bytes(frame([record.SerializeToString()]))
    (row,) = read_recording(path).rows
    assert row.pop("z") is None
    assert {key: value for key, value in row.items() if not key.startswith("_")} == {
        "m.i": -7, "m.n": math.inf, "m.t": "x", "m.b": True, "j": {"a": [1]},
    }  # fmt: skip
    assert row["_step"] == 4


def test_media_are_one_value(tmp_path: Path) -> None:
    """Law: the SDK logs a picture part by part; its width is no metric."""
    record = pb.Record()
    for names, text in (
        (["v.img"], "7"),
        (["v", "img", "_type"], '"image-file"'),
        (["v", "img", "width"], "4"),
        (["v", "acc"], "0.5"),
    ):
        record.history.item.add(nested_key=names, value_json=text)
    path = tmp_path / "run-a.wandb"
    path.write_bytes(frame([record.SerializeToString()]))
    (row,) = read_recording(path).rows
    logged = {key: value for key, value in row.items() if not key.startswith("_")}
    assert logged == {"v.img": {"_type": "image-file", "width": 4}, "v.acc": 0.5}


@given(st.binary(max_size=300), st.text(max_size=20))
def test_no_payload_raises(tmp_path_factory: pytest.TempPathFactory, payload: bytes, text: str) -> None:
    """Law: a record that is intact and nonsense is passed over, and the ones around it are read."""
    history = history_record({"_step": 0, "a": 1.0})
    odd = history_record({})
    odd.history.item.add(key="k", value_json=text)
    odd.history.item.add(key="deep", value_json="[" * 100_000)
    records = [run_record("a"), history, odd, output_record("x"), exit_record(0)]
    path = tmp_path_factory.getbasetemp() / "run-a.wandb"
    payloads = [record.SerializeToString() for record in records]
    path.write_bytes(frame([*payloads[:2], payload, *payloads[2:]]))
    recording = read_recording(path)
    assert recording.rows[0]["a"] == 1.0
    assert recording.exit_code is not None or recording.run is not None
    assert recording.unreadable >= 1
