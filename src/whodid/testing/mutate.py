"""Hostile variants of sample records, from a seed: the same seed gives the same bytes."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

_TOKENS = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b'"', b"'", b"\\", b"\\u", b"\\ud800", b"{", b"}", b"[",
    b"]", b"[" * 200, b'{"a":' * 200, b":", b",", b"null", b"true", b"-1", b"1e999", b"0.1", b"NaN",
    b"9" * 30, b"9" * 5000, b"18446744073709551616", b"-9223372036854775809", b"2023-02-30",
    b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59+23:59", b"\r", b"\n", b"\t", b" " * 300,
    b"A" * 9000, b"%ED%A0%80", b"\\x00", b"\xe2\x80\xae", "\U0001f600".encode(), b'""', b"<b>",
    b"::1", b"999.999.999.999", b"password='", b"Bearer ",
)  # fmt: skip
"""What breaks parsers: bytes, escapes, numbers and times at the edges."""


def _truncate(record: bytes, random: Random, _other: bytes) -> bytes:
    return record[: random.randrange(len(record) + 1)]


def _flip(record: bytes, random: Random, _other: bytes) -> bytes:
    changed = bytearray(record)
    for _ in range(random.randint(1, 4)):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _insert(record: bytes, random: Random, _other: bytes) -> bytes:
    at = random.randrange(len(record) + 1)
    return record[:at] + random.choice(_TOKENS) + record[at:]


def _replace(record: bytes, random: Random, _other: bytes) -> bytes:
    at = random.randrange(len(record) + 1)
    return record[:at] + random.choice(_TOKENS) + record[at + random.randint(1, 12) :]


def _remove(record: bytes, random: Random, _other: bytes) -> bytes:
    at = random.randrange(len(record) + 1)
    return record[:at] + record[at + random.randint(1, 40) :]


def _splice(record: bytes, random: Random, other: bytes) -> bytes:
    return record[: random.randrange(len(record) + 1)] + other[random.randrange(len(other) + 1) :]


def _repeat(record: bytes, random: Random, _other: bytes) -> bytes:
    at = random.randrange(len(record) + 1)
    return record[:at] + record[at : at + 60] * random.randint(2, 40) + record[at:]


def _noise(record: bytes, random: Random, _other: bytes) -> bytes:
    return random.randbytes(random.randrange(min(len(record), 200) + 1))


_MUTATORS: tuple[Callable[[bytes, Random, bytes], bytes], ...] = (
    _truncate, _flip, _flip, _insert, _insert, _replace, _replace, _remove, _splice, _repeat,
    _noise,
)  # fmt: skip


def mutations(samples: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` variants of the samples, each with one to three changes."""
    random = Random(seed)  # noqa: S311 (tests need the same numbers again, not secret ones)
    for _ in range(count):
        record = random.choice(samples)
        for _ in range(random.randint(1, 3)):
            record = random.choice(_MUTATORS)(record, random, random.choice(samples))
        yield record
