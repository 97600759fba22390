"""What an OCSF event was done to: which of its objects is the target, by class and in general."""

from typing import Any, NamedTuple

from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.json_record import text
from whodid.normalize.ocsf_classes import ABOUT_USERS, AUTHENTICATION, GROUP, HTTP, OURS


class Target(NamedTuple):
    """The resource: its type, name, parent, and the names of others."""

    kind: str | None = None
    name: str | None = None
    parent: str | None = None
    others: tuple[str, ...] = ()


def dig(value: Any, *keys: str) -> Any:
    """Return what stands under the keys, None when one is missing or no object."""
    for key in keys:
        if value.__class__ is not dict:
            return None
        value = value.get(key)
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list; one item more than is kept at most."""
    if value.__class__ is not list:
        return ()
    return tuple(item for item in value if item.__class__ is str and item)[: LIST_ITEMS_MAX + 1]


def resource_of(found: dict[str, Any], class_uid: int) -> Target:
    """Return the target of an event, an empty one when it names none."""
    if class_uid == AUTHENTICATION.uid:
        return _logged_in_to(found)
    if class_uid in ABOUT_USERS and (target := _named("user", found.get("user"))) is not None:
        return target
    if class_uid == GROUP.uid:
        group = _named("group", found.get("group"))
        member = _name(found.get("user"))
        if group is not None:
            return group._replace(others=() if member is None else (member,))
    if class_uid == HTTP.uid:
        return _url(found)
    for look in (_file, _table, _resources, _entity, _process):
        target = look(found)
        if target is not None:
            return target
    return _url(found)


def _name(value: Any) -> str | None:
    return text(dig(value, "name")) or text(dig(value, "uid")) or text(dig(value, "email_addr"))


def _named(kind: str, value: Any) -> Target | None:
    name = _name(value)
    return None if name is None else Target(kind, name)


def _logged_in_to(found: dict[str, Any]) -> Target:
    """Return the service or the machine that somebody logged in to."""
    if dig(found, "metadata", "product", "name") == OURS:
        return Target()  # it has its own names for it
    service = _named("service", found.get("service"))
    if service is not None:
        return service
    for key in ("dst_endpoint", "device"):
        endpoint = found.get(key)
        name = text(dig(endpoint, "hostname")) or _name(endpoint) or text(dig(endpoint, "ip"))
        if name is not None:
            return Target("host", name)
    return Target()


def _url(found: dict[str, Any]) -> Target:
    url = dig(found, "http_request", "url")
    path = text(dig(url, "path")) or text(dig(url, "url_string"))
    host = text(dig(url, "hostname"))
    return Target() if path is None else Target("path", path, host)


def _file(found: dict[str, Any]) -> Target | None:
    file = found.get("file")
    name = text(dig(file, "path")) or text(dig(file, "name")) or text(dig(file, "uid"))
    if name is None:
        return None
    kind = text(dig(file, "type")) if dig(file, "type_id") == 99 else None
    parent = text(dig(found, "device", "hostname")) or text(dig(found, "device", "name"))
    return Target(kind or "file", name, parent)


def _table(found: dict[str, Any]) -> Target | None:
    database = _name(found.get("database"))
    table = _name(found.get("table"))
    if table is not None:
        return Target("table", table, database)
    bucket = found.get("databucket")
    name = _name(bucket)
    if name is not None:
        inner = text(dig(bucket, "file", "path")) or text(dig(bucket, "file", "name"))
        return Target("bucket", name) if inner is None else Target("object", f"{name}/{inner}")
    return None if database is None else Target("database", database)


def _resources(found: dict[str, Any]) -> Target | None:
    for key in ("resources", "web_resources"):
        listed = found.get(key)
        if listed.__class__ is not list:
            continue
        items = [item for item in listed[: LIST_ITEMS_MAX + 2] if _resource_name(item) is not None]
        if items:
            first, *others = items
            named = (_resource_name(item) for item in others)
            return Target(
                text(dig(first, "type")) or ("web resource" if key == "web_resources" else None),
                _resource_name(first),
                text(dig(first, "namespace")) or text(dig(first, "owner", "account", "uid")),
                tuple(name for name in named if name is not None),
            )
    resource = found.get("resource")
    name = _resource_name(resource)
    return None if name is None else Target(text(dig(resource, "type")), name)


def _resource_name(value: Any) -> str | None:
    return text(dig(value, "name")) or text(dig(value, "uid")) or text(dig(value, "url_string"))


def _entity(found: dict[str, Any]) -> Target | None:
    entity = found.get("entity")
    for kind in ("user", "group", "policy", "device", "org"):
        target = _named(kind, dig(entity, kind))
        if target is not None and _name(entity) is None:
            return target
    name = _name(entity)
    if name is not None:
        return Target(text(dig(entity, "type")), name)
    for kind in ("group", "app", "iam_role", "role"):
        target = _named(kind, found.get(kind))
        if target is not None:
            return target
    return None


def _process(found: dict[str, Any]) -> Target | None:
    process = found.get("process")
    name = text(dig(process, "file", "path")) or _name(process) or text(dig(process, "pid"))
    parent = text(dig(found, "device", "hostname")) or text(dig(found, "device", "name"))
    return None if name is None else Target("process", name, parent)
