"""The Event: our own small, typed record of one access.

Eight groups, each serialised once at ingest and committed to apart (`merkle.commitment`):
1 when · 2 who · 3 what · 4 where · 5 context · 6 content · 7 raw · 8 envelope. Group 7 is the
received bytes; each other group is one struct below, as compact UTF-8 JSON, keys in schema order,
absent fields omitted, integers only. The key of a field is its name in a search (`actor.id`).

It does not hold every native field: those are the raw record, parsed by its format on reading.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct, field

Access = Literal[
    "create", "read", "update", "delete", "execute", "authenticate", "administer", "other"
]
Outcome = Literal["success", "failure", "denied", "unknown"]
ActorType = Literal["user", "service", "agent", "system", "anonymous"]

IdentityKind = Literal["none", "client", "native", "sequence", "request", "file"]
IDENTITY_KINDS: tuple[IdentityKind, ...] = (
    "none", "client", "native", "sequence", "request", "file",
)  # fmt: skip
"""The position is the u8 `kind` under an identity tag; the order is part of the format."""


class When(Struct, frozen=True, omit_defaults=True):
    """Group 1. `id` is a UUIDv7 in hex with hyphens; times are µs since 1970, UTC."""

    id: str
    received: int
    time: int | None = None
    original_time: str | None = None


class Who(Struct, frozen=True, omit_defaults=True):
    """Group 2: the actor."""

    actor_id: str | None = field(default=None, name="actor.id")
    actor_name: str | None = field(default=None, name="actor.name")
    actor_type: ActorType | None = field(default=None, name="actor.type")
    actor_on_behalf_of: str | None = field(default=None, name="actor.on_behalf_of")
    actor_session: str | None = field(default=None, name="actor.session")
    actor_groups: tuple[str, ...] = field(default=(), name="actor.groups")


class What(Struct, frozen=True, omit_defaults=True):
    """Group 3: the action, its resource and its outcome. `action` is the native verb, verbatim."""

    action: str | None = None
    access: Access | None = None
    resource_type: str | None = field(default=None, name="resource.type")
    resource_name: str | None = field(default=None, name="resource.name")
    resource_parent: str | None = field(default=None, name="resource.parent")
    resource_labels: tuple[str, ...] = field(default=(), name="resource.labels")
    resources: tuple[str, ...] = ()
    outcome: Outcome | None = None
    reason: str | None = None
    rows: int | None = None
    bytes: int | None = None


class Where(Struct, frozen=True, omit_defaults=True):
    """Group 4. `agent` is the user agent, `via` the proxies in order."""

    ip: str | None = None
    host: str | None = None
    port: int | None = None
    agent: str | None = None
    via: tuple[str, ...] = ()


class Context(Struct, frozen=True, omit_defaults=True):
    """Group 5: the application and what links this event to others."""

    service_name: str | None = field(default=None, name="service.name")
    service_version: str | None = field(default=None, name="service.version")
    endpoint: str | None = None
    correlation: str | None = None
    trace: str | None = None
    span: str | None = None
    request: str | None = None
    duration_us: int | None = None


class Change(Struct, frozen=True, omit_defaults=True):
    """One field before and after, as text."""

    field: str
    before: str | None = None
    after: str | None = None


class Content(Struct, frozen=True, omit_defaults=True):
    """Group 6: what was said or changed."""

    message: str | None = None
    changes: tuple[Change, ...] = ()
    statement: str | None = None
    params: tuple[str, ...] = ()


class Redaction(Struct, frozen=True, array_like=True):
    """A secret that was replaced in the raw record: where it now stands (bytes), and the rule."""

    offset: int
    length: int
    rule: str


class Envelope(Struct, frozen=True, omit_defaults=True):
    """Group 8: how the record came in. `source` is the declared sender, not a claim of the record.

    `native_id` is the identity under which duplicates are known, of kind `identity`.
    `quarantine` is the reason why the record could not be mapped, None when it could.
    """

    source: str
    format: str
    mapping: int = 1
    identity: IdentityKind = "none"
    native_id: str | None = None
    labels: tuple[str, ...] = ()
    quarantine: str | None = None
    redactions: tuple[Redaction, ...] = ()
    signature: str | None = None


class Event(Struct, frozen=True):
    """One access, whole. Immutable; its serialised groups are what the ledger commits to."""

    when: When
    who: Who
    what: What
    where: Where
    context: Context
    content: Content
    raw: bytes
    envelope: Envelope

    def field(self, name: str) -> Any:
        """Return the value of the field a search calls `name`, None (or empty) when missing.

        Raises KeyError for a name that is not in `FIELDS`.
        """
        group, attribute = FIELDS[name]
        return getattr(getattr(self, group), attribute)


GROUPS: tuple[tuple[str, type[Struct] | None], ...] = (
    ("when", When),
    ("who", Who),
    ("what", What),
    ("where", Where),
    ("context", Context),
    ("content", Content),
    ("raw", None),
    ("envelope", Envelope),
)
"""(name, struct) of groups 1 to 8; the raw group has no struct."""


def _fields() -> dict[str, tuple[str, str]]:
    return {
        item.encode_name: (group, item.name)
        for group, struct in GROUPS
        if struct is not None
        for item in msgspec.structs.fields(struct)
    }


FIELDS: dict[str, tuple[str, str]] = _fields()
"""Search name of each field → (group, attribute)."""

EMPTY_WHO = Who()
EMPTY_WHAT = What()
EMPTY_WHERE = Where()
EMPTY_CONTEXT = Context()
EMPTY_CONTENT = Content()

_encode = msgspec.json.Encoder().encode
_when = msgspec.json.Decoder(When).decode
_who = msgspec.json.Decoder(Who).decode
_what = msgspec.json.Decoder(What).decode
_where = msgspec.json.Decoder(Where).decode
_context = msgspec.json.Decoder(Context).decode
_content = msgspec.json.Decoder(Content).decode
_envelope = msgspec.json.Decoder(Envelope).decode


def encode_groups(event: Event) -> tuple[bytes, ...]:
    """Serialise the eight groups in order; these bytes are what is committed to and stored.

    A group without any field is empty bytes.
    """
    return (
        _encode(event.when),
        b"" if event.who is EMPTY_WHO else _encode(event.who),
        b"" if event.what is EMPTY_WHAT else _encode(event.what),
        b"" if event.where is EMPTY_WHERE else _encode(event.where),
        b"" if event.context is EMPTY_CONTEXT else _encode(event.context),
        b"" if event.content is EMPTY_CONTENT else _encode(event.content),
        event.raw,
        _encode(event.envelope),
    )


def decode_groups(groups: tuple[bytes, ...] | list[bytes]) -> Event:
    """Read back what `encode_groups` wrote.

    Raises msgspec.DecodeError (its subclass ValidationError too) for bytes that it never wrote.
    """
    when, who, what, where, context, content, raw, envelope = groups
    try:
        return Event(
            _when(when),
            _who(who) if who else EMPTY_WHO,
            _what(what) if what else EMPTY_WHAT,
            _where(where) if where else EMPTY_WHERE,
            _context(context) if context else EMPTY_CONTEXT,
            _content(content) if content else EMPTY_CONTENT,
            raw,
            _envelope(envelope),
        )
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec lets these two through
        raise msgspec.DecodeError(str(error)) from error


class Mapped(Struct):
    """What a format made of one record, before the envelope; a fresh one per record.

    `time` is µs UTC or None. `native_id` is the format's own id (kind native), `client_id` one
    that the sender chose; `epoch` and `seq` are the sender's sequence (None when there is none);
    `native_seq` says that they are the format's own (PostgreSQL line numbers), not the sender's.
    """

    time: int | None = None
    original_time: str | None = None
    who: Who = EMPTY_WHO
    what: What = EMPTY_WHAT
    where: Where = EMPTY_WHERE
    context: Context = EMPTY_CONTEXT
    content: Content = EMPTY_CONTENT
    native_id: str | None = None
    client_id: str | None = None
    epoch: int | None = None
    seq: int | None = None
    native_seq: bool = False
    labels: tuple[str, ...] = ()
    signature: str | None = None
    quarantine: str | None = None
