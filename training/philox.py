"""Random numbers by counter: what a record is drawn from depends on its number alone.

Philox 4x32 with 10 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the
same (key, counter) gives the same 128 bits on every device, in every batch, in every order. It is written in torch's
64-bit integers, whose products wrap as the method asks, with few operations for each round: on a GPU each is a kernel.
"""

from __future__ import annotations

import math
from functools import cache

import torch

_MULTIPLIERS = 0xCD9E8D57, 0xD2511F53
"""Of the third and of the first word of the counter."""
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_MASK = 0xFFFFFFFF
_BITS = 24
"""Bits of a uniform number: as many as a 32-bit float holds exactly."""


def philox(counter: torch.Tensor, key: tuple[int, int]) -> torch.Tensor:
    """Four words of 32 bits for each counter: int64 [4, ...] in 0 to 2^32 - 1 -> int64 [4, ...] in the same range."""
    multipliers, keys = _constants(key, counter.device, counter.dim())
    left = torch.stack((counter[2], counter[0]))  # what is multiplied, the first word last
    right = torch.stack((counter[1], counter[3]))
    for added in keys:
        product = left * multipliers
        # The upper halves of `product` and `right` hold what does not belong there: the mask below takes it away.
        mixed = (product >> 32).bitwise_xor_(right).bitwise_xor_(added)
        left, right = mixed.flip(0).bitwise_and_(_MASK), product
    right = right & _MASK
    return torch.stack((left[1], right[0], left[0], right[1]))


@cache
def _constants(key: tuple[int, int], device: torch.device, dimensions: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The two multipliers, and the two keys of each round, shaped to broadcast: copied to a device but once."""
    shape = 2, *[1] * (dimensions - 1)
    keys = [[(word + count * step) & _MASK for word, step in zip(key, _WEYL, strict=True)] for count in range(_ROUNDS)]
    made = torch.tensor([list(_MULTIPLIERS), *keys], dtype=torch.int64).to(device)
    multipliers, *rounds = (row.view(shape) for row in made)
    return multipliers, rounds


def words(seed: int, split: int, epoch: int, indices: torch.Tensor, count: int) -> torch.Tensor:
    """``count`` words of 32 bits for each of the records ``indices`` (int64 [n], below 2^32): int64 [n, count].

    Two seeds (below 2^64), splits, epochs or records share no counter: their words have nothing to do with each other.
    """
    blocks = -(-count // 4)
    counter = torch.empty((4, len(indices), blocks), dtype=torch.int64, device=indices.device)
    counter[0] = torch.arange(blocks, device=indices.device)
    counter[1] = indices[:, None]
    counter[2] = epoch
    counter[3] = split
    return philox(counter, (seed & _MASK, seed >> 32)).permute(1, 2, 0).reshape(len(indices), 4 * blocks)[:, :count]


def uniform(drawn: torch.Tensor) -> torch.Tensor:
    """Words as float32 in (0, 1], on a lattice of 2^-24: exact, so the same on every device."""
    return (drawn >> (32 - _BITS)).add_(1).float().mul_(2.0**-_BITS)


def choice(drawn: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Words as whole numbers 0 to ``count`` - 1 (broadcast, below 2^31), equally likely within ``count`` 2^-32."""
    return (drawn * count) >> 32


def complex_normal(drawn: torch.Tensor, variance: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Words [..., 2 m] as complex64 normal numbers [..., m] of E|z|^2 = variance (Box and Muller 1958).

    ``variance`` broadcasts to [..., m].
    """
    drawn_from = uniform(drawn)
    radius = drawn_from[..., 0::2].log().mul_(-1.0).mul_(variance).sqrt_()
    return torch.polar(radius, drawn_from[..., 1::2] * (2.0 * math.pi))
