"""Native verbs in English: `FILE_UPLOAD` → upload, uploaded; what is not in the table stays native.

One table, for sentences only. The kind of access is derived elsewhere, when a record is mapped.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ACTION_CHARS_MAX = 128


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb's forms, and the words before its object.

    `of` stands there when rows are counted (`5 rows of customers`), else `to` (`posted to /users`),
    or `to_user` where the object is a user (`opened a session as root`). A `whole` one needs no
    object.
    """

    base: str
    past: str
    gerund: str
    of: str = "of"
    to: str = ""
    to_user: str = ""
    whole: bool = False


def _verb(base: str, past: str = "", gerund: str = "", of: str = "of", to: str = "") -> Verb:
    stem = base.removesuffix("e")
    return Verb(base, past or f"{stem}ed", gerund or f"{stem}ing", of, to)


_READ = _verb("read", "read")
_CREATE = _verb("create")
_UPDATE = _verb("update")
_DELETE = _verb("delete", of="from")
_RUN = _verb("run", "ran", "running")
_VERBS: dict[str, Verb] = {
    "read": _READ, "select": _READ, "get": _READ, "fetch": _READ, "create": _CREATE,
    "update": _UPDATE, "delete": _DELETE, "run": _RUN, "execute": _RUN, "exec": _RUN,
    "acknowledge": _verb("acknowledge"),
    "alter": _verb("alter"),
    "approve": _verb("approve"),
    "assign": _verb("assign"),
    "add": _verb("add"),
    "call": _verb("call"),
    "change": _verb("change"),
    "close": _verb("close"),
    "copy": _verb("copy", "copied", "copying"),
    "disable": _verb("disable"),
    "download": _verb("download"),
    "drop": _verb("drop", "dropped", "dropping"),
    "edit": _verb("edit"),
    "enable": _verb("enable"),
    "end": _verb("end"),
    "exclude": _verb("exclude"),
    "export": _verb("export", of="from"),
    "grant": _verb("grant"),
    "head": _verb("check"),
    "import": _verb("import", of="into"),
    "insert": _verb("insert", of="into", to="into"),
    "list": _verb("list"),
    "lock": _verb("lock"),
    "modify": _verb("modify", "modified"),
    "move": _verb("move"),
    "mute": _verb("mute"),
    "open": _verb("open"),
    "patch": _verb("patch"),
    "post": _verb("post", of="to", to="to"),
    "print": _verb("print"),
    "put": _verb("put", "put", "putting"),
    "prove": _verb("prove"),
    "query": _verb("query", "queried"),
    "raise": _verb("raise"),
    "reject": _verb("reject"),
    "remove": _verb("remove", of="from"),
    "rename": _verb("rename"),
    "reopen": _verb("reopen"),
    "repeat": _verb("repeat"),
    "revoke": _verb("revoke"),
    "search": _verb("search"),
    "share": _verb("share"),
    "show": _verb("view"),
    "silence": _verb("silence"),
    "start": _verb("start"),
    "stop": _verb("stop", "stopped", "stopping"),
    "truncate": _verb("truncate"),
    "unlock": _verb("unlock"),
    "unmute": _verb("unmute"),
    "upload": _verb("upload"),
    "verify": _verb("verify", "verified"),
    "view": _verb("view"),
    "write": _verb("write", "wrote"),
}  # fmt: skip
_THINGS = frozenset(
    {"alert", "alerts", "file", "files", "object", "record", "records", "data", "document",
     "documents", "row", "rows", "table", "item", "items", "resource", "entry", "event", "events"}
)  # fmt: skip


def _with(verb: Verb, thing: str, to: str = "", to_user: str = "", *, whole: bool = True) -> Verb:
    """Return a verb that names the thing that it is about: `open a session`, `create index`."""
    base, past, gerund = (f"{form} {thing}" for form in (verb.base, verb.past, verb.gerund))
    return Verb(base, past, gerund, to=to, to_user=to_user, whole=whole)


