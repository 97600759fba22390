"""Signed notes and checkpoints: C2SP signed-note, Ed25519 signatures; C2SP tlog-checkpoint."""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from whodid.verifier.fields import DocumentError

_ED25519 = b"\x01"
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NOTE_CHARS_MAX = 1 << 26


@dataclass(frozen=True)
class Checkpoint:
    """A signed tree head."""

    origin: str
    size: int
    root: bytes


def read_note(note: str, vkey: str) -> str:
    """Return the text of a note that is signed by this verifier key.

    Raises DocumentError when the key is none, the note is none, or the signature does not fit.
    """
    name, key_id, public = _key(vkey)
    text, border, signatures = note.rpartition("\n\n")
    if not border or len(note) > _NOTE_CHARS_MAX:
        raise DocumentError("there is no signed note")
    body = text + "\n"
    for line in signatures.split("\n"):
        dash, signer, encoded = [*line.split(" "), "", "", ""][:3]
        if dash != "—" or signer != name:
            continue
        signed = _base64(encoded)
        if signed[:4] != key_id:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], body.encode())
        except InvalidSignature:
            raise DocumentError(f"the signature of {name!r} does not fit") from None
        return body
    raise DocumentError(f"not signed by {name!r} with key {key_id.hex()}")


def read_checkpoint(note: str, vkey: str) -> Checkpoint:
    """Return the tree head of a signed checkpoint. Raises DocumentError as `read_note` does."""
    lines = read_note(note, vkey).split("\n")
    if len(lines) != 4 or lines[3] or _SIZE.fullmatch(lines[1]) is None:
        raise DocumentError("a checkpoint has three lines: origin, size and root")
    root = _base64(lines[2])
    if len(root) != 32:
        raise DocumentError("the root of the checkpoint has not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def _key(vkey: str) -> tuple[str, bytes, bytes]:
    """Return name, key id and public key of `name+hexid+base64(0x01 || key)`."""
    parts = vkey.strip().split("+", 2)
    encoded = _base64(parts[2]) if len(parts) == 3 else b""
    if encoded[:1] != _ED25519 or len(encoded) != 33:
        raise DocumentError("the verifier key reads name+8 hex digits+base64, for Ed25519")
    key_id = hashlib.sha256(parts[0].encode() + b"\n" + encoded).digest()[:4]
    if key_id.hex() != parts[1]:
        raise DocumentError(f"the key id of {parts[0]!r} does not belong to its name and key")
    return parts[0], key_id, encoded[1:]


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise DocumentError("a key or signature is not base64") from None
