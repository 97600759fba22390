"""Open Cybersecurity Schema Framework (format `ocsf`): events of versions 1.0 and later, as JSON.

Class and activity tell the kind of access (`ocsf_classes`); a class that is not listed is read by
the objects that all share (actor, endpoints, resources, metadata). An enum of 0 or 99 is what it
says, unknown or other, and is never guessed at. What whodid exported comes back as it was: its own
names in `unmapped` are read again.

It does not validate against the schema, and does not read observables, findings or enrichments.
"""

from typing import Any, ClassVar, get_args

import msgspec

from whodid.event import (
    EMPTY_CONTENT,
    FIELDS,
    Access,
    ActorType,
    Content,
    Context,
    Mapped,
    Outcome,
    What,
    Where,
    Who,
)
from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.access import access_of, http_outcome, outcome_of
from whodid.normalize.address import is_ip
from whodid.normalize.format import Framing
from whodid.normalize.json_record import decode, integer, text
from whodid.normalize.ocsf_classes import (
    ABOUT_USERS,
    ADMINISTERED,
    CLASSES,
    DATASTORE,
    OTHER,
    OURS,
    UNKNOWN,
)
from whodid.normalize.ocsf_resource import Target, dig, resource_of, texts
from whodid.normalize.timestamps import count_us, rfc3339_us

_TYPES: dict[int, ActorType] = {1: "user", 2: "user", 3: "system", 4: "service"}
_ACTOR_TYPES: dict[str, ActorType] = {name: name for name in get_args(ActorType)}
_DENIED, _BLOCKED = 2, frozenset((2, 25, 26))
"""action_id Denied; disposition_id Blocked, Rejected and Unauthorized."""
_NO_CLASS = "the record has no class_uid and metadata: it is no OCSF event"


class Ocsf:
    """The format `ocsf`. Invariants: see `Format`; one object gives one event."""

    name: ClassVar[str] = "ocsf"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the record is an object with a class and metadata."""
        if b'"class_uid"' not in record or b'"metadata"' not in record:
            return False
        found = decode(record) if record.lstrip()[:1] == b"{" else ""
        return isinstance(found, dict) and _is_event(found)

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002 (its times are whole)
        """Map one event; a reason in `quarantine` when it is not JSON or has no class."""
        found = decode(record)
        if isinstance(found, str):
            return Mapped(quarantine=found)
        if not _is_event(found):
            return Mapped(quarantine=_NO_CLASS)
        class_uid, activity_id = integer(found["class_uid"]) or 0, integer(found.get("activity_id"))
        metadata = found["metadata"]
        ours = dig(metadata, "product", "name") == OURS
        action = _action(found, class_uid, activity_id, ours=ours)
        mapped = Mapped(
            who=_who(found, class_uid, ours=ours),
            what=_what(found, class_uid, activity_id, action, ours=ours),
            where=_where(found),
            context=_context(found, ours=ours),
            content=_content(found),
            native_id=text(metadata.get("uid")) or text(metadata.get("original_event_uid")),
        )
        _set_time(mapped, found, ours=ours)
        if ours:
            _restore(mapped, found.get("unmapped"))
        return mapped


def _is_event(found: dict[str, Any]) -> bool:
    return found.get("class_uid").__class__ is int and found.get("metadata").__class__ is dict


def _action(
    found: dict[str, Any], class_uid: int, activity_id: int | None, *, ours: bool
) -> str | None:
    """Return the verb: the API's operation, the HTTP method, or the activity's name."""
    code = text(dig(found, "metadata", "event_code"))
    if ours:
        return code
    known = CLASSES.get(class_uid)
    listed = known.activities.get(activity_id or UNKNOWN) if known is not None else None
    return (
        text(dig(found, "api", "operation"))
        or text(found.get("activity_name"))
        or (listed[0] if listed is not None else None)
        or text(dig(found, "http_request", "http_method"))
        or code
    )


def _access(
    found: dict[str, Any], class_uid: int, activity_id: int | None, action: str | None
) -> Access | None:
    known = CLASSES.get(class_uid)
    listed = known.activities.get(activity_id or UNKNOWN) if known is not None else None
    if class_uid == DATASTORE.uid and listed is not None and listed[1] is None:
        statement = text(dig(found, "query_info", "query_string"))
        if statement is None or ";" in statement.rstrip("; \n"):
            return None
        return access_of(statement.split(None, 1)[0]) if statement.split() else None
    if listed is not None and listed[1] is not None:
        return listed[1]
    if class_uid in ADMINISTERED:
        return "administer"
    return None if action is None else access_of(action)


def _who(found: dict[str, Any], class_uid: int, *, ours: bool) -> Who:
    """Name who did it: an agent, the actor's user, in a login its user, or what stands for one."""
    user = dig(found, "actor", "user")
    own_user = found.get("user")
    if own_user.__class__ is dict and class_uid not in ABOUT_USERS and class_uid // 1000 == 3:
        user = own_user if class_uid == 3002 or user.__class__ is not dict else user
    if user.__class__ is not dict:
        user = dig(found, "actor", "process", "user")
    if user.__class__ is not dict or (ours and not _told(found, "actor", "actor.id")):
        user = {}
    name = text(user.get("name"))
    uid = text(user.get("uid"))
    if not ours:
        uid = uid or name or text(user.get("email_addr")) or text(dig(user, "account", "uid"))
    who = Who(
        actor_id=uid,
        actor_name=name if name != uid else None,
        actor_type=_actor_type(user),
        actor_session=text(dig(found, "actor", "session", "uid"))
        or text(dig(found, "session", "uid")),
        actor_groups=tuple(
            name
            for group in _list(user.get("groups"))
            if (name := text(dig(group, "name")) or text(dig(group, "uid"))) is not None
        )[: LIST_ITEMS_MAX + 1],
    )
    agent = text(dig(found, "ai_agent", "uid")) or text(dig(found, "ai_agent", "name"))
    if agent is not None:
        return msgspec.structs.replace(
            who, actor_id=agent, actor_name=None, actor_type="agent", actor_on_behalf_of=uid
        )
    if uid is None and name is None and not ours:
        return _stands_for_a_user(found, who)
    return who


