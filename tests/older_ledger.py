"""Payload blocks and manifests as they were before blocks had the hashes of their frames."""

import hashlib
import struct

import zstandard
from msgspec.structs import replace

from whodid.ledger import frame, sealer, sequencer
from whodid.ledger.layout import BLOCK_1
from whodid.ledger.manifest import SealedFile

KEY, KEY_ID = b"k" * 32, b"i" * 16


def encode_block_1(ledger_id, first, span, class_, indexes, rows, *, soon=False):
    """Return (file bytes, key id, data key) of a block of format 1, of one frame."""
    plain = frame.pack_columns(rows, 0, rows.count, zstandard.ZstdCompressor())
    key_id = hashlib.sha256(b"%d.%d" % (first, class_)).digest()[:16]
    header = struct.pack(
        ">8s16sQIHI16sH", BLOCK_1, ledger_id, first, span, class_, rows.count, key_id, 1
    )
    header += struct.pack(">IH", len(plain) + 16, rows.count)
    header += b"".join(struct.pack(">H", index - first) for index in indexes)
    aad = hashlib.sha256(header).digest()
    return header + frame.encrypt(KEY, 0, aad, plain), key_id, KEY


def seal_as_before(monkeypatch):
    """Have ledgers sealed as they were; only whole units of up to 256 entries."""
    monkeypatch.setattr(sealer, "encode_block", encode_block_1)
    monkeypatch.setattr(sealer, "SealedFile", lambda *told: SealedFile(*told[:5]))
    made = sequencer.with_files
    monkeypatch.setattr(
        sequencer, "with_files", lambda *told: (replace(made(*told)[0], format=1), made(*told)[1])
    )
