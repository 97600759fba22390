"""What useradd, usermod, passwd and their kin say, and systemd-logind: accounts and sessions.

Who ran the tool is not in its line and so not in the event. Written from shadow 4.x and systemd.
"""

import re
from collections.abc import Callable

from whodid.event import Change, Content, Mapped, Outcome, What, Who

_NEW = re.compile(r"(new user|new group|group added to \S+): name=([^,]*)(?:,.*)?").fullmatch
_MEMBER = re.compile(r"(add|delete) '([^']*)' (?:to|from) (?:shadow )?group '([^']*)'").fullmatch
_GPASSWD = re.compile(r"user (\S+) (added|removed) by (\S+) (?:to|from) group (\S+)").fullmatch
_CHANGE = re.compile(
    r"change (user|group) '([^']*)' ([A-Za-z ]{1,64}?)(?: from '([^']*)' to '([^']*)')?"
).fullmatch
_NAMED = re.compile(
    r"((?:un)?lock user|delete user|failed adding user|removed (?:shadow )?group|group"
    r"|password for|failed adding group) '([^']*)'(.*)"
).fullmatch
_CHANGED_BY = re.compile(r" changed by '([^']*)'").fullmatch
_AGE = re.compile(r"(changed password expiry) for (\S+)").fullmatch
_NEW_SESSION = re.compile(
    r"New session '?([^\s']++)'? of user '?([^\s']+?)'?(?: with .*)?\.", re.DOTALL
).fullmatch
_OLD_SESSION = re.compile(
    r"(Removed session) '?([^\s'.]++)'?\.|Session '?([^\s'.]++)'? logged out\..*", re.DOTALL
).fullmatch


def map_accounts(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map a message of the shadow tools; return False when it is of no known shape."""
    return any(rule(text, machine, mapped) for rule in _RULES)


def _fill(
    mapped: Mapped,
    action: str,
    type_: str,
    name: str,
    machine: str | None,
    outcome: Outcome = "success",
    resources: tuple[str, ...] = (),
) -> bool:
    mapped.what = What(
        action, "administer", type_, name or None, machine, resources=resources, outcome=outcome
    )
    return True


def _new(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _NEW(text)
    if match is None:
        return False
    type_ = "user" if match[1] == "new user" else "group"
    return _fill(mapped, match[1].partition(" to ")[0], type_, match[2], machine)


def _member(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _MEMBER(text)
    if match is not None:
        return _fill(mapped, match[1], "group", match[3], machine, resources=(match[2],))
    match = _GPASSWD(text)
    if match is None:
        return False
    mapped.who = Who(actor_id=match[3], actor_type="user")
    return _fill(mapped, match[2], "group", match[4], machine, resources=(match[1],))


def _change(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _CHANGE(text)
    if match is None:
        return False
    type_, name, what, before, after = match.groups()
    mapped.content = Content(message=text, changes=(Change(what, before, after),))
    return _fill(mapped, f"change {type_}", type_, name, machine)


def _named(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _NAMED(text)
    if match is None:
        match = _AGE(text)
        return match is not None and _fill(mapped, match[1], "user", match[2], machine)
    action, name, rest = match.groups()
    outcome: Outcome = "failure" if action.startswith("failed") else "success"
    changed = _CHANGED_BY(rest)
    if action == "password for":
        if changed is None:
            return False
        mapped.who = Who(actor_id=changed[1] or None, actor_type="user")
        action = "password changed"
    elif action == "group":
        if not rest.startswith(" removed"):
            return False
        action = "group removed"
    type_ = "group" if "group" in action else "user"
    return _fill(mapped, action, type_, name, machine, outcome)


def map_logind(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map a message of systemd-logind; return False when it is of no known shape."""
    type_ = "host" if machine else None
    match = _NEW_SESSION(text)
    if match is not None:
        mapped.who = Who(actor_id=match[2] or None, actor_type="user", actor_session=match[1])
        mapped.what = What("New session", "authenticate", type_, machine, outcome="success")
        return True
    match = _OLD_SESSION(text)
    if match is None:
        mapped.who = Who(actor_type="system")
        return False
    action, removed, left = match.groups()
    mapped.who = Who(actor_session=removed or left)
    mapped.what = What(action or "logged out", "authenticate", type_, machine, outcome="success")
    return True


_RULES: tuple[Callable[[str, str | None, Mapped], bool], ...] = (_new, _member, _change, _named)