def _stands_for_a_user(found: dict[str, Any], who: Who) -> Who:
    actor = found.get("actor")
    for key in ("app_uid", "app_name", "invoked_by"):
        name = text(dig(actor, key))
        if name is not None:
            return msgspec.structs.replace(who, actor_id=name, actor_type="service")
    return who


def _actor_type(user: dict[str, Any]) -> ActorType | None:
    type_id = integer(user.get("type_id"))
    if type_id is not None and type_id in _TYPES:
        return _TYPES[type_id]
    kind = text(user.get("type"))
    return _ACTOR_TYPES.get(kind.lower()) if type_id == OTHER and kind is not None else None


def _what(
    found: dict[str, Any],
    class_uid: int,
    activity_id: int | None,
    action: str | None,
    *,
    ours: bool,
) -> What:
    target = resource_of(found, class_uid)
    if ours and not _told(found, "resource", "resource.name"):
        target = Target()  # what stands there is the database or the path that a class requires
    outcome, reason = _outcome(found)
    return What(
        action=action,
        access=_access(found, class_uid, activity_id, action),
        resource_type=target.kind,
        resource_name=target.name,
        resource_parent=target.parent,
        resources=target.others,
        outcome=outcome,
        reason=reason,
        bytes=integer(dig(found, "traffic", "bytes")),
    )


def _outcome(found: dict[str, Any]) -> tuple[Outcome | None, str | None]:
    """Return the outcome: a failure is a denial when a decision or its code says so."""
    status_id = integer(found.get("status_id"))
    code = text(found.get("status_code")) or text(dig(found, "api", "response", "error"))
    reason = text(found.get("status_detail")) or code
    reason = reason or text(dig(found, "api", "response", "error_message"))
    denied = (
        integer(found.get("action_id")) == _DENIED
        or integer(found.get("disposition_id")) in _BLOCKED
    )
    if status_id == 1:
        return "success", reason
    if denied or (status_id == 2 and code is not None and outcome_of(code) == "denied"):
        return "denied", reason
    if status_id == 2:
        return "failure", reason
    answered = integer(dig(found, "http_response", "code"))
    if answered is not None:
        return http_outcome(answered), reason
    if status_id == OTHER:
        return outcome_of(text(found.get("status")) or ""), reason
    return (None if status_id is None else "unknown"), reason


