"""Parsed documents, kept by the hash of their text: pysigma takes milliseconds for each.

A folder of files, one for each document, that anybody may delete. A file that cannot be read is
parsed again. What is kept is only as trusted as the folder: it must be the detector's own.
"""

import hashlib
import os
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import structs

from whodid.detection.rule import All, AnyOf, Node, Not, Test
from whodid.detection.sigma.document import parse_document
from whodid.detection.sigma.parsed import Parsed, parse_rule

_FORM = 3
"""Counts up with each change of what a document becomes."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Parsed).decode


class ParsedCache:
    """What was parsed before. `folder` None keeps nothing. Errors of the disk cost time only."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._salt = b""

    def parsed(self, line: int, text: str) -> Parsed:
        """Return what a piece of a file (that begins in `line`) says."""
        if self._folder is None:
            return parse_rule(parse_document(line, text))
        key = self._key(text)
        path = self._folder / key[:2] / key
        try:
            return exact(_decode(path.read_bytes()))
        except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            pass
        found = parse_rule(parse_document(line, text))
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = path.with_name(f"{key}.{os.getpid()}")
            beside.write_bytes(_encode(found))
            beside.replace(path)
        except (OSError, OverflowError):  # a full disk; a number of more than 64 bits
            pass
        return found

    def _key(self, text: str) -> str:
        if not self._salt:
            self._salt = f"{_FORM} {version('pysigma')} {version('pyyaml')}\n".encode()
        return hashlib.sha256(self._salt + text.encode()).hexdigest()


def exact(parsed: Parsed) -> Parsed:
    """Return what was read back with its tuples as tuples again."""
    if parsed.draft is not None:
        options = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in parsed.draft.options.items()
        }
        return structs.replace(parsed, draft=structs.replace(parsed.draft, options=options))
    return parsed if parsed.node is None else structs.replace(parsed, node=_exact(parsed.node))


def _exact(node: Node) -> Node:
    if isinstance(node, Test):
        return structs.replace(node, value=tuple(node.value)) if node.op == "pattern" else node
    if isinstance(node, Not):
        return Not(_exact(node.item))
    make = All if isinstance(node, All) else AnyOf
    return make(tuple(_exact(item) for item in node.items))
