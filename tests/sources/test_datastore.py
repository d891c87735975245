"""The `.wandb` container: every intact record is read, whatever the rest of the file looks like."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wandb.proto import wandb_internal_pb2 as pb

from aftersweep.analysis.errors import FormatError
from aftersweep.analysis.sources import datastore
from aftersweep.analysis.sources.datastore import Losses, read_records

from .conftest import SdkSweep
from .wandb_writer import BLOCK, MAGIC, chunk, frame


def read(data: bytes) -> tuple[list[bytes], Losses]:
    losses = Losses()
    return list(read_records(io.BytesIO(data), "run-x.wandb", losses)), losses


def spans(data: bytes) -> list[tuple[int, int, bytes]]:
    """Start, end and payload of every record of an undamaged file: a second, naive reading of the format."""
    found, position, start, parts = [], 7, 7, b""
    while position + 7 <= len(data):
        if BLOCK - position % BLOCK < 7:
            position += BLOCK - position % BLOCK
            continue
        length, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        if kind in (1, 2):
            start, parts = position, b""
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):
            found.append((start, position, parts))
    return found


def sample() -> bytes:
    """Three blocks of records of many sizes, some over two and one over all blocks."""
    sizes = [0, 1, 5, 90, 3000, 20_000, 15_000, 2, 700, 33_000, 12, 8000, 1, 9000]
    return frame(bytes([number]) * size + bytes([number]) for number, size in enumerate(sizes, start=1))


SAMPLE = sample()
SPANS = spans(SAMPLE)


def test_a_real_file_is_read_whole(sdk_sweep: SdkSweep) -> None:
    """Law: of a run that ended by itself all records are there, numbered without a gap, the exit record last."""
    for run_id in ("done0001", "error006", "memory07", "ctrlc008", "nanend05"):
        payloads, losses = read(sdk_sweep.file(run_id).read_bytes())
        records = [pb.Record.FromString(payload) for payload in payloads]
        assert [record.num for record in records] == list(range(1, len(records) + 1))
        assert records[1].WhichOneof("record_type") == "run"
        assert records[-1].WhichOneof("record_type") == "exit"
        assert losses == Losses()


def test_a_file_over_several_blocks_that_ends_in_a_record(sdk_extras: tuple[Path, dict[str, int]]) -> None:
    """Law: a real file of many blocks, cut off in a record by SIGKILL, gives all but that record."""
    (path,) = sdk_extras[0].glob("wandb/*/run-manyrows.wandb")
    data = path.read_bytes()
    assert len(data) > 4 * BLOCK
    payloads, losses = read(data)
    assert [pb.Record.FromString(payload).num for payload in payloads] == list(range(1, len(payloads) + 1))
    assert losses.records <= 1
    assert losses.bytes == len(data) - max(end for _, end, _ in spans(data))


def test_seven_bytes_are_a_file_without_records(sdk_sweep: SdkSweep) -> None:
    """Law: what SIGKILL leaves before the first write is the header alone, and no loss."""
    data = sdk_sweep.file("kill7b09").read_bytes()
    assert data == MAGIC
    assert read(data) == ([], Losses())


@given(st.lists(st.integers(0, 80_000), max_size=6))
def test_what_is_framed_is_read(sizes: list[int]) -> None:
    """Law: records of any size come back as they were, in order."""
    payloads = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    assert read(frame(payloads)) == (payloads, Losses())


@given(st.integers(0, len(SAMPLE)))
def test_a_cut_file_gives_all_before_the_cut(cut: int) -> None:
    """Law: cut anywhere, a file gives exactly the records that end before the cut, and counts the bytes after them."""
    payloads, losses = read(SAMPLE[:cut])
    whole = [(end, payload) for _, end, payload in SPANS if end <= cut]
    assert payloads == [payload for _, payload in whole]
    rest = cut - max([end for end, _ in whole] + [7])
    assert losses.bytes <= max(rest, 0)
    assert (losses.records > 0) == (losses.bytes > 0)
    if rest >= 7:  # less may be the padding at the end of a block
        assert losses.records == 1


@given(st.integers(7, len(SAMPLE) - 1), st.integers(1, 255))
def test_a_flipped_byte_costs_its_block_at_most(position: int, flip: int) -> None:
    """Law: after damage at one byte, all records outside its block are there, in order, and none is invented."""
    damaged = bytearray(SAMPLE)
    damaged[position] ^= flip
    payloads, losses = read(bytes(damaged))
    block = position // BLOCK
    safe = [payload for start, end, payload in SPANS if end <= position or start >= (block + 1) * BLOCK]
    original = [payload for _, _, payload in SPANS]
    assert [payload for payload in payloads if payload in safe] == safe
    remaining = iter(original)
    assert all(payload in remaining for payload in payloads), "a record that was never written, or out of order"
    assert (losses.records > 0) == (len(payloads) < len(original))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_real_file_with_any_damage(sdk_sweep: SdkSweep, data: st.DataObject) -> None:
    """Law: a real file, cut at any byte and with any bytes changed, gives only records of the original."""
    original = sdk_sweep.file(data.draw(st.sampled_from(["done0001", "ctrlc008", "killed10"]))).read_bytes()
    damaged = bytearray(original[: data.draw(st.integers(0, len(original)))])
    first = len(damaged)
    for _ in range(data.draw(st.integers(0, 3)) if len(damaged) > 7 else 0):
        position = data.draw(st.integers(7, len(damaged) - 1))
        damaged[position] ^= data.draw(st.integers(1, 255))
        first = min(first, position)
    payloads, _ = read(bytes(damaged))
    assert set(payloads) <= {payload for _, _, payload in spans(original)}
    before = [payload for _, end, payload in spans(original) if end <= first]
    assert payloads[: len(before)] == before


@given(st.binary(max_size=100_000))
def test_noise_is_no_record(noise: bytes) -> None:
    """Law: noise behind the header is counted as lost, gives nothing and raises nothing."""
    payloads, losses = read(MAGIC + noise)
    assert payloads == []
    assert losses.bytes <= len(noise)


def test_absurd_sizes_are_refused_without_being_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a record that claims more than the limit is lost, the next one is read, and memory stays bounded."""
    monkeypatch.setattr(datastore, "LARGEST_RECORD_BYTES", 300_000)
    data = frame([b"before", b"x" * 8_000_000, b"after"])
    stream = io.BytesIO(data)
    losses = Losses()
    tracemalloc.start()
    payloads = list(read_records(stream, "run-x.wandb", losses))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert payloads == [b"before", b"after"]
    assert losses.records == 1
    assert losses.bytes > 8_000_000
    assert peak < 1_000_000


