"""Attestations of replays: which maps somebody made anew of the events, and signed for.

Text of the note: `whodid replay 1`, origin, size, then `<level> <first> <root>` a line.
"""

import re
from dataclasses import dataclass

from whodid.verifier.fields import DocumentError
from whodid.verifier.notes import read_note

_LINE = re.compile(r"(12|16|20) ([0-9]{1,18}) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Attestation:
    """The maps that were replayed: (level, first entry, root)."""

    origin: str
    size: int
    roots: frozenset[tuple[int, int, bytes]]


def read_attestation(note: str, vkey: str) -> Attestation:
    """Return an attestation that this key signed. Raises DocumentError for any other note."""
    lines = read_note(note, vkey).split("\n")
    if len(lines) < 4 or lines[0] != "whodid replay 1" or lines[-1] or not lines[2].isdecimal():
        raise DocumentError("the note is no attestation of a replay")
    roots = []
    for line in lines[3:-1]:
        found = _LINE.fullmatch(line)
        if found is None:
            raise DocumentError(f"an attestation with a line that is none: {line[:40]!r}")
        roots.append((int(found[1]), int(found[2]), bytes.fromhex(found[3])))
    return Attestation(lines[1], int(lines[2]), frozenset(roots))
