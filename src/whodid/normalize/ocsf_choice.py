"""Which OCSF class an Event is, which activity of it, and where its resource goes.

The class follows the kind of access and the type of resource, the activity the words of the verb.
Where no activity of the class says the same, it is 99 (Other) with the verb as its name.
"""

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from whodid.event import Access, Event
from whodid.normalize.ocsf_classes import (
    ACCOUNT_CHANGE,
    API,
    AUTHENTICATION,
    BASE,
    DATASTORE,
    ENTITY,
    FILE_HOSTING,
    GROUP,
    HTTP,
    OTHER,
    UNKNOWN,
    OcsfClass,
)

Placed = tuple[dict[str, Any], tuple[str, ...]]
"""Parts of the document, and the names of our fields that they hold."""

_METHODS = {
    "CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8,
    "PATCH": 9,
}  # fmt: skip
_FILES = frozenset(("file", "document"))
_TABLES = frozenset(("table", "view", "materialized view", "foreign table"))
_DATA = _TABLES | {"database", "sequence", "index", "schema", "collection"}
_ACCOUNTS = frozenset(("user", "account"))
_CRUD: dict[Access, int] = {"create": 1, "read": 2, "update": 3, "delete": 4}
_DATASTORE: dict[Access, int] = {"read": 1, "update": 2, "delete": 7, "execute": 4}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+").findall

_CREATES = frozenset(("create", "created", "new", "add", "added", "register", "useradd"))
_DELETES = frozenset(("delete", "deleted", "remove", "removed", "drop", "destroy", "userdel"))
_LOGS_OFF = frozenset(("logout", "logoff", "signout", "disconnect", "disconnected", "closed",
                       "disconnection", "out", "off", "removed"))  # fmt: skip
_LOGS_ON = frozenset(("login", "logon", "signin", "connect", "connected", "connection", "accepted",
                      "opened", "password", "authenticate", "authenticated", "authentication",
                      "authorized", "assume", "session", "log", "sign", "failed"))  # fmt: skip


class Choice(Struct, frozen=True):
    """Class, activity, and how the class wants its target."""

    known: OcsfClass
    activity_id: int
    activity_name: str
    target: Callable[[Event], Placed]

    @property
    def is_login(self) -> bool:
        """Tell whether who acts is `user`, not `actor.user`."""
        return self.known is AUTHENTICATION

    @property
    def is_api(self) -> bool:
        """Tell whether the request's id has a place in `api`."""
        return self.known is API

    @property
    def needs_actor(self) -> bool:
        """Tell whether the class requires an actor."""
        return self.known in (API, DATASTORE, FILE_HOSTING)

    @property
    def has_source(self) -> bool:
        """Tell whether the class has a place for where it came from."""
        return self.known is not BASE

    @property
    def needs_source(self) -> bool:
        """Tell whether it requires that."""
        return self.needs_actor


def choose(event: Event) -> Choice:
    """Return the class of an event; never raises."""
    what = event.what
    action = what.action
    if action is None:
        return Choice(BASE, UNKNOWN, "Unknown", _nothing)
    if what.access == "authenticate":
        return _choice(AUTHENTICATION, _login(action), action, _service)
    if action in _METHODS and event.context.endpoint is not None:
        return _choice(HTTP, _METHODS[action], action, _nothing_of_http)
    return _by_resource(event, action) or _choice(API, _crud(what.access), action, _api)


def _by_resource(event: Event, action: str) -> Choice | None:
    what = event.what
    kind = (what.resource_type or "").lower()
    if event.content.statement is not None or kind in _DATA:
        if what.resource_name is None and what.resource_parent is None:
            return None
        return _choice(DATASTORE, _datastore(action, what.access), action, _datastore_target)
    if what.resource_name is None:
        return None
    if what.access == "administer":
        return _administered(kind, action)
    return _choice(FILE_HOSTING, _crud(what.access), action, _file) if kind in _FILES else None


def _administered(kind: str, action: str) -> Choice:
    if kind in _ACCOUNTS:
        return _choice(ACCOUNT_CHANGE, _account(action), action, _account_target)
    if kind == "group":
        return _choice(GROUP, _group(action), action, _group_target)
    return _choice(ENTITY, _entity(action), action, _entity_target)


def _crud(access: Access | None) -> int:
    return OTHER if access is None else _CRUD.get(access, OTHER)


def _choice(
    known: OcsfClass, activity: int, action: str, target: Callable[[Event], Placed]
) -> Choice:
    name = action if activity == OTHER else known.activities[activity][0]
    return Choice(known, activity, name, target)


# --- activities ----------------------------------------------------------------------------------


def _words(action: str) -> set[str]:
    return {word.lower() for word in _WORDS(action[:128])}


def _login(action: str) -> int:
    words = _words(action) | {action.lower().replace("_", "").replace(" ", "")}
    if words & _LOGS_OFF:
        return 2
    return 1 if words & _LOGS_ON else OTHER


def _datastore(action: str, access: Access | None) -> int:
    if access == "create":
        return 6 if _words(action) & _CREATES else 5
    return OTHER if access is None else _DATASTORE.get(access, OTHER)


