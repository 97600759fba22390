"""The map files of a ledger: index/maps/<level>-<first entry>; and which entries name them.

`index/maps/entries` has a line for each range that has a map: the index of its entry. It spares
whoever proves an answer a look at every entry; what it says is checked against the entries.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from whodid.index.ranges.map_file import MapError, MapFile
from whodid.index.ranges.named import Place
from whodid.index.watch import is_marked, mark_damaged, unmark
from whodid.index.whole_file import write_file
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import INDEX

_ENTRIES = "entries"
_INDEX = re.compile(r"[0-9]{1,18}")
_NAME = re.compile(r"([0-9]{2})-([0-9]{16})")


class MapFolder:
    """Opens map files; those that were opened last stay open."""

    def __init__(self, directory: Path, keys: KeyFolder, *, kept: int = 64) -> None:
        self.path = directory / INDEX / "maps"
        self._ledger_id = keys.ledger_id
        self._keks = keys.keks()
        self._kept = kept
        self._open: dict[Place, tuple[tuple[int, int], MapFile]] = {}
        self._paths: dict[Place, str] = {}

    def file(self, place: Place) -> Path:
        """Return where the map of a range is."""
        return self.path / f"{place[0]:02d}-{place[1]:016d}"

    def map(self, place: Place) -> MapFile:
        """Return the map of a range. Raises MapError when it is not there or not readable."""
        path = self._paths.get(place)
        if path is None:
            path = self._paths[place] = str(self.file(place))
        try:
            stat = os.stat(path)  # noqa: PTH116 - a search asks it of every range
        except OSError as error:
            raise MapError(f"{path}: {error}") from error
        stamp = (stat.st_ino, stat.st_mtime_ns)
        known = self._open.get(place)
        if known is not None and known[0] == stamp:
            return known[1]
        found = MapFile(Path(path), self._ledger_id, self._keks)
        if (found.level, found.first) != place:
            raise MapError(f"{path}: is the map of another range")
        if len(self._open) >= self._kept:
            self._open.pop(next(iter(self._open)))
        self._open[place] = (stamp, found)
        return found

    def entries(self) -> list[int]:
        """Return the entries that name the ranges which have maps; none when nobody wrote them."""
        try:
            lines = (self.path / _ENTRIES).read_text().split()
        except OSError:
            return []
        return [int(line) for line in lines if _INDEX.fullmatch(line)]

    def stamp(self) -> tuple[int, ...]:
        """Return what changes when `entries` are written, empty when nobody wrote them."""
        try:
            stat = (self.path / _ENTRIES).stat()
        except OSError:
            return ()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def write_entries(self, entries: list[int]) -> None:
        """Write which entries name ranges that have maps."""
        lines = "".join(f"{index}\n" for index in entries)
        write_file(self.path / _ENTRIES, lines.encode())

    def there(self, place: Place) -> bool:
        """Tell whether the map of a range has its file, and no reader found it damaged."""
        path = self.file(place)
        return path.exists() and not is_marked(path)

    def mark(self, place: Place) -> None:
        """Ask the maker to make a map again: it could not be read."""
        mark_damaged(self.file(place))

    def drop(self, place: Place) -> None:
        """Remove the map of a range."""
        self._open.pop(place, None)
        self.file(place).unlink(missing_ok=True)
        unmark(self.file(place))

    def places(self) -> Iterator[Place]:
        """Yield the ranges that have a file."""
        if self.path.is_dir():
            for path in sorted(self.path.iterdir()):
                found = _NAME.fullmatch(path.name)
                if found:
                    yield int(found[1]), int(found[2])
