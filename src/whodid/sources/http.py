"""`POST /v1/events`: records over HTTP, as one raw ASGI application.

A JSON object, an array, NDJSON or lines of text, plain, gzip or zstd. What is answered with 200 is
on disk. A request that cannot be read is refused with a reason that names the place; a record is
never. Every other path goes to `fallback`.

It does not check tokens, normalise or store: `TokenCheck` and `AsyncIntake` do. It never echoes a
token.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from msgspec import Struct

from whodid.clock import Clock
from whodid.errors import (
    AccessDeniedError,
    InputError,
    RefusedError,
    StoppedError,
    TooLargeError,
    UsageError,
    WhodidError,
)
from whodid.limits import (
    BODY_SECONDS_MAX,
    LOOP_BYTES_MAX,
    METRIC_SOURCES_MAX,
    REQUEST_BYTES_MAX,
    STORE_SECONDS_MAX,
)
from whodid.metrics import Histogram
from whodid.normalize.format import Format
from whodid.normalize.registry import FORMATS
from whodid.sources.asgi import (
    App,
    DisconnectedError,
    Headers,
    Receive,
    Reply,
    Scope,
    Send,
    error_reply,
)
from whodid.sources.http_headers import bearer_token, named_source, pick, request_key
from whodid.sources.http_records import records_of
from whodid.sources.intake import AsyncIntake, Delivery, Tally
from whodid.sources.long_record import cut_long
from whodid.sources.rates import NoLimit, Rate, TooFastError, client_key
from whodid.sources.request_body import CODINGS, Held, RequestBody, check_length

PATH = "/v1/events"
_NO_LIMIT = NoLimit()

_RESULTS = ("accepted", "duplicate", "quarantined", "conflict")
_STOPPED_RETRY_S = 60.0
_encode = msgspec.json.Encoder().encode


class SourceGrant(Struct, frozen=True):
    """A declared source that a token may write; `format` None recognises each record's."""

    name: str
    format: Format | None


class TokenCheck(Protocol):
    """Knows which token may write which source."""

    def source_of(self, token: str, name: str | None) -> SourceGrant | None:
        """Return the source that `token` writes: the one called `name`, or its only one.

        None when there is no such token. Compares in constant time (or by hash), and quickly: it
        runs on the event loop. Raises AccessDeniedError when the token may not write `name`,
        UsageError when it may write several and `name` is None.
        """
        ...


class RefusedSink(Protocol):
    """Counts attempts without a right token, so that events can be written about them."""

    def __call__(self, token: str | None, ip: str | None, *, wrong_source: bool = False) -> None:
        """Count one; `token` is what was sent, None when there was none. Quick, never raises."""
        ...


def _uncounted(token: str | None, ip: str | None, *, wrong_source: bool = False) -> None:
    """Count nothing."""


