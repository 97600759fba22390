"""Kubernetes audit (format `kubernetes`): events of audit.k8s.io/v1, from files and the webhook.

The API server writes one event for each stage of a request, so the identity is `auditID/stage`.
`user` is who authenticated; with impersonation it acts as `impersonatedUser`, which is then
`actor.on_behalf_of`. Fields and their meaning: kubernetes.io, "kube-apiserver Audit Configuration
(v1)".

It does not read bodies of requests beyond the name of what was created, and does not join stages.
"""

import re
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from whodid.event import (
    EMPTY_CONTENT,
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
from whodid.normalize.access import http_outcome
from whodid.normalize.address import is_ip
from whodid.normalize.format import Framing
from whodid.normalize.json_record import decode, integer, text
from whodid.normalize.kubernetes_access import access_of_request
from whodid.normalize.timestamps import naive_us, rfc3339_us

_NO_DICT: dict[str, Any] = {}
_MARKS = (b'"stage"', b'"objectRef"', b'"requestURI"', b'"audit.k8s.io/')
_COLLECTIONS = frozenset(("list", "watch", "deletecollection"))
_COMMANDS = frozenset(("exec", "attach"))
_DECISION = "authorization.k8s.io/decision"
_REASON = "authorization.k8s.io/reason"
_CREDENTIAL = "authentication.kubernetes.io/credential-id"
_TRUNCATED = "audit.k8s.io/truncated"
_NOTHING_KNOWN = "the record has neither verb, user nor requestURI: it is no audit event"
_is_system = re.compile("(?:system|eks):").match


class Kubernetes:
    """The format `kubernetes`. Invariants: see `Format`; one stage of a request, one event."""

    name: ClassVar[str] = "kubernetes"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = "items"
    records_mark: ClassVar[bytes] = b'"audit.k8s.io/'

    def sniff(self, record: bytes) -> bool:
        """Tell whether the record is an object with an audit id and what goes with one."""
        return (
            b'"auditID"' in record
            and any(mark in record for mark in _MARKS)
            and record.lstrip()[:1] == b"{"
            and isinstance(decode(record), dict)
        )

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002 (its times are whole)
        """Map one event; a reason in `quarantine` when it is not JSON or no audit event."""
        found = decode(record)
        if isinstance(found, str):
            return Mapped(quarantine=found)
        verb, uri = text(found.get("verb")), text(found.get("requestURI"))
        user = _dict(found.get("user"))
        if verb is None and uri is None and not user:
            return Mapped(quarantine=_NOTHING_KNOWN)
        stage, audit_id = text(found.get("stage")), text(found.get("auditID"))
        annotations = _dict(found.get("annotations"))
        mapped = Mapped(
            who=_who(user, _dict(found.get("impersonatedUser"))),
            what=_what(found, verb, uri, stage, annotations),
            where=_where(found),
            native_id=f"{audit_id}/{stage}" if audit_id and stage else audit_id,
        )
        _set_times(mapped, found, uri, audit_id)
        mapped.content = _content(found, uri)
        if stage is not None:
            mapped.labels += (f"stage:{stage}",)
        if mapped.where.via:
            mapped.labels += ("claimed:ip",)
        if annotations.get(_TRUNCATED) == "true":
            mapped.labels += ("cut:body",)
        return mapped


def _dict(value: Any) -> dict[str, Any]:
    return value if value.__class__ is dict else _NO_DICT


def _texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list; one more than is kept at most."""
    if value.__class__ is not list:
        return ()
    return tuple(item for item in value if item.__class__ is str and item)[: LIST_ITEMS_MAX + 1]


def _who(user: dict[str, Any], acts_as: dict[str, Any]) -> Who:
    name = text(user.get("username"))
    extra = _dict(user.get("extra"))
    credential = _texts(extra.get(_CREDENTIAL)) or _texts(extra.get("sessionName"))
    return Who(
        actor_id=name,
        actor_type=None if name is None else _actor_type(name),
        actor_on_behalf_of=text(acts_as.get("username")),
        actor_session=credential[0] if credential else None,
        actor_groups=_texts(user.get("groups")),
    )


def _actor_type(name: str) -> ActorType:
    """Tell the kind of account; `system:` is reserved for Kubernetes' own parts."""
    if name.startswith("system:serviceaccount:"):
        return "service"
    if name == "system:anonymous":
        return "anonymous"
    return "system" if _is_system(name) else "user"


def _what(
    found: dict[str, Any],
    verb: str | None,
    uri: str | None,
    stage: str | None,
    annotations: dict[str, Any],
) -> What:
    target = _dict(found.get("objectRef"))
    kind, below = text(target.get("resource")), text(target.get("subresource"))
    namespace = text(target.get("namespace"))
    group = text(target.get("apiGroup"))
    outcome, reason = _outcome(_dict(found.get("responseStatus")), stage, annotations)
    if kind is None:
        resource, type_ = (_path(uri), "path") if uri is not None else (None, None)
    else:
        resource = _resource(found, target, verb, namespace)
        type_ = f"{kind}/{below}" if below is not None else kind
    return What(
        action=verb,
        access=None if verb is None else access_of_request(verb, group, kind, below),
        resource_type=type_,
        resource_name=resource,
        resource_parent=namespace,
        resource_labels=() if group is None else (f"api_group:{group}",),
        outcome=outcome,
        reason=reason,
    )


def _resource(
    found: dict[str, Any], target: dict[str, Any], verb: str | None, namespace: str | None
) -> str | None:
    """Return `namespace/name`; `*` stands for all of a collection.

    What is created under a generated name is named by the response, when the policy logs that.
    """
    name = text(target.get("name"))
    if name is None and verb in _COLLECTIONS:
        name = "*"
    if name is None:
        for body in ("responseObject", "requestObject"):
            name = name or text(_dict(_dict(found.get(body)).get("metadata")).get("name"))
    if name is None:
        return None
    return name if namespace is None else f"{namespace}/{name}"


def _outcome(
    status: dict[str, Any], stage: str | None, annotations: dict[str, Any]
) -> tuple[Outcome, str | None]:
    code = integer(status.get("code")) or 0
    reason = text(status.get("reason"))
    if annotations.get(_DECISION) == "forbid":
        return "denied", reason or text(annotations.get(_REASON)) or "forbid"
    if stage == "Panic":
        return "failure", reason or "Panic"
    if code:
        outcome = http_outcome(code)
        return outcome, reason or (None if outcome == "success" else str(code))
    failed = status.get("status") == "Failure"
    return ("failure" if failed else "unknown"), reason


def _where(found: dict[str, Any]) -> Where:
    """Name the client first and then the proxies, as the API server lists them.

    All but the last address are what the client says in X-Forwarded-For: hence `claimed:ip`.
    """
    addresses = _texts(found.get("sourceIPs"))
    first = addresses[0] if addresses and is_ip(addresses[0]) else None
    return Where(ip=first, agent=text(found.get("userAgent")), via=addresses[1:])


def _set_times(
    mapped: Mapped, found: dict[str, Any], uri: str | None, audit_id: str | None
) -> None:
    """Set when the request came and how long it took up to this stage."""
    began, reached = text(found.get("requestReceivedTimestamp")), text(found.get("stageTimestamp"))
    mapped.original_time = began if began is not None else reached
    duration_us = None
    if mapped.original_time is not None:
        mapped.time = rfc3339_us(mapped.original_time)
        if mapped.time is None:
            mapped.time = naive_us(mapped.original_time)
            mapped.labels += ("unreadable:time",) if mapped.time is None else ("assumed:utc",)
        if began is not None and reached is not None and mapped.time is not None:
            end = rfc3339_us(reached)
            duration_us = end - mapped.time if end is not None and end >= mapped.time else None
    mapped.context = Context(
        service_name="kubernetes",
        endpoint=None if uri is None else _path(uri),
        request=audit_id,
        duration_us=duration_us,
    )


def _path(uri: str) -> str:
    return uri.partition("?")[0]


def _content(found: dict[str, Any], uri: str | None) -> Content:
    """Return the API server's words, and the command of an exec, which stands in the URI only."""
    message = text(_dict(found.get("responseStatus")).get("message"))
    below = text(_dict(found.get("objectRef")).get("subresource"))
    words: tuple[str, ...] = ()
    if below in _COMMANDS and uri is not None:
        words = _command(uri)
    if message is None and not words:
        return EMPTY_CONTENT
    return Content(message, statement=" ".join(words) or None, params=words)


def _command(uri: str) -> tuple[str, ...]:
    """Return the words of `command=…&command=…`."""
    try:
        given = parse_qsl(urlsplit(uri).query, keep_blank_values=True, errors="replace")
    except ValueError:
        return ()
    return tuple(value for name, value in given if name == "command")[: LIST_ITEMS_MAX + 1]