def _account(action: str) -> int:
    words = _words(action)
    if "password" in words:
        return 4 if "reset" in words else 3
    if "policy" in words:
        return 7 if words & {"attach", "put", "add"} else 8 if words & {"detach", *_DELETES} else 99
    for activity, said in ((1, _CREATES), (6, _DELETES), (2, {"enable", "enabled", "activate"}),
                           (5, {"disable", "disabled", "deactivate"}), (9, {"lock", "locked"}),
                           (12, {"unlock", "unlocked"})):  # fmt: skip
        if words & said and not words & {"key", "role", "mfa", "profile", "group", "permission"}:
            return activity
    return OTHER


def _group(action: str) -> int:
    words = _words(action)
    if words & {"create", "created", "new"}:
        return 6
    if words & {"destroy", "drop"} or (words & {"delete", "removed"} and "group" in words):
        return 5
    if words & {"add", "added", "join"}:
        return 3
    return 4 if words & {"remove", "removed", "delete", "leave"} else OTHER


def _entity(action: str) -> int:
    words = _words(action)
    for activity, said in ((1, _CREATES), (4, _DELETES), (8, {"enable", "enabled"}),
                           (9, {"disable", "disabled"}), (10, {"activate", "activated"}),
                           (11, {"deactivate", "deactivated"}), (12, {"suspend", "suspended"}),
                           (13, {"resume", "resumed"}), (6, {"enroll", "enrolled"}),
                           (5, {"move", "moved"}),
                           (3, {"update", "updated", "change", "changed", "modify", "put", "set",
                                "alter", "patch", "edit"})):  # fmt: skip
        if words & said:
            return activity
    return OTHER


# --- targets -------------------------------------------------------------------------------------


def _nothing(_event: Event) -> Placed:
    return {}, ()


def _nothing_of_http(event: Event) -> Placed:
    """Place nothing but the resource, when that is the path."""
    what = event.what
    same = what.resource_name == event.context.endpoint and what.resource_type == "path"
    return {}, ("resource.name", "resource.type") if same else ()


def _service(event: Event) -> Placed:
    """Return what was logged in to; the declared source when the record names no service."""
    name = event.context.service_name
    if name is None:
        return {"service": {"name": event.envelope.source}}, ()
    return {"service": {"name": name}}, ("service.name",)


def _datastore_target(event: Event) -> Placed:
    what = event.what
    kind = (what.resource_type or "").lower()
    document: dict[str, Any] = {}
    placed: list[str] = []
    if kind in _TABLES and what.resource_name is not None:
        document["table"] = {"name": what.resource_name}
        placed += ["resource.name"] + (["resource.type"] if what.resource_type == "table" else [])
        if what.resource_parent is not None:
            document["database"] = _database(what.resource_parent)
            placed.append("resource.parent")
    else:
        document["database"] = _database(what.resource_parent or what.resource_name or "")
        if kind == "database" and what.resource_parent is None:
            placed.append("resource.name")
    statement = event.content.statement
    if statement is not None:
        uid = event.context.request or event.when.id
        document["query_info"] = {"uid": uid, "query_string": statement}
        placed.append("statement")
    return document, tuple(placed)


def _database(name: str) -> dict[str, Any]:
    return {"name": name, "type_id": UNKNOWN, "type": "Unknown"}


def _file(event: Event) -> Placed:
    name, kind = event.what.resource_name or "", event.what.resource_type
    file: dict[str, Any] = {"name": name.rpartition("/")[2] or name, "path": name}
    if kind == "file":
        return {"file": {**file, "type_id": UNKNOWN, "type": "Unknown"}}, _RESOURCE
    return {"file": {**file, "type_id": OTHER, "type": kind}}, _RESOURCE


_RESOURCE = ("resource.name", "resource.type")


def _account_target(event: Event) -> Placed:
    user = {"name": event.what.resource_name, "type_id": UNKNOWN, "type": "Unknown"}
    return {"user": user}, ("resource.name",)


def _group_target(event: Event) -> Placed:
    return {"group": {"name": event.what.resource_name}}, ("resource.name",)


def _entity_target(event: Event) -> Placed:
    entity = {"name": event.what.resource_name}
    if event.what.resource_type is not None:
        entity["type"] = event.what.resource_type
    return {"entity": entity}, _RESOURCE


def _api(event: Event) -> Placed:
    what, context = event.what, event.context
    api: dict[str, Any] = {"operation": what.action}
    placed: list[str] = []
    if context.service_name is not None:
        api["service"] = {"name": context.service_name}
        placed.append("service.name")
    if context.service_version is not None:
        api["version"] = context.service_version
        placed.append("service.version")
    if context.request is not None:
        api["request"] = {"uid": context.request}
        placed.append("request")
    resources = []
    if what.resource_name is not None:
        resource = {"name": what.resource_name, "type": what.resource_type,
                    "namespace": what.resource_parent}  # fmt: skip
        resources.append({key: value for key, value in resource.items() if value is not None})
        placed += ["resource.name", "resource.type", "resource.parent", "resources"]
        resources += [{"name": name} for name in what.resources]
    document: dict[str, Any] = {"api": api}
    return document | ({"resources": resources} if resources else {}), tuple(placed)
