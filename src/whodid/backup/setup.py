"""What people set up beside a ledger: rules with their fixtures, calendars, settings.

It is one small file of a backup, named in its signed note:

    8 bytes magic · msgpack of {path below DIR: bytes}, zstd-compressed

Only what lies in DIR is in it, and no link is followed: what the settings name elsewhere is said to
be left out. Restored, rules and calendars are where they were; the settings come under another
name, for they tell people of alerts and open ports, which a ledger that is only tried must not.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec
import zstandard
from msgspec import Struct

from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.layout import FOLDERS, RULES
from whodid.limits import BACKUP_SETUP_BYTES_MAX, BACKUP_SETUP_FILES_MAX

SETUP = "setup"
SETTINGS = "whodid.toml"
RESTORED_SETTINGS = "whodid.toml.restored"
_MAGIC = b"whodidS\x01"
_RULES = (".yml", ".yaml", ".json")
_TEXTS = {".yml", ".yaml", ".toml", ".json", ".mmdb"}
_PARTS_MAX = 32


class Setup(Struct, frozen=True):
    """Files by their paths below DIR, and what is named but does not lie there."""

    files: dict[str, bytes]
    left_out: tuple[str, ...] = ()

    def packed(self) -> bytes:
        """Return the bytes of the backup's file."""
        data = msgspec.msgpack.encode(dict(sorted(self.files.items())))
        return _MAGIC + zstandard.ZstdCompressor(level=3, write_content_size=True).compress(data)


def read_setup(directory: Path, named: Iterable[str] = ()) -> Setup:
    """Read what is set up in a ledger's folder; `named` are further files, as the settings say.

    Raises LedgerError for more than a backup takes, or what cannot be read.
    """
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    wanted = [*_rules(directory), SETTINGS, *named]
    for name in dict.fromkeys(wanted):
        path = directory / name
        inside = not Path(name).is_absolute() and _is_plain(name)
        if not inside or path.is_symlink() or _leads_out(directory, path):
            if path.exists():
                left_out.append(name)
            continue
        try:
            if path.is_file():
                files[PurePosixPath(name).as_posix()] = path.read_bytes()
            elif path.exists():
                left_out.append(name)
        except OSError as error:
            raise LedgerError(f"{path}: cannot be backed up ({error.strerror})") from error
        if (
            len(files) > BACKUP_SETUP_FILES_MAX
            or sum(map(len, files.values())) > BACKUP_SETUP_BYTES_MAX
        ):
            raise LedgerError(
                f"{directory / RULES}: more than {BACKUP_SETUP_FILES_MAX:,} files or "
                f"{BACKUP_SETUP_BYTES_MAX >> 20} MiB of rules; keep them elsewhere and name the "
                "folder in the settings (detection.rules)"
            )
    return Setup(files, tuple(left_out))


def put_setup(partial: Path, write: Callable[[Path, bytes], None]) -> tuple[str, ...]:
    """Take the file of a restored ledger apart; return the names of what came of it.

    Its bytes were signed; `write` makes a new file, durable. Raises IntegrityError for what no
    backup holds all the same.
    """
    path = partial / SETUP
    if not path.is_file():
        return ()
    files = _unpacked(path)
    for name, data in files.items():
        if not _is_plain(name) or not _is_ours(name):
            raise IntegrityError(f"{SETUP}: holds {name[:80]!r}, which no backup has")
        target = partial / (RESTORED_SETTINGS if name == SETTINGS else name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            raise IntegrityError(f"{SETUP}: holds {name[:80]!r}, which is there already")
        write(target, data)
    path.unlink()
    return tuple(files)


def _unpacked(path: Path) -> dict[str, bytes]:
    data = path.read_bytes()
    try:
        if not data.startswith(_MAGIC):
            raise ValueError
        size = zstandard.frame_content_size(data[len(_MAGIC) :])
        if not 0 <= size <= 2 * BACKUP_SETUP_BYTES_MAX:
            raise ValueError
        plain = zstandard.ZstdDecompressor().decompress(data[len(_MAGIC) :], max_output_size=size)
        return msgspec.msgpack.decode(plain, type=dict[str, bytes])
    except (ValueError, zstandard.ZstdError, msgspec.DecodeError) as error:
        raise IntegrityError(f"{SETUP}: not what a backup holds") from error


def _rules(directory: Path) -> Iterator[str]:
    for place, folders, names in os.walk(directory / RULES):
        folders.sort()
        for name in sorted(names):
            if name.endswith(_RULES):
                yield (Path(place) / name).relative_to(directory).as_posix()


def _is_plain(name: str) -> bool:
    """Tell whether a name stays below the folder that it is in."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and len(parts) <= _PARTS_MAX and ".." not in parts
    return plain and not name.startswith("/") and "\0" not in name and "\\" not in name


def _is_ours(name: str) -> bool:
    """Tell whether a name is that of rules or settings, and not of a part of the ledger."""
    path = PurePosixPath(name)
    return path.parts[0] not in FOLDERS and (path.parts[0] == RULES or path.suffix in _TEXTS)


def _leads_out(directory: Path, path: Path) -> bool:
    return not path.resolve().is_relative_to(directory.resolve())
