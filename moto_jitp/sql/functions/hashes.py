"""Functions that hash a string; the result is lower-case hexadecimal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

from .table import of_texts

_BLOCK = 16


def _hash(name: str) -> None:
    @of_texts(name, 1)
    def run(text: str) -> str:
        digest = hashlib.new(name, usedforsecurity=False)
        digest.update(text.encode("utf-8", "replace"))
        return digest.hexdigest()


for _name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
    _hash(_name)


@of_texts("md2", 1)
def md2(text: str) -> str:
    """RFC 1319, which Python does not have."""
    table = _substitutions()
    data = text.encode("utf-8", "replace")
    padding = _BLOCK - len(data) % _BLOCK
    data += bytes([padding]) * padding
    checksum, last = bytearray(_BLOCK), 0
    for start in range(0, len(data), _BLOCK):
        for place in range(_BLOCK):
            checksum[place] ^= table[data[start + place] ^ last]
            last = checksum[place]
    data += checksum
    state = bytearray(3 * _BLOCK)
    for start in range(0, len(data), _BLOCK):
        for place in range(_BLOCK):
            state[_BLOCK + place] = data[start + place]
            state[2 * _BLOCK + place] = data[start + place] ^ state[place]
        carried = 0
        for turn in range(18):
            for place in range(3 * _BLOCK):
                state[place] ^= table[carried]
                carried = state[place]
            carried = (carried + turn) % 256
    return state[:_BLOCK].hex()


@lru_cache(maxsize=1)
def _substitutions() -> list[int]:
    """The RFC's table: the numbers 0 to 255, shuffled by the digits of pi."""
    digits = _digits_of_pi(800)

    def below(limit: int) -> int:
        while True:
            value, span = next(digits), 10
            while span < limit:
                value, span = value * 10 + next(digits), span * 10
            if value < limit * (span // limit):
                return value % limit

    table = list(range(256))
    for size in range(2, 257):
        place = below(size)
        table[place], table[size - 1] = table[size - 1], table[place]
    return table


def _digits_of_pi(count: int) -> Iterator[int]:
    """3, 1, 4, 1, 5 …, by Machin's formula."""
    unit: int = 10 ** (count + 10)

    def arctangent_of_inverse(number: int) -> int:
        term = total = unit // number
        divisor, sign = 1, 1
        while term:
            term //= number * number
            divisor, sign = divisor + 2, -sign
            total += sign * (term // divisor)
        return total

    pi = 4 * (4 * arctangent_of_inverse(5) - arctangent_of_inverse(239))
    yield from map(int, str(pi)[:count])