_CLOSE_SESSION = _with(_VERBS["close"], "a session", "on", "of")
_DISCONNECT = Verb("disconnect", "disconnected", "disconnecting", to="from", whole=True)
_CONNECT = Verb("connect", "connected", "connecting", to="to", whole=True)
_ADD_GROUP = _with(_VERBS["add"], "the group", whole=False)
_SWITCH = _with(_verb("switch"), "user", "to")
_PHRASES: dict[str, Verb] = {
    "session opened": _with(_VERBS["open"], "a session", "on", "as"),
    "session closed": _CLOSE_SESSION, "close session": _CLOSE_SESSION,
    "new session": _with(_verb("begin", "began", "beginning"), "a session", "on", "as"),
    "starting session": _with(_VERBS["start"], "a session", "on", "as"),
    "removed session": _with(_VERBS["end"], "a session", "on", "of"),
    "received disconnect": _DISCONNECT, "connection closed by": _DISCONNECT,
    "disconnected from": _DISCONNECT, "connection reset by": _DISCONNECT,
    "connection from": _CONNECT, "connection received": _CONNECT,
    "new user": _with(_VERBS["add"], "the user", whole=False),
    "new group": _ADD_GROUP, "group added": _ADD_GROUP,
    "delete user": _with(_DELETE, "the user", whole=False),
    "group removed": _with(_VERBS["remove"], "the group", whole=False),
    "su": _SWITCH, "successful su": _SWITCH, "failed su": _SWITCH,
    "password changed": _with(_VERBS["change"], "the password", "of"),
}  # fmt: skip
"""What login programs and account tools write in place of a verb, in lower case."""
_SAID = frozenset({"disconnecting", "duration", "statement"})
"""Words that say what was logged, and are no calls."""

BY_ACCESS: dict[str, Verb] = {
    "create": _CREATE, "read": _READ, "update": _UPDATE, "delete": _DELETE, "execute": _RUN,
    "administer": _verb("administer"), "other": _verb("touch"),
}  # fmt: skip
"""The verb for an access whose native verb is missing."""

LOG_IN = Verb("log in", "logged in", "logging in", to="to")
LOG_OUT = Verb("log out", "logged out", "logging out", to="of")
_LOGIN_PHRASES = frozenset({
    ("log", "in"), ("sign", "in"), ("authentication", "failure"), ("invalid", "user"),
    ("check", "pass"), ("password", "authentication", "failed"), ("input", "userauth", "request"),
})  # fmt: skip
_LOGIN_WORDS = frozenset({"login", "logon", "signin", "accepted", "authorized", "authenticated"})
_LOGOUT_WORDS = frozenset({"logout", "logoff", "signout", "disconnected", "disconnection"})


def words_of(action: str) -> list[str]:
    """Return the words of a native verb in lower case: `GetSecretValue` → get, secret, value."""
    return list(_words(action[:_ACTION_CHARS_MAX]))


@lru_cache(maxsize=1024)
def _words(action: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(action))


def verb_of(action: str, resource: str | None = None) -> Verb | None:
    """Return the English verb of a plain native verb, or None when it says more than a verb.

    What it says beside the verb may be the resource again: `crm.export_customers` on customers,
    CUSTOMER_SEARCH on customers.
    """
    known = _PHRASES.get(action.lower())
    if known is not None:
        return known
    words = words_of(action)
    if len(words) == 2:
        words = [word for word in words if word not in _THINGS]
    if len(words) == 1:
        return _VERBS.get(words[0])
    if action.isupper() and " " in action and len(words) in {2, 3} and words[0] in _VERBS:
        return _with(_VERBS[words[0]], " ".join(words[1:]))
    last = words_of(action.rpartition(".")[2])
    if resource and 2 <= len(last) <= 4:
        named = {_singular(word) for word in words_of(resource)}
        for verb, others in ((last[0], last[1:]), (last[-1], last[:-1])):
            if verb in _VERBS and all(_singular(word) in named for word in others):
                return _VERBS[verb]
    return None


def is_phrase(action: str) -> bool:
    """Tell whether a native verb without an English one is a phrase, and no name of a call."""
    return " " in action or action.lower() in _SAID


def _singular(word: str) -> str:
    return word.removesuffix("s")


def login_verb(action: str | None) -> Verb | None:
    """Return the verb of an authentication, or None when its native verb is something else."""
    if action and action.lower() in _PHRASES:
        return None
    words = words_of(action or "")
    if not words or words[0] == "failed" or tuple(words) in _LOGIN_PHRASES:
        return LOG_IN
    if words in (["log", "out"], ["sign", "out"]) or not _LOGOUT_WORDS.isdisjoint(words):
        return LOG_OUT
    return None if _LOGIN_WORDS.isdisjoint(words) else LOG_IN
