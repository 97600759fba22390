"""An Event as an OCSF 1.6 event, for tools that read nothing else (schema.ocsf.io/1.6.0).

The class follows the kind of access and of resource: Authentication, Datastore Activity, File
Hosting Activity, HTTP Activity, Account Change, Group and Entity Management, else API Activity; an
event without an action is a Base Event. What the class has no place for is under `unmapped`, by our
own names, so that nothing is lost and `ocsf` reads it back. What a class requires and the event
does not tell is `unknown`, and a label says so. Severity is always Informational: whodid records,
it does not rate.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import whodid
from whodid.event import FIELDS, Change, Event, Redaction
from whodid.normalize.address import is_ip
from whodid.normalize.ocsf_choice import Choice, choose
from whodid.normalize.ocsf_classes import BASE, CATEGORIES, HTTP, OTHER, OURS, UNKNOWN

Document = dict[str, Any]

VERSION = "1.6.0"
_USER_TYPES = {"user": (1, "User"), "system": (3, "System"), "service": (4, "Service")}
_STATUS = {"success": (1, "Success"), "failure": (2, "Failure"), "denied": (2, "Failure"),
           "unknown": (0, "Unknown")}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_IP_CHARS_MAX = 40
_PORT_MAX = 65_535
_ELSEWHERE = frozenset(("id", "time", "received", "original_time", "labels", "source", "format"))
"""Fields that are always in `metadata` or at the top."""


def ocsf_document(event: Event, withheld: Sequence[str] = ()) -> Document:
    """Return the event as OCSF; valid for any event.

    `withheld` names fields that the reader may not see and the event does not hold: labels say so.
    """
    return _Export(event, withheld).document()


class _Export:
    """One event on its way: `placed` are the fields that have found a place."""

    def __init__(self, event: Event, withheld: Sequence[str]) -> None:
        self._event = event
        self._withheld = withheld
        self._choice: Choice = choose(event)
        self._placed: set[str] = set(_ELSEWHERE)
        self._missing: list[str] = []
        self._profiles = ["datetime"]

    def document(self) -> Document:
        """Put the parts together, the unplaced last."""
        choice = self._choice
        uid, activity = choice.known.uid, choice.activity_id
        document: Document = {
            "class_uid": uid,
            "class_name": choice.known.name,
            "category_uid": uid // 1000,
            "category_name": CATEGORIES[uid // 1000],
            "activity_id": activity,
            "activity_name": choice.activity_name,
            "type_uid": uid * 100 + activity,
            "type_name": f"{choice.known.name}: {choice.activity_name}",
            "severity_id": 1,
            "severity": "Informational",
        }
        document |= self._outcome() | self._who() | self._where() | self._http()
        document |= self._target() | self._content() | self._time()
        document["metadata"] = self._metadata()
        document |= self._raw()
        unmapped = self._unmapped()
        return document | ({"unmapped": unmapped} if unmapped else {})

    def _take(self, name: str) -> Any:
        """Return a field's value and count it as placed."""
        self._placed.add(name)
        return self._event.field(name)

    def _outcome(self) -> Document:
        outcome = self._take("outcome")
        reason = self._take("reason")
        document: Document = {} if reason is None else {"status_detail": reason}
        if outcome is not None:
            document["status_id"], document["status"] = _STATUS[outcome]
        if outcome == "denied":
            self._profiles.append("security_control")
            document |= {
                "action_id": 2, "action": "Denied", "disposition_id": 2, "disposition": "Blocked",
            }  # fmt: skip
        return document

    def _who(self) -> Document:
        choice = self._choice
        user = self._user()
        session_id = self._take("actor.session")
        session = {} if session_id is None else {"session": {"uid": session_id}}
        if user is None and (choice.needs_actor or choice.is_login):
            self._missing.append("missing:actor")
            user = {"name": "unknown", "type_id": UNKNOWN, "type": "Unknown"}
        if choice.is_login:
            return {"user": user, **session}
        if user is None and not session:
            return {}
        if choice.known in (BASE, HTTP):
            self._profiles.append("host")
        return {"actor": ({} if user is None else {"user": user}) | session}

    def _user(self) -> Document | None:
        event = self._event
        uid, name = self._take("actor.id"), self._take("actor.name")
        if uid is None and name is None:
            return None
        user: Document = {}
        if uid is not None:
            user["uid"] = uid
        if name is not None or uid is not None:
            user["name"] = name if name is not None else uid
        kind = event.who.actor_type
        self._placed.add("actor.type")
        if kind is None:
            user |= {"type_id": UNKNOWN, "type": "Unknown"}
        elif kind in _USER_TYPES:
            user["type_id"], user["type"] = _USER_TYPES[kind]
        else:
            user |= {"type_id": OTHER, "type": kind}
        groups = self._take("actor.groups")
        return user | ({"groups": [{"name": group} for group in groups]} if groups else {})

    def _where(self) -> Document:
        if not self._choice.has_source:
            return {}
        where = self._event.where
        endpoint: Document = {}
        if where.ip is not None and _is_ip(where.ip):
            endpoint["ip"] = self._take("ip")
        if where.host is not None:
            endpoint["hostname"] = self._take("host")
        if not endpoint:
            if not self._choice.needs_source:
                return {}
            self._missing.append("missing:ip")
            endpoint["name"] = "unknown"
        if where.port is not None and 0 <= where.port <= _PORT_MAX:
            endpoint["port"] = self._take("port")
        if where.via and all(map(_is_ip, where.via)):
            endpoint["intermediate_ips"] = list(self._take("via"))
        return {"src_endpoint": endpoint}

    def _http(self) -> Document:
        if not self._choice.has_source:
            return {}
        event, request = self._event, {}
        if event.where.agent is not None:
            request["user_agent"] = self._take("agent")
        if event.context.request is not None and not self._choice.is_api:
            request["uid"] = self._take("request")
        endpoint = event.context.endpoint
        if endpoint is not None and endpoint.startswith("/"):
            request["url"] = {"path": self._take("endpoint")}
        elif self._choice.known is HTTP and endpoint is not None:
            request["url"] = {"url_string": self._take("endpoint")}
        if self._choice.known is HTTP:
            request["http_method"] = event.what.action
        return {"http_request": request} if request else {}

    def _target(self) -> Document:
        document, names = self._choice.target(self._event)
        if self._event.what.resource_name is None:
            self._missing.append("missing:resource")
        self._placed.update(names)
        return document

    def _content(self) -> Document:
        content, duration_us = self._event.content, self._event.context.duration_us
        document: Document = {}
        if content.message is not None:
            document["message"] = self._take("message")
        if duration_us is not None:
            document["duration"] = duration_us // 1000
            if duration_us % 1000 == 0:
                self._placed.add("duration_us")
        return document

    def _time(self) -> Document:
        when = self._event.when
        time_us = when.time if when.time is not None else when.received
        if when.time is None:
            self._missing.append("missing:time")
        return {"time": time_us // 1000, "time_dt": _instant(time_us)}

    def _metadata(self) -> Document:
        event = self._event
        labels = [f"withheld:{name}" for name in self._withheld]
        labels += [*event.envelope.labels, *self._missing_labels()]
        metadata: Document = {
            "version": VERSION,
            "product": {"name": OURS, "vendor_name": OURS, "version": whodid.__version__},
            "profiles": sorted(self._profiles),
            "uid": event.when.id,
            "original_time": event.when.original_time,
            "logged_time": event.when.received // 1000,
            "logged_time_dt": _instant(event.when.received),
            "event_code": self._take("action"),
            "log_name": event.envelope.source,
            "log_provider": event.envelope.format,
            "correlation_uid": self._take("correlation"),
            "labels": list(dict.fromkeys(labels)),
        }
        return {key: value for key, value in metadata.items() if value not in (None, [])}

    def _missing_labels(self) -> list[str]:
        """Return what the event does not tell; what only this reader may not see is not missing."""
        seen = {"missing:actor": "actor.id", "missing:time": "time",
                "missing:resource": "resource.name", "missing:ip": "ip"}  # fmt: skip
        return [label for label in self._missing if seen[label] not in self._withheld]

    def _raw(self) -> Document:
        raw = self._event.raw
        try:
            return {"raw_data": raw.decode()} if raw else {}
        except UnicodeDecodeError:
            # OCSF has no bytes here: what is not UTF-8 is shown, and kept whole in the ledger
            return {"raw_data": raw.decode("utf-8", "backslashreplace")}

    def _unmapped(self) -> Document:
        rest: Document = {}
        for name in FIELDS:
            if name in self._placed:
                continue
            value = self._event.field(name)
            if value is None or value == () or (name, value) == ("identity", "none"):
                continue
            rest[name] = [_item(item) for item in value] if isinstance(value, tuple) else value
        return rest


def _instant(time_us: int) -> str:
    """Return RFC 3339 in UTC with six decimals; the pure floor has no clock to ask."""
    return f"{(_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec='microseconds')}Z"


def _is_ip(text: str) -> bool:
    return len(text) <= _IP_CHARS_MAX and is_ip(text)


def _item(item: Any) -> Any:
    if isinstance(item, Change):
        values = {"field": item.field, "before": item.before, "after": item.after}
        return {key: value for key, value in values.items() if value is not None}
    if isinstance(item, Redaction):
        return {"offset": item.offset, "length": item.length, "rule": item.rule}
    return item
