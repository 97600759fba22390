"""Watching the index's files while a server runs, so that what was done to one is found.

Three ways: its stamp is another than when it was written (inode, size, time of change: looked at in
every step), a reader that could not read it left a mark beside it, and one file after the other is
hashed again when there is time, which finds what changes without a trace.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from whodid.limits import INDEX_SCRUB_S

_MARK = ".damaged"
Stamp = tuple[int, int, int]


def mark_damaged(path: Path) -> None:
    """Ask the follower to look at a segment; without the right to write, it finds it itself."""
    with contextlib.suppress(OSError):
        os.close(os.open(f"{path}{_MARK}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def unmark(path: Path) -> None:
    """Take the mark of a file away."""
    Path(f"{path}{_MARK}").unlink(missing_ok=True)


def is_marked(path: Path) -> bool:
    """Tell whether the follower still has to look at a segment."""
    return Path(f"{path}{_MARK}").exists()


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes with a file, None when there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_ctime_ns


class Watch:
    """What is known of the files of one folder. One owner: the follower."""

    def __init__(self, folder: Path, monotonic: Callable[[], float]) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._stamps: dict[str, Stamp | None] = {}
        self._next_s = monotonic() + INDEX_SCRUB_S
        self._scrubbed = ""

    def know(self, name: str) -> None:
        """Take a file as it is now for right."""
        self._stamps[name] = stamp_of(self._folder / name)

    def forget_others(self, names: Sequence[str]) -> None:
        """Keep what is known of these only."""
        kept = set(names)
        self._stamps = {name: stamp for name, stamp in self._stamps.items() if name in kept}

    def changed(self, name: str) -> bool:
        """Tell whether a file is another, or gone, since it was known."""
        stamp = stamp_of(self._folder / name)
        return stamp is None or stamp != self._stamps.get(name)

    def suspects(self, names: Sequence[str]) -> list[str]:
        """Return those to be checked now, and take away the marks of readers."""
        marked = set()
        for found in self._folder.glob(f"*{_MARK}"):
            marked.add(found.name.removesuffix(_MARK))
            found.unlink(missing_ok=True)
        due = self._due(names)
        return [name for name in names if name in marked or name == due or self.changed(name)]

    def _due(self, names: Sequence[str]) -> str | None:
        """Return the file whose turn it is to be hashed again, None while it is too soon."""
        now_s = self._monotonic()
        if now_s < self._next_s or not names:
            return None
        self._next_s = now_s + INDEX_SCRUB_S
        self._scrubbed = min((name for name in names if name > self._scrubbed), default=names[0])
        return self._scrubbed
