"""A row of state.db that only a holder of the key folder can have written.

    mac = HMAC-SHA256(key, "whodid/row/v1" ‖ len·table ‖ for each column but `mac`, by name:
                      len·name ‖ u8 type ‖ len·value)

Lengths are u32, big-endian; types are n (null), i (integer, as decimal digits), s (text, UTF-8) and
b (bytes). A row whose `mac` is another one does not exist for whodid: it was not written by it.

It does not notice a row that is missing, nor an old row that was put back in its place.
"""

import hmac
import sqlite3
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

Row = dict[str, Any]
"""Column → value: None, int, str or bytes."""

MAC = "mac"
_DOMAIN = b"whodid/row/v1"


def row_mac(key: bytes, table: str, row: Mapping[str, Any]) -> bytes:
    """Return what the row must carry as `mac`."""
    parts = [_DOMAIN, *_long(table.encode())]
    for name in sorted(row):
        if name != MAC:
            parts += _long(name.encode())
            parts += _value(row[name])
    return hmac.new(key, b"".join(parts), sha256).digest()


def is_genuine(key: bytes, table: str, row: Mapping[str, Any]) -> bool:
    """Tell whether a holder of the key wrote this row into this table."""
    mac = row.get(MAC)
    return isinstance(mac, bytes) and hmac.compare_digest(mac, row_mac(key, table, row))


def signed(key: bytes, table: str, row: Mapping[str, Any]) -> Row:
    """Return the row with its mac."""
    return {**row, MAC: row_mac(key, table, row)}


def rows_of(cursor: sqlite3.Cursor) -> list[Row]:
    """Return what a SELECT found as rows."""
    names = [item[0] for item in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor]


def insert(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row; table and columns are names of ours."""
    _write(db, "INSERT", table, row)


def replace(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Put a row in the place of the one with its primary key."""
    _write(db, "REPLACE", table, row)


def _write(db: sqlite3.Connection, verb: str, table: str, row: Mapping[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    db.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


def _long(data: bytes) -> Iterable[bytes]:
    return len(data).to_bytes(4, "big"), data


def _value(value: object) -> Iterable[bytes]:
    match value:
        case None:
            return (b"n",)
        case int():
            return b"i", *_long(str(value).encode())
        case str():
            return b"s", *_long(value.encode("utf-8", "surrogatepass"))
        case bytes():
            return b"b", *_long(value)
    raise TypeError(f"state.db holds no {type(value).__name__}")
