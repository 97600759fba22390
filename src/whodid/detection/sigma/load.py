"""Folders and files of Sigma YAML → rules, linked to each other, and faults."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from whodid.detection.rule import AnyRule
from whodid.detection.sigma.actions import has_action, parsed_actions
from whodid.detection.sigma.cache import ParsedCache
from whodid.detection.sigma.document import decode_text, split_documents
from whodid.detection.sigma.fault import Fault
from whodid.detection.sigma.link import Linker, Placed
from whodid.errors import InputError
from whodid.limits import RULE_FILE_BYTES_MAX, RULE_FOLDER_FILES_MAX

_SUFFIXES = (".yml", ".yaml")


class Loaded(Struct, frozen=True):
    """Rules that can be used, what they refer to before them, and what could not be read."""

    rules: tuple[AnyRule, ...]
    faults: tuple[Fault, ...]


def load_rules(paths: Sequence[Path], cache: Path | None = None) -> Loaded:
    """Load rules from files and folders (`*.yml`, `*.yaml`, all below, by name).

    `cache` is a folder where what was parsed is kept by the hash of its text. Raises InputError
    only for a path that is not there.
    """
    faults: list[Fault] = []
    parsed = ParsedCache(cache)
    files = [*map(Path, dict.fromkeys(it for path in paths for it in rule_files(path, faults)))]
    documents = [it for path in files for it in _documents(path, parsed, faults)]
    linker = Linker(documents)
    rules = linker.rules()
    faults += linker.faults
    order = {shown(path): number for number, path in enumerate(files)}
    faults.sort(key=lambda it: (order.get(it.path, -1), it.line))
    return Loaded(rules, tuple(faults))


def rule_files(path: Path, faults: list[Fault]) -> Iterator[str]:
    """Yield the files of rules at `path`, by name; hidden files and folders are left out.

    Links to folders are not followed: one may lead into a circle. Raises InputError when nothing is
    there.
    """
    if not path.is_dir():
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder of rules")
        yield str(path)
        return
    count = 0

    def cannot_list(error: OSError) -> None:
        faults.append(Fault(shown(error.filename or path), 1, f"not read: {error.strerror}"))

    for folder, folders, files in os.walk(path, onerror=cannot_list):
        folders[:] = sorted(it for it in folders if not it.startswith("."))
        for name in folders:
            place = os.path.join(folder, name)  # noqa: PTH118 - of thousands, each second
            if os.path.islink(place):  # noqa: PTH114 - as above
                reason = "a link to a folder is not followed; name the folder itself"
                faults.append(Fault(shown(place), 1, reason, warning=True))
        for name in sorted(files):
            if name.startswith(".") or not name.lower().endswith(_SUFFIXES):
                continue
            count += 1
            if count > RULE_FOLDER_FILES_MAX:
                reason = f"more than {RULE_FOLDER_FILES_MAX:,} files; the rest is not read"
                faults.append(Fault(shown(path), 1, reason))
                return
            yield os.path.join(folder, name)  # noqa: PTH118 - as above


def shown(path: Path | str) -> str:
    """Return a path as text; bytes of it that are no UTF-8 as escapes."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _documents(path: Path, parsed: ParsedCache, faults: list[Fault]) -> Iterator[Placed]:
    """Yield the documents of one file; what cannot be read is a fault."""
    name = shown(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe may never end
            raise InputError("it is no regular file")
        with path.open("rb") as file:
            content = file.read(RULE_FILE_BYTES_MAX + 1)
        if len(content) > RULE_FILE_BYTES_MAX:
            raise InputError(f"a file of rules has at most {RULE_FILE_BYTES_MAX:,} bytes")
        pieces = list(split_documents(decode_text(content)))
    except (OSError, InputError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        faults.append(Fault(name, getattr(error, "line", 1), reason))
        return
    if any(map(has_action, (piece for _, piece in pieces))):
        yield from (Placed(it, name, line) for line, it in parsed_actions(pieces))
        return
    for line, piece in pieces:
        yield Placed(parsed.parsed(line, piece), name, line)
    if not pieces:
        faults.append(Fault(name, 1, "there is no document in it"))
