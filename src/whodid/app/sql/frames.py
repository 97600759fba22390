"""Messages between the two processes: a length (u32, big-endian) and so many bytes.

To the child: `Task`; then, once it said what it needs, for each table a `Piece` followed by its
arrays, a message each; an empty message is the end. From the child: a `Reply`, and when it has all
the tables, `Reply`s with rows, of which the last one says so.
"""

import struct
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct

_LENGTH = struct.Struct(">I")
FRAME_BYTES_MAX = 512 * 1024 * 1024

Kind: TypeAlias = Literal["text", "texts", "number", "time", "state"]


class Column(Struct, frozen=True):
    """A column of the table: its name in SQL and what it holds."""

    name: str
    kind: Kind


class Task(Struct, frozen=True):
    """The SQL, the columns that there are, the bounds, and what time it is (µs, None: now)."""

    sql: str
    columns: list[Column]
    memory_bytes_max: int
    seconds_max: float
    rows_max: int
    answer_bytes_max: int
    now_us: int | None = None


class Piece(Struct, frozen=True):
    """So many rows; for each needed column the types and lengths of its arrays, none if empty."""

    rows: int
    arrays: list[list[tuple[str, int]]]


class Reply(Struct, frozen=True, omit_defaults=True):
    """What the child says: `names`, `need`, `columns`, then `rows` until the `end`.

    An `error` with its `position` (characters) and a code ends it too; `more` tells that there were
    more rows than may be shown.
    """

    need: list[str] | None = None
    names: dict[str, int] | None = None
    columns: list[tuple[str, str]] | None = None
    rows: list[list[Any]] | None = None
    end: bool = False
    more: bool = False
    error: str | None = None
    position: int = 0
    code: Literal["query", "usage"] = "query"


class Reads(Protocol):
    """Something to read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""


def packed(message: bytes) -> bytes:
    """Return a message with its length."""
    return _LENGTH.pack(len(message)) + message


def take(stream: Reads) -> bytes:
    """Read one message. Raises EOFError when there is none, ValueError when it is too long."""
    (size,) = _LENGTH.unpack(_whole(stream, _LENGTH.size))
    if size > FRAME_BYTES_MAX:
        raise ValueError(f"a message of {size} bytes")
    return _whole(stream, size)


def _whole(stream: Reads, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = stream.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


encode = msgspec.json.Encoder().encode
decode_task = msgspec.json.Decoder(Task).decode
decode_piece = msgspec.json.Decoder(Piece).decode
decode_reply = msgspec.json.Decoder(Reply).decode