@dataclass(slots=True)
class IngestMetrics:
    """Counters since the start. `requests` counts by status, `refused` by code; one thread writes.

    `sources` has the results of each source; sources beyond METRIC_SOURCES_MAX are one together.
    """

    requests: dict[int, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    acknowledged: Histogram = field(default_factory=Histogram)
    decompress_refused: int = 0
    disconnected: int = 0
    body_bytes: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    conflict: int = 0
    held: Held = field(default_factory=Held)

    def refuse(self, code: str) -> None:
        """Count a delivery that was refused."""
        self.refused[code] = self.refused.get(code, 0) + 1

    def count(self, source: str, tally: Tally) -> None:
        """Add what became of one request's records."""
        if source not in self.sources and len(self.sources) >= METRIC_SOURCES_MAX:
            source = "other"
        of_source = self.sources.setdefault(source, dict.fromkeys(_RESULTS, 0))
        for result in _RESULTS:
            of_source[result] += getattr(tally, result)
        self.accepted += tally.accepted
        self.duplicate += tally.duplicate
        self.quarantined += tally.quarantined
        self.conflict += tally.conflict


class _Answer(Struct, frozen=True):
    accepted: int
    duplicate: int
    quarantined: int
    exactly_once: bool
    first: int | None
    last: int | None
    checkpoint_size: int | None


class IngestApp:
    """The application.

    Invariants: no body is read before its token is known; the memory of all bodies in flight is
    bounded; a client that goes away leaves nothing behind.
    `events` is the rate of a source's records, `strangers` of a client's wrong tokens.
    """

    def __init__(
        self,
        intake: AsyncIntake,
        tokens: TokenCheck,
        clock: Clock,
        fallback: App,
        *,
        refused: RefusedSink = _uncounted,
        formats: Sequence[Format] = FORMATS,
        body_seconds_max: float = BODY_SECONDS_MAX,
        body_bytes_max: int = REQUEST_BYTES_MAX,
        events: Rate = _NO_LIMIT,
        strangers: Rate = _NO_LIMIT,
    ) -> None:
        self.metrics = IngestMetrics()
        self._body_bytes_max = body_bytes_max
        self._events = events
        self._strangers = strangers
        self._accept = intake.accept
        self._source_of = tokens.source_of
        self._refused = refused
        self._clock = clock
        self._fallback = fallback
        self._formats = formats
        self._body_seconds_max = body_seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._fallback(scope, receive, send)
            return
        metrics = self.metrics
        status = 500
        body = RequestBody(metrics.held, self._body_bytes_max)
        try:
            reply = await self._reply(scope, receive, body)
            status = reply.status
        except DisconnectedError:
            status = 0
            metrics.disconnected += 1
            return
        finally:
            body.release()
            metrics.body_bytes += body.received_bytes
            if status:
                metrics.requests[status] = metrics.requests.get(status, 0) + 1
        await reply.send(send)

    async def _reply(self, scope: Scope, receive: Receive, body: RequestBody) -> Reply:
        if scope["method"] != "POST":
            return error_reply(405, "method", "send events with POST", ((b"allow", b"POST"),))
        try:
            return await self._ingest(scope, receive, body)
        except WhodidError as error:
            self.metrics.refuse(error.code)
            return _refusal(error)

    async def _ingest(self, scope: Scope, receive: Receive, body: RequestBody) -> Reply:
        headers = pick(scope["headers"])
        grant = self._grant(scope, headers)
        if grant is None:
            return _NO_TOKEN
        coding = headers.get(b"content-encoding", b"").strip().lower()
        if coding not in CODINGS:
            return _UNKNOWN_CODING
        scope["whodid.source"] = grant.name
        self._check_rate(grant.name)
        check_length(headers.get(b"content-length"), self._body_bytes_max)
        key = request_key(headers.get(b"idempotency-key"))
        try:
            data = await self._read(receive, body, coding)
        except TimeoutError:
            return error_reply(
                408,
                "slow",
                f"the body took more than {self._body_seconds_max:g} s: send smaller batches",
                ((b"connection", b"close"),),
            )
        records = await self._records(data, headers.get(b"content-type", b""), grant)
        if not records:
            return Reply(200, _encode(_Answer(0, 0, 0, True, None, None, None)))
        self._events.take(grant.name, len(records))  # asked before; now it is known how many
        kept, cut = cut_long(records)
        delivery = Delivery(grant.name, kept, self._clock(), request_key=key, cut=cut)
        tally = await self._store(delivery)
        self.metrics.count(grant.name, tally)
        return Reply(200, _encode(_answer(tally)))

    def _grant(self, scope: Scope, headers: dict[bytes, bytes]) -> SourceGrant | None:
        """Return what the request's token is for; None when there is none or a wrong one.

        Raises AccessDeniedError for the token of another source.
        """
        token = bearer_token(headers.get(b"authorization"))
        named = named_source(headers, scope.get("query_string", b""))
        try:
            grant = None if token is None else self._source_of(token, named)
        except AccessDeniedError:
            self._refused(token, _address(scope), wrong_source=True)
            raise
        if grant is None:
            self._refused(token, _address(scope))
            self._check_stranger(scope)
            self.metrics.refuse("token")
        return grant

    async def _read(self, receive: Receive, body: RequestBody, coding: bytes) -> bytes:
        """Return the decompressed body. Raises TimeoutError when it comes too slowly."""
        try:
            async with asyncio.timeout(self._body_seconds_max):
                return await body.read(receive, coding)
        except InputError:
            self.metrics.decompress_refused += bool(coding)
            raise

    async def _records(self, data: bytes, kind: bytes, grant: SourceGrant) -> list[bytes]:
        if len(data) > LOOP_BYTES_MAX:  # others are answered meanwhile
            return await asyncio.to_thread(records_of, data, kind, grant.format, self._formats)
        return records_of(data, kind, grant.format, self._formats)

    async def _store(self, delivery: Delivery) -> Tally:
        began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(STORE_SECONDS_MAX):
                tally = await self._accept(delivery)
        except TimeoutError:
            raise RefusedError(
                "storing takes too long; what was sent may be stored: send it again with the same"
                " ids or Idempotency-Key"
            ) from None
        self.metrics.acknowledged.observe(asyncio.get_running_loop().time() - began_s)
        return tally

    def _check_rate(self, source: str) -> None:
        wait_s = self._events.take(source, 0)
        if wait_s:
            raise TooFastError(
                f"the source {source} sends more events than it may: wait, and send more slowly",
                wait_s,
            )

    def _check_stranger(self, scope: Scope) -> None:
        client = scope.get("client")
        key = client_key(str(client[0])) if client else None
        wait_s = self._strangers.take(key, 1) if key else 0.0
        if wait_s:
            raise TooFastError("too many wrong tokens came from this address: wait", wait_s)


_NO_TOKEN = error_reply(
    401,
    "token",
    "send a source's token: Authorization: Bearer TOKEN",
    ((b"www-authenticate", b"Bearer"),),
)
_UNKNOWN_CODING = error_reply(
    415,
    "encoding",
    "this Content-Encoding is not known: use gzip, zstd or none",
    ((b"accept-encoding", b"gzip, zstd"),),
)


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return str(client[0]) if client else None


def _answer(tally: Tally) -> _Answer:
    return _Answer(
        tally.accepted,
        tally.duplicate,
        tally.quarantined,
        tally.exactly_once,
        tally.first,
        tally.last,
        tally.checkpoint_size,
    )


_STATUS: tuple[tuple[type[WhodidError], int], ...] = (
    (TooLargeError, 413),
    (InputError, 400),
    (UsageError, 400),
    (AccessDeniedError, 403),
    (TooFastError, 429),
    (RefusedError, 503),
    (StoppedError, 503),
)
"""Class of error → status, the first that applies; 500 for any other."""


def _refusal(error: WhodidError) -> Reply:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    message = str(error)
    headers: Headers = ()
    if isinstance(error, RefusedError | StoppedError):
        wait_s = error.retry_after_s if isinstance(error, RefusedError) else _STOPPED_RETRY_S
        headers = ((b"retry-after", b"%d" % max(1, math.ceil(wait_s))),)
    if isinstance(error, StoppedError):
        message = f"the log has stopped, nothing was stored: {message}"
    return error_reply(status, error.code, message, headers)
