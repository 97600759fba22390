"""What a process that answers keeps in memory between answers, in shares of what it may take."""

import msgspec
from msgspec import Struct

from whodid.limits import (
    ANSWERING_MEMORY_BYTES,
    ANSWERING_MEMORY_BYTES_MIN,
    BLOCK_HEADS_BYTES_MAX,
    FRAMES_BYTES_MAX,
    INDEX_CACHE_BYTES_MAX,
    LEAF_FILES_KEPT,
    LEAF_HEADS_BYTES_MAX,
    RECORDS_BYTES_MAX,
    TEXTS_KEPT,
)

_TAKEN_BYTES = 160 * 1024 * 1024
"""The program itself takes 65 MiB, an answer at work some 90."""


class ReadMemory(Struct, frozen=True):
    """Bounds of what is kept, each forgotten in the order of its last use.

    Bytes of opened columns of segments, of checked headers of payload blocks, of opened records of
    the write-ahead log and of opened frames; numbers of decoded leaf files; bytes of heads of
    leaves; numbers of values that groups were told apart by.
    """

    columns: int = INDEX_CACHE_BYTES_MAX
    block_heads: int = BLOCK_HEADS_BYTES_MAX
    records: int = RECORDS_BYTES_MAX
    frames: int = FRAMES_BYTES_MAX
    leaf_files: int = LEAF_FILES_KEPT
    leaf_heads: int = LEAF_HEADS_BYTES_MAX
    texts: int = TEXTS_KEPT

    @classmethod
    def of(cls, memory_bytes: int) -> "ReadMemory":
        """Return the shares of a process that takes at most about so much, and not too little."""
        whole = max(memory_bytes, ANSWERING_MEMORY_BYTES_MIN) - _TAKEN_BYTES
        share = whole / (ANSWERING_MEMORY_BYTES - _TAKEN_BYTES)
        return cls(*(max(int(bound * share), 1) for bound in msgspec.structs.astuple(USUAL)))


USUAL = ReadMemory()
