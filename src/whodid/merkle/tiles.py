"""Names and shapes of the static files of a tiled log: C2SP tlog-tiles (c2sp.org/tlog-tiles).

A hash tile of level L holds up to 256 roots of perfect subtrees of 256**L leaves; an entry bundle
holds the entries below a tile of level 0. It computes no hashes and reads or writes no files.
"""

import re
from collections.abc import Iterable, Iterator

from whodid.errors import InputError, TooLargeError

TILE_WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

TILE_LEVEL_MAX = 63
"""Highest level that a path can name."""

ENTRY_BYTES_MAX = 0xFFFF
"""Longest entry: its length is a u16 in a bundle."""

_INDEX_MAX = 10**21 - 1  # seven path elements, more than any log has tiles
_PATH_CHARS_MAX = 64
_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


def tile_path(level: int | None, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a hash tile, or of an entry bundle when `level` is None.

    Raises InputError for a tile that cannot exist.
    """
    if level is not None and not 0 <= level <= TILE_LEVEL_MAX:
        raise InputError(f"A tile level is 0 to {TILE_LEVEL_MAX}, not {level}.")
    if not 0 <= index <= _INDEX_MAX:
        raise InputError(f"There is no tile with index {index}.")
    if not 1 <= width <= TILE_WIDTH:
        raise InputError(f"A tile has 1 to {TILE_WIDTH} hashes, not {width}.")
    number = f"{index % 1000:03}"
    while index >= 1000:
        index //= 1000
        number = f"x{index % 1000:03}/{number}"
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{number}{partial}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Return (level, index, width) of a path; level None is an entry bundle, width 256 is full.

    Only the one spelling that `tile_path` gives is read; anything else raises InputError.
    """
    match = _PATH.fullmatch(path) if len(path) <= _PATH_CHARS_MAX else None
    if match is None:
        raise InputError("This is not the path of a tile: want tile/LEVEL/INDEX[.p/WIDTH].")
    kind, number, partial = match.groups()
    level = None if kind == "entries" else int(kind)
    index = int(number.replace("x", "").replace("/", ""))
    width = int(partial) if partial else TILE_WIDTH
    if partial and width == TILE_WIDTH:
        raise InputError("A full tile has no .p/WIDTH.")
    if tile_path(level, index, width) != path:
        raise InputError("The index of a tile has no leading zero groups.")
    return level, index, width


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, index, width) of every hash tile that a log of `size` leaves must serve.

    Lowest level first, left to right; the last of a level may be partial, none is empty.
    """
    level = 0
    while size:
        for index, width in entry_bundles_of(size):
            yield level, index, width
        size //= TILE_WIDTH
        level += 1


def entry_bundles_of(size: int) -> Iterator[tuple[int, int]]:
    """Yield (index, width) of every entry bundle of a log of `size` leaves, left to right."""
    full, rest = divmod(size, TILE_WIDTH)
    for index in range(full):
        yield index, TILE_WIDTH
    if rest:
        yield full, rest


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the bundle of up to 256 entries, each after its length (u16, big-endian).

    Raises TooLargeError for an entry above 65,535 bytes and for more than 256 entries.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            raise TooLargeError(f"An entry of {len(entry)} bytes does not fit into a log.")
        parts += (len(entry).to_bytes(2, "big"), entry)
    if len(parts) > 2 * TILE_WIDTH:
        raise TooLargeError(f"An entry bundle holds at most {TILE_WIDTH} entries.")
    return b"".join(parts)


def parse_entry_bundle(data: bytes, width: int = TILE_WIDTH) -> list[bytes]:
    """Return the `width` entries of a bundle; InputError when it holds anything else."""
    entries: list[bytes] = []
    offset = 0
    for number in range(width):
        start = offset + 2
        offset = start + int.from_bytes(data[offset:start], "big")
        if start > len(data) or offset > len(data):
            raise InputError(f"The entry bundle ends within entry {number} of {width}.")
        entries.append(data[start:offset])
    if offset != len(data):
        raise InputError(f"The entry bundle goes on after its {width} entries.")
    return entries
