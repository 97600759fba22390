"""The maps of ranges: keys of values, buckets, lists. Format: `docs/explanation/format.md`."""

import ipaddress
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from whodid.verifier.fields import DocumentError, Part
from whodid.verifier.tree import leaf_hash, root_of_path

ROW_BYTES = 42
_KEY_BITS = 48
_INLINE = 8


@dataclass(frozen=True)
class Row:
    """What a map has for one key: how many entries, and which (few offsets, or a digest)."""

    count: int
    what: bytes


def folded(mapped: str, text: str) -> bytes:
    """Return a value as it stands in a map: its case folded; an address in its one spelling."""
    if mapped == "ip":
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text.casefold().encode("utf-8", "replace")
        inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return str(address if inner is None else inner).encode()
    return text.casefold().encode("utf-8", "replace")


def key_of(secret: bytes, mapped: str, value: bytes) -> int:
    """Return the key of a value: 48 bits."""
    name = mapped.encode()
    data = b"whodid/key/v1" + secret + bytes([len(name)]) + name
    data += len(value).to_bytes(4, "big") + value
    return int.from_bytes(sha256(data).digest()[:6], "big")


def find(rows: bytes, path: list[bytes], key: int, level: int, root: bytes) -> Row | None:
    """Return the row of a key from its bucket, None when the bucket shows that there is none.

    Raises DocumentError when the bucket is not the one of this key in the map with this root.
    """
    depth = level - 1
    bucket = key >> _KEY_BITS - depth
    if len(path) != depth or root_of_path(leaf_hash(rows), bucket, 1 << depth, path) != root:
        raise DocumentError("the bucket does not belong to the map that the log names")
    if len(rows) % ROW_BYTES:
        raise DocumentError("the bucket is cut short")
    found, last = None, -1
    for at in range(0, len(rows), ROW_BYTES):
        here = int.from_bytes(rows[at : at + 6], "big")
        if here <= last or here >> _KEY_BITS - depth != bucket:
            raise DocumentError("the map that the log names has keys out of their place")
        last = here
        if here == key:
            found = Row(int.from_bytes(rows[at + 6 : at + 10], "big"), rows[at + 10 : at + 42])
    return found


@dataclass(frozen=True)
class Listed:
    """The entries of a row as far as they are shown: offsets, and the chunks that are not open.

    A chunk is 4,096 offsets. `hidden` are (first, end) of offsets that nothing is said of.
    """

    offsets: frozenset[int]
    hidden: tuple[tuple[int, int], ...]

    def says(self, offset: int) -> bool | None:
        """Tell whether an entry is in the list, None when that is not shown."""
        if any(first <= offset < end for first, end in self.hidden):
            return None
        return offset in self.offsets


def listed(row: Row, part: Part, level: int) -> Listed:
    """Return the entries of a row. Raises DocumentError when they are not what it stands for."""
    if row.count <= _INLINE:
        return Listed(frozenset(_inline(row, level)), ())
    offsets: set[int] = set()
    hidden: list[tuple[int, int]] = []
    if _digest(part, level, 0, offsets, hidden) != row.what:
        raise DocumentError(f"{part.place}: is not the list of the map")
    if not hidden and len(offsets) != row.count:
        raise DocumentError(f"{part.place}: has {len(offsets)} entries, the map {row.count}")
    return Listed(frozenset(offsets), tuple(hidden))


def _inline(row: Row, level: int) -> list[int]:
    words = [int.from_bytes(row.what[at : at + 4], "big") for at in range(0, 32, 4)]
    found, rest = words[: row.count], words[row.count :]
    if not found or any(rest) or found[-1] >> level or any(b <= a for a, b in pairwise(found)):
        raise DocumentError("the map that the log names has a row that cannot be")
    return found


def _digest(
    part: Part, level: int, first: int, offsets: set[int], hidden: list[tuple[int, int]]
) -> bytes:
    kind = part["of"].text()
    if kind == "hidden":
        hidden.append((first, first + (1 << level)))
        return part["digest"].data(32)
    if level == 12:
        return _chunk(part, first, offsets)
    if kind != "joined":
        raise DocumentError(f"{part.place}: must be a joined list")
    which, digests = 0, b""
    below = level - 4
    parts = {int(name): item for name, item in part["parts"].members() if name.isdecimal()}
    for child in sorted(parts):
        if child >= 16:
            raise DocumentError(f"{part.place}: a range has 16 parts")
        which |= 1 << child
        digests += _digest(parts[child], below, first + (child << below), offsets, hidden)
    return sha256(b"whodid/lists/v1" + which.to_bytes(2, "big") + digests).digest()


def _chunk(part: Part, first: int, offsets: set[int]) -> bytes:
    data = part["offsets"].data()
    found = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
    if len(data) % 2 or any(b <= a for a, b in pairwise(found)):
        raise DocumentError(f"{part.place}: offsets must ascend")
    if found and found[-1] >= 4096:
        raise DocumentError(f"{part.place}: an offset outside of the range")
    offsets.update(first + offset for offset in found)
    return sha256(b"whodid/list/v1" + data).digest()
