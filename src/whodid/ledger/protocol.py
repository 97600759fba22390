"""The sequencer's socket, without I/O: frames of u32 length · u32 request number · body.

The first frame of a client is a Hello; then a body is one message: a batch as it is (it opens
with its own magic), everything else msgpack of the tagged structs below. One answer a request.
"""

import struct

import msgspec
from msgspec import Struct

from whodid.errors import (
    AccessDeniedError,
    InputError,
    IntegrityError,
    LedgerError,
    RefusedError,
    StoppedError,
    TooLargeError,
    UsageError,
    WhodidError,
)
from whodid.ledger.hash_tree import Paths
from whodid.ledger.port import Status
from whodid.ledger.refusals import Refused
from whodid.ledger.seal_request import SealRequest
from whodid.ledger.state_db import Receipt, Source

HEAD = struct.Struct(">II")


class Hello(Struct, frozen=True, tag=True):
    """Who connects: the role decides what it may ask (`server.RIGHTS`)."""

    role: str


class GetStatus(Struct, frozen=True, tag=True):
    """Ask for `Status`."""


class GetSources(Struct, frozen=True, tag=True):
    """Ask for the declared sources."""


class Declare(Struct, frozen=True, tag=True):
    """Open a source."""

    name: str
    format: str
    domain: str
    class_: int


class Seal(Struct, frozen=True, tag=True):
    """Name sealed files."""

    request: SealRequest


class Publish(Struct, frozen=True, tag=True):
    """Sign a checkpoint now."""


class Prove(Struct, frozen=True, tag=True):
    """Ask for an inclusion proof."""

    index: int


class ProveAt(Struct, frozen=True, tag=True):
    """Ask for inclusion proofs of some entries in the tree of `size`; and of its first `edge`."""

    size: int
    indexes: list[int]
    edge: int


class WantSealed(Struct, frozen=True, tag=True):
    """Ask for entries to be sealed now (a backup)."""

    size: int


class HeadAt(Struct, frozen=True, tag=True):
    """Ask for a signed checkpoint of the first entries (a backup)."""

    size: int


class ReportRefused(Struct, frozen=True, tag=True):
    """Say what a door refused."""

    items: list[Refused]


class TakeRefused(Struct, frozen=True, tag=True):
    """Ask for what all doors refused, to write events about it."""


Request = (
    Hello | GetStatus | GetSources | Declare | Seal | Publish | Prove | WantSealed | HeadAt
    | ReportRefused | TakeRefused | ProveAt
)  # fmt: skip


class Failed(Struct, frozen=True):
    """An error for an answer."""

    code: str
    message: str
    retry_after_s: float = 1.0


class Answer(Struct, frozen=True, omit_defaults=True):
    """One answer; the field that fits the request is set."""

    receipt: Receipt | None = None
    status: Status | None = None
    sources: list[Source] | None = None
    note: str | None = None
    proof: list[bytes] | None = None
    paths: Paths | None = None
    refused: list[Refused] | None = None
    failed: Failed | None = None


_requests = msgspec.msgpack.Decoder(Request)
_answers = msgspec.msgpack.Decoder(Answer)
_encode = msgspec.msgpack.encode
_ERRORS: dict[str, type[WhodidError]] = {
    error.code: error
    for error in (
        AccessDeniedError,
        InputError,
        IntegrityError,
        LedgerError,
        StoppedError,
        TooLargeError,
        UsageError,
    )
}


def frame(number: int, body: bytes) -> bytes:
    """Wrap a body."""
    return HEAD.pack(len(body), number) + body


def encode(message: Request | Answer) -> bytes:
    """Serialise a message."""
    return _encode(message)


def decode_request(body: bytes) -> Request:
    """Read a request. Raises InputError."""
    try:
        request: Request = _requests.decode(body)
        return request
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"a request that does not decode ({error})") from error


def decode_answer(body: bytes) -> Answer:
    """Read an answer; an error in it is raised as itself, LedgerError for what is no answer."""
    try:
        answer = _answers.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise LedgerError(f"the sequencer's answer does not decode ({error})") from error
    if answer.failed:
        raise revive(answer.failed)
    return answer


def failure(error: WhodidError) -> Answer:
    """Turn an error into an answer."""
    return Answer(failed=Failed(error.code, str(error), getattr(error, "retry_after_s", 1.0)))


def revive(failed: Failed) -> WhodidError:
    """Turn an answer into its error."""
    if failed.code == RefusedError.code:
        return RefusedError(failed.message, failed.retry_after_s)
    return _ERRORS.get(failed.code, WhodidError)(failed.message)