def test_a_chunk_cannot_claim_more_than_its_block() -> None:
    """Law: a length that reaches beyond the block is damage of this block; the next block is read."""
    liar = bytearray(chunk(1, b"short"))
    liar[4:6] = (0xFFFF).to_bytes(2, "little")
    first = (MAGIC + chunk(1, b"good") + bytes(liar)).ljust(BLOCK, b"\0")
    payloads, losses = read(first + chunk(1, b"next"))
    assert payloads == [b"good", b"next"]
    assert losses == Losses(bytes=BLOCK - 7 - 11, records=1)


def test_a_chunk_cannot_claim_more_than_the_file() -> None:
    """Law: where the file ends before the length that a chunk claims, it is lost, even if its CRC fits what is left."""
    liar = bytearray(chunk(1, b"short"))
    liar[4:6] = (0xFFFF).to_bytes(2, "little")
    assert read(MAGIC + chunk(1, b"good") + bytes(liar)) == ([b"good"], Losses(bytes=12, records=1))


@pytest.mark.parametrize("padding", range(7))
def test_padding_is_no_loss(padding: int) -> None:
    """Law: the bytes at the end of a block that cannot hold a chunk are no damage."""
    payloads = [b"x" * (BLOCK - 7 - 7 - padding), b"next"]
    data = frame(payloads)
    assert data[BLOCK - padding : BLOCK] == b"\0" * padding
    assert read(data) == (payloads, Losses())


@pytest.mark.parametrize("head", [b"PK\x03\x04 a zip archive", b":W&Bxx\x00", b"\0" * 64])
def test_other_files_are_refused(head: bytes) -> None:
    """Law: a file with another beginning raises FormatError and is named."""
    with pytest.raises(FormatError, match=r"'run-x\.wandb' is not a \.wandb file"):
        read(head)


def test_a_later_version_is_refused() -> None:
    """Law: a container of another version is not guessed at."""
    with pytest.raises(FormatError, match=r"version 3.*update aftersweep"):
        read(MAGIC[:-1] + b"\x03" + chunk(1, b"data"))
