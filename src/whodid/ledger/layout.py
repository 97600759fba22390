"""Where things are in DIR, and the magic that opens each file.

Magic: 6 bytes `whodid`, one byte for the kind of file, one byte format number.
"""

from pathlib import Path

from whodid.errors import FormatError, IntegrityError

FORMAT = 1
STATE_FORMAT = 2
"""Of state.db; in format 1 its rows were not signed."""

CHECKPOINT = "checkpoint"
CHECKPOINTS_LOG = "checkpoints.log"
MANIFEST = "manifest"
LEAVES = "leaves"
TILES = "tile"
PAYLOAD = "payload"
WAL = "wal"
IDENTITY = "identity"
INDEX = "index"
VALIDATION = "validation"
ALERTS_DB = "alerts.db"
DETECTION = "detection"
RULES = "rules"
KEYS_DB = "keys.db"
STATE_DB = "state.db"
OUTBOX_DB = "outbox.db"
BACKUP = "backup"
ORIGINS = "origins"
MARKER = "instance"
RUN = "run"
SOCKET = "sock"
FACE_SOCKET = "faces.sock"
SOCKETS = (SOCKET, FACE_SOCKET)
FOLDERS = (LEAVES, TILES, PAYLOAD, WAL, IDENTITY, INDEX)


def magic(kind: bytes, number: int = FORMAT) -> bytes:
    """Return the 8 bytes that open a file of this kind and format."""
    return b"whodid" + kind + bytes([number])


BATCH = magic(b"B")
BLOCK = magic(b"P", 2)
BLOCK_1 = magic(b"P")
"""Of blocks that do not have the hashes of their frames; they are read, not written."""
LEAF_FILE = magic(b"L")
WAL_FILE = magic(b"W")
RUN_FILE = magic(b"I")
KEY_FILE = magic(b"K")


def check_magic(data: bytes, expected: bytes, name: object, *older: bytes) -> None:
    """Raise unless `data` opens with the expected magic, or an older one that is still read.

    FormatError for a newer format of this kind of file, IntegrityError for anything else.
    """
    if data[:8] == expected or data[:8] in older:
        return
    if data[:7] == expected[:7] and len(data) > 7 and data[7] > expected[7]:
        raise too_new(name, data[7], expected[7])
    raise IntegrityError(f"{name}: not a whodid file of this kind (its first 8 bytes are wrong)")


def too_new(name: object, found: object, known: int = FORMAT) -> FormatError:
    """Return the refusal of a newer format: whodid is what must be upgraded."""
    return FormatError(
        f"{name}: format {found} is newer than this whodid (format {known}); upgrade it with "
        "`pip install --upgrade whodid`"
    )


def unknown_format(name: object, line: str, known: int = FORMAT) -> FormatError:
    """Return the refusal of a text whose first line ends in a number that is not known."""
    return too_new(name, line.rpartition(" ")[2][:20], known)


def leaves_path(first: int, count: int) -> str:
    """Name of the leaf file of entries [first, first+count), relative to DIR."""
    return f"{LEAVES}/{first:016d}-{count:04d}"


def block_path(first: int, count: int, class_: int) -> str:
    """Name of the payload block of entries [first, first+count) of one retention class."""
    return f"{PAYLOAD}/{first:016d}-{count:04d}-{class_}"


def wal_path(generation: int) -> str:
    """Name of a write-ahead file, relative to DIR."""
    return f"{WAL}/{generation:016d}"


def is_ledger(directory: Path) -> bool:
    """Tell whether DIR looks like a ledger."""
    return (directory / MANIFEST).is_file()