def _where(found: dict[str, Any]) -> Where:
    source = found.get("src_endpoint")
    address = text(dig(source, "ip"))
    via = texts(dig(source, "intermediate_ips")) or texts(
        dig(found, "http_request", "x_forwarded_for")
    )
    return Where(
        ip=address if address is not None and is_ip(address) else None,
        host=text(dig(source, "hostname")),
        port=integer(dig(source, "port")),
        agent=text(dig(found, "http_request", "user_agent")),
        via=via,
    )


def _context(found: dict[str, Any], *, ours: bool) -> Context:
    url = dig(found, "http_request", "url")
    duration_ms = integer(found.get("duration"))
    service = None if ours else text(dig(found, "metadata", "product", "name"))
    return Context(
        service_name=text(dig(found, "api", "service", "name"))
        or text(dig(found, "service", "name"))
        or service,
        service_version=text(dig(found, "api", "version")),
        endpoint=text(dig(url, "path")) or text(dig(url, "url_string")),
        correlation=text(dig(found, "metadata", "correlation_uid")),
        trace=text(dig(found, "trace", "uid")),
        span=text(dig(found, "trace", "span", "uid")),
        request=text(dig(found, "api", "request", "uid"))
        or text(dig(found, "http_request", "uid")),
        duration_us=duration_ms * 1000
        if duration_ms is not None and duration_ms < 1 << 53
        else None,
    )


def _content(found: dict[str, Any]) -> Content:
    message = text(found.get("message"))
    statement = text(dig(found, "query_info", "query_string")) or text(
        dig(found, "process", "cmd_line")
    )
    return Content(message, statement=statement) if message or statement else EMPTY_CONTENT


def _set_time(mapped: Mapped, found: dict[str, Any], *, ours: bool) -> None:
    """Set the time: µs of `time_dt` where there is one, else the ms of `time`."""
    metadata = found["metadata"]
    if ours and not _told(found, "time", "time"):
        return
    exact, count = text(found.get("time_dt")), integer(found.get("time"))
    mapped.original_time = text(metadata.get("original_time")) or exact or text(found.get("time"))
    mapped.time = rfc3339_us(exact) if exact is not None else None
    if mapped.time is None and count is not None:
        mapped.time = count_us(count)
    if mapped.time is None and mapped.original_time is not None:
        mapped.labels += ("unreadable:time",)


def _told(found: dict[str, Any], missing: str, field: str) -> bool:
    """Tell whether our export says that it knew a field, and did not only fill a place."""
    labels = texts(dig(found, "metadata", "labels"))
    return f"missing:{missing}" not in labels and f"withheld:{field}" not in labels


def _restore(mapped: Mapped, unmapped: Any) -> None:
    """Take our own fields back that OCSF has no place for; of the right types only."""
    if unmapped.__class__ is not dict:
        return
    for group in ("who", "what", "where", "context", "content"):
        mine = {name for name, (of, _) in FIELDS.items() if of == group}
        given = {
            name: value
            for name, value in unmapped.items()
            if name in mine and (value.__class__ is not int or integer(value) is not None)
        }
        if not given:
            continue
        values = getattr(mapped, group)
        kept = msgspec.to_builtins(values)
        try:
            restored = msgspec.convert({**kept, **given}, type(values))
        except (msgspec.ValidationError, OverflowError):
            mapped.labels += ("unreadable:unmapped",)
            continue
        setattr(mapped, group, restored)


def _list(value: Any) -> list[Any]:
    return value[: LIST_ITEMS_MAX + 1] if value.__class__ is list else []
