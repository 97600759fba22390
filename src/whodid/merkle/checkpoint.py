"""Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint, Ed25519 signatures only.

    example.com/log42                                   origin    ┐
    20852163                                            size      │ the body, which is signed
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=        root      ┘

    — example.com/log42 Az3grlgtzPICa5OS…               name, base64(u32 key id || signature)

Only the one canonical spelling is read: three lines without extensions, canonical base64. It does
not decide whether a checkpoint may be signed (`ledger.signer` does) and does not keep keys.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from whodid.errors import InputError, IntegrityError, TooLargeError
from whodid.limits import (
    CHECKPOINT_BODY_BYTES_MAX,
    LOG_SIZE_MAX,
    NOTE_BYTES_MAX,
    NOTE_SIGNATURES_MAX,
)
from whodid.merkle.tree import HASH_BYTES

_ED25519 = b"\x01"  # signature type of signed-note
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_DASH = "\u2014 "

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class Checkpoint(Struct, frozen=True):
    """The head of a log: its origin, its number of leaves and its root.

    Always one that can be written: a non-empty origin of one line, size below 2**63, root of
    32 bytes; anything else raises InputError when it is made.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin:
            raise InputError("The origin of a checkpoint must be one line that is not empty.")
        _check_text(self.origin, "The origin of a checkpoint", CHECKPOINT_BODY_BYTES_MAX)
        if not 0 <= self.size <= LOG_SIZE_MAX:
            raise InputError("The size of a checkpoint must be a number from 0 to 2**63 - 1.")
        if len(self.root) != HASH_BYTES:
            raise InputError(f"The root of a checkpoint must have {HASH_BYTES} bytes.")

    def body(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{_encode64(self.root)}\n"


def parse_body(text: str) -> Checkpoint:
    """Read the body of a checkpoint: exactly three lines; anything else raises InputError."""
    _check_text(text, "The checkpoint", CHECKPOINT_BODY_BYTES_MAX)
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise InputError("A checkpoint has exactly three lines: origin, size and root.")
    origin, size, root = lines[:3]
    if _SIZE.fullmatch(size) is None:
        raise InputError("The size of a checkpoint must be a decimal number without leading zeros.")
    return Checkpoint(origin, int(size), _decode64(root, "The root of the checkpoint"))


class Vkey(Struct, frozen=True):
    """A verifier key: a name, the u32 key id and the 32 bytes of an Ed25519 public key.

    Invariant: the key id is the one that signed-note derives from name and key, so that the three
    cannot be mixed up; anything else raises InputError when it is made. `Vkey.of` derives it.
    """

    name: str
    key_id: int
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != _KEY_BYTES:
            raise InputError(f"An Ed25519 public key must have {_KEY_BYTES} bytes.")
        if self.key_id != _derive_key_id(self.name, self.public):
            raise InputError(f"The key id of {self.name!r} does not belong to its name and key.")

    @classmethod
    def of(cls, name: str, public: bytes) -> Self:
        """Return the verifier key of a public key (32 bytes) under this name."""
        _check_name(name)
        return cls(name, _derive_key_id(name, public), public)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+hexid+base64(0x01 || key)`; anything else raises InputError."""
        _check_text(text, "The verifier key", CHECKPOINT_BODY_BYTES_MAX)
        parts = text.split("+", 2)
        if len(parts) != 3 or _KEY_ID.fullmatch(parts[1]) is None:
            raise InputError("A verifier key reads name+8 hex digits+base64.")
        encoded = _decode64(parts[2], "The verifier key")
        if encoded[:1] != _ED25519:
            raise InputError("The verifier key is not one for Ed25519 (type 0x01).")
        return cls(parts[0], int(parts[1], 16), encoded[1:])

    def encode(self) -> str:
        """Return `name+hexid+base64(0x01 || key)`, one line that people can pass on."""
        return f"{self.name}+{self.key_id:08x}+{_encode64(_ED25519 + self.public)}"


class NoteSignature(Struct, frozen=True):
    """One signature line of a note, of any algorithm: who says to have signed, and the bytes."""

    name: str
    key_id: int
    signature: bytes


def sign_note(body: str, name: str, private_key: Ed25519PrivateKey) -> str:
    """Return the note of `body` with one signature; the body must end in a newline.

    Raises InputError for a body or name that a verifier would refuse.
    """
    _check_text(body, "The note", NOTE_BYTES_MAX)
    if not body.endswith("\n"):
        raise InputError("The text of a note must end in a newline.")
    vkey = Vkey.of(name, private_key.public_key().public_bytes_raw())
    signature = private_key.sign(body.encode())
    line = _encode64(vkey.key_id.to_bytes(_KEY_ID_BYTES, "big") + signature)
    return f"{body}\n{_DASH}{name} {line}\n"


def verify_note(text: str | bytes, vkey: Vkey) -> str:
    """Return the body of a note that this key signed; signatures of other keys are ignored.

    Raises IntegrityError when there is no signature of the key, or one that is not good, and
    InputError when the text is no note.
    """
    body, signatures = parse_note(text)
    ours = [s for s in signatures if s.key_id == vkey.key_id and s.name == vkey.name]
    if not ours:
        raise IntegrityError(f"The note is not signed by {vkey.name!r} ({vkey.key_id:08x}).")
    key = Ed25519PublicKey.from_public_bytes(vkey.public)
    signed = body.encode()
    for signature in ours:
        try:
            key.verify(signature.signature, signed)
        except InvalidSignature:
            raise IntegrityError(
                f"The signature of {vkey.name!r} ({vkey.key_id:08x}) does not fit the note: "
                "the text was changed, or another key made it."
            ) from None
    return body


def parse_note(text: str | bytes) -> tuple[str, list[NoteSignature]]:
    """Return the body and the signatures of a note, unverified; InputError when it is none."""
    if isinstance(text, bytes):
        text = _decode(text)
    _check_text(text, "The note", NOTE_BYTES_MAX)
    border = text.rfind("\n\n")
    if border < 0 or not text.endswith("\n") or border + 2 == len(text):
        raise InputError("A note is a text, an empty line, and signature lines.")
    # Count before splitting: hostile text must not become a long list.
    if text.count("\n", border + 2) > NOTE_SIGNATURES_MAX:
        raise TooLargeError(f"A note has at most {NOTE_SIGNATURES_MAX} signatures.")
    # Never splitlines: it also breaks at U+0085 and U+2028, which a text may contain.
    return text[: border + 1], [_parse_line(line) for line in text[border + 2 : -1].split("\n")]


def _parse_line(line: str) -> NoteSignature:
    dash, name, encoded = line[:2], *line[2:].partition(" ")[::2]
    if dash != _DASH:
        raise InputError("A signature line of a note starts with an em dash and a space.")
    _check_name(name)
    payload = _decode64(encoded, "The signature of a note")
    if len(payload) <= _KEY_ID_BYTES:
        raise InputError("The signature of a note is too short.")
    key_id = int.from_bytes(payload[:_KEY_ID_BYTES], "big")
    return NoteSignature(name, key_id, payload[_KEY_ID_BYTES:])


def _derive_key_id(name: str, public: bytes) -> int:
    digest = sha256(name.encode() + b"\n" + _ED25519 + public).digest()
    return int.from_bytes(digest[:_KEY_ID_BYTES], "big")


def _check_name(name: str) -> None:
    """Refuse what signed-note refuses: empty names, spaces of any alphabet, plus, controls."""
    if not name or "+" in name or any(c.isspace() for c in name):
        raise InputError("The name of a key must not be empty or contain spaces or '+'.")
    _check_text(name, "The name of a key", CHECKPOINT_BODY_BYTES_MAX)


def _check_text(text: str, what: str, size_bytes_max: int) -> None:
    """Refuse what no note may contain: controls but newline, lone surrogates, too many bytes."""
    if len(text) > size_bytes_max:
        raise TooLargeError(f"{what} is longer than {size_bytes_max} bytes.")
    if _CONTROL.search(text) is not None:
        raise InputError(f"{what} contains a control character.")
    try:
        size_bytes = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise InputError(f"{what} is not valid Unicode.") from None
    if size_bytes > size_bytes_max:
        raise TooLargeError(f"{what} is longer than {size_bytes_max} bytes.")


def _decode(data: bytes) -> str:
    if len(data) > NOTE_BYTES_MAX:
        raise TooLargeError(f"The note is longer than {NOTE_BYTES_MAX} bytes.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InputError("The note is not valid UTF-8.") from None


def _encode64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _decode64(text: str, what: str) -> bytes:
    """Decode standard base64 in its one canonical spelling (RFC 4648, 3.5)."""
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise InputError(f"{what} is not base64.") from None
    if _encode64(data) != text:
        raise InputError(f"{what} is not canonical base64.")
    return data
