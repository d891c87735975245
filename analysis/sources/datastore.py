"""The container of `.wandb` files: framed records, read with bounded memory, whatever state the file is in.

The format, as wandb 0.31 writes it (checked against files of the real SDK in tests/sources/test_datastore.py):

- seven bytes at the start: the text ``:W&B``, the magic number 0xBEE1 (little-endian) and a version, 0;
- then LevelDB's log framing. The file, the seven bytes included, is cut into blocks of 32 KiB. A block holds chunks:
  CRC-32 (4 bytes), length (2 bytes), type (1 byte), all little-endian, then the data. The CRC is that of zlib over
  type and data, not masked, which is where wandb departs from LevelDB. A record is one FULL chunk, or FIRST, any
  number of MIDDLE and LAST. Fewer than seven bytes at the end of a block are padding.

A chunk that does not hold what its CRC says damages its block: where the next chunk starts is then unknown, so
reading goes on at the next block. The SDK writes the file in whole blocks, and what is left every 15 seconds and at
the end (``x_transaction_log_flush_interval``): the last record of a killed run is often cut off.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import FormatError

HEADER = b":W&B\xe1\xbe\x00"
BLOCK_BYTES = 32 * 1024
CHUNK_HEADER_BYTES = 7
LARGEST_RECORD_BYTES = 64 * 1024 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class Losses:
    """What could not be read of one file; filled while it is read."""

    bytes: int = 0
    """Bytes of damaged or incomplete records, their chunk headers included."""
    records: int = 0
    """Records known to be lost: at least one for every damaged place."""


@dataclass(frozen=True)
class _Chunk:
    kind: int
    data: bytes

    @property
    def size(self) -> int:
        return CHUNK_HEADER_BYTES + len(self.data)


@dataclass(frozen=True)
class _Damage:
    """Bytes of a block that hold no chunk."""

    size: int


def read_records(stream: BinaryIO, name: str, losses: Losses) -> Iterator[bytes]:
    """The payloads of all intact records of a `.wandb` file, in order.

    stream: the file, at its start; name: how messages call it; losses: counts what is skipped.
    Holds one block and one record (at most 64 MiB) in memory. Raises FormatError where the file does not start as a
    `.wandb` file does; a file that ends within those seven bytes gives nothing.
    """
    parts: list[bytes] = []
    framed = 0  # bytes of the record that is being put together, with its chunk headers
    for chunk in _chunks(stream, name):
        whole = isinstance(chunk, _Chunk)
        continues = isinstance(chunk, _Chunk) and chunk.kind in (MIDDLE, LAST)
        if framed and not continues:  # the record that was begun is never finished
            losses.bytes += framed
            losses.records += whole
            parts, framed = [], 0
        if isinstance(chunk, _Damage):
            losses.bytes += chunk.size
            losses.records += 1
        elif chunk.kind == FULL:
            yield chunk.data
        elif continues and not framed:  # its start is lost, and counted there
            losses.bytes += chunk.size
        elif framed + chunk.size > LARGEST_RECORD_BYTES:
            losses.bytes += framed + chunk.size
            losses.records += 1
            parts, framed = [], 0
        else:
            parts.append(chunk.data)
            framed += chunk.size
            if chunk.kind == LAST:
                yield b"".join(parts)
                parts, framed = [], 0
    if framed:
        losses.bytes += framed
        losses.records += 1


def _chunks(stream: BinaryIO, name: str) -> Iterator[_Chunk | _Damage]:
    block = stream.read(BLOCK_BYTES)
    _check_header(block[: len(HEADER)], name)
    position = len(HEADER)
    while block:
        yield from _block_chunks(block, position)
        position = 0
        block = stream.read(BLOCK_BYTES)


def _block_chunks(block: bytes, position: int) -> Iterator[_Chunk | _Damage]:
    """The chunks of one block; after the first damaged one the rest of the block is given up."""
    while len(block) - position >= CHUNK_HEADER_BYTES:
        chunk = _chunk_at(block, position)
        if chunk is None:
            yield _Damage(len(block) - position)
            return
        yield chunk
        position += chunk.size
    rest = len(block) - position
    if rest > 0 and len(block) < BLOCK_BYTES:  # a header that was cut off; in a full block it is padding
        yield _Damage(rest)


def _chunk_at(block: bytes, position: int) -> _Chunk | None:
    """The chunk at ``position``, or None where there is none that is intact."""
    start = position + CHUNK_HEADER_BYTES
    crc = int.from_bytes(block[position : position + 4], "little")
    length = int.from_bytes(block[position + 4 : position + 6], "little")
    kind = block[position + 6]
    if kind not in (FULL, FIRST, MIDDLE, LAST) or start + length > len(block):
        return None
    if zlib.crc32(block[position + 6 : position + 7] + block[start : start + length]) != crc:
        return None
    return _Chunk(kind, block[start : start + length])


def _check_header(head: bytes, name: str) -> None:
    if head == HEADER or (len(head) < len(HEADER) and HEADER.startswith(head)):
        return
    if head[:-1] == HEADER[:-1]:
        raise FormatError(
            f"'{name}' is a .wandb file of version {head[-1]}, and this aftersweep reads version 0; update aftersweep"
        )
    raise FormatError(
        f"'{name}' is not a .wandb file: it must start with ':W&B'. Name a file or folder that the wandb SDK "
        "wrote; the name of an export ends in .csv, .tsv, .jsonl or .json"
    )
