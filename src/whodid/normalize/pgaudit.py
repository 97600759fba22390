"""Messages of PostgreSQL's pgaudit extension.

    AUDIT: SESSION|OBJECT,stmt,substmt,CLASS,COMMAND,OBJECT_TYPE,OBJECT_NAME,STATEMENT,PARAMS[,ROWS]

CSV as pgaudit writes it: a field with a comma, quote or line break is quoted, quotes doubled;
a statement may span lines. PARAMS is itself such a list, quoted again. Written from the README of
pgaudit 1.7 and its real output.
"""

from typing import NamedTuple

from whodid.event import Access
from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.access import access_of

PREFIX = "AUDIT: "
_FIELDS_MIN = 9
_ROWS_DIGITS_MAX = 18
_COUNTED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"})
_PLACEHOLDERS = frozenset({"", "<none>", "<not logged>", "<previously logged>"})

_CLASS_ACCESS: dict[str, Access] = {
    "READ": "read", "FUNCTION": "execute", "ROLE": "administer", "WRITE": "update",
}  # fmt: skip
_COMMAND_ACCESS: dict[str, Access] = {
    "INSERT": "create", "COPY": "create", "UPDATE": "update", "MERGE": "update",
    "DELETE": "delete", "TRUNCATE": "delete", "TRUNCATE TABLE": "delete",
}  # fmt: skip


class Audit(NamedTuple):
    """One audited statement. `rows` only for commands whose rows pgaudit counts."""

    command: str
    access: Access
    object_type: str | None
    object_name: str | None
    statement: str | None
    params: tuple[str, ...]
    rows: int | None


def parse(message: str) -> Audit | None:
    """Read a message that starts with `PREFIX`; None when it is not one of pgaudit's."""
    fields = split_csv(message, len(PREFIX), _FIELDS_MIN + 1)
    if fields is None or len(fields) < _FIELDS_MIN or fields[0] not in ("SESSION", "OBJECT"):
        return None
    class_, command = fields[3], fields[4]
    rows = None
    if command in _COUNTED and len(fields) > _FIELDS_MIN:
        text = fields[_FIELDS_MIN]
        if text.isascii() and text.isdigit() and len(text) <= _ROWS_DIGITS_MAX:
            rows = int(text)
    return Audit(
        command,
        _access(class_, command),
        fields[5].lower() or None,
        fields[6] or None,
        None if fields[7] in _PLACEHOLDERS else fields[7],
        () if fields[8] in _PLACEHOLDERS else _params(fields[8]),
        rows,
    )


def _params(text: str) -> tuple[str, ...]:
    fields = split_csv(text, 0, LIST_ITEMS_MAX)
    return (text,) if fields is None else tuple(fields)


def _access(class_: str, command: str) -> Access:
    if class_ == "WRITE":
        return _COMMAND_ACCESS.get(command, "update")
    if class_ == "DDL":
        return access_of(command) or "other"
    return _CLASS_ACCESS.get(class_, "other")


def split_csv(text: str, at: int, fields_max: int) -> list[str] | None:
    """Split one CSV record from `at` on; None when a quote is not closed, or closed too early.

    Fields beyond `fields_max` are left out. Linear in the text.
    """
    fields: list[str] = []
    find = text.find
    while len(fields) < fields_max:
        if text.startswith('"', at):
            end = find('"', at + 1)
            while end >= 0 and text.startswith('"', end + 1):
                end = find('"', end + 2)
            if end < 0:
                return None
            fields.append(text[at + 1 : end].replace('""', '"'))
            at = end + 1
            if at < len(text) and text[at] != ",":
                return None
        else:
            comma = find(",", at)
            end = len(text) if comma < 0 else comma
            fields.append(text[at:end])
            at = end
        if at >= len(text):
            break
        at += 1
    return fields
