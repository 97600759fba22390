"""What PAM modules say in a program's name: `pam_unix(sshd:session): session opened for …`.

Written from the lines of Linux-PAM 1.1 to 1.5. Lines of other shapes are left to the caller.
"""

import re

from whodid.event import ActorType, Mapped, What, Where, Who
from whodid.normalize.address import peer

_PAM = re.compile(r"pam_[a-z0-9_]{1,32}\(([^():]{1,64}):([a-z_]{1,16})\): (.*)", re.DOTALL).match
_UID = re.compile(r"\(uid=[0-9]{1,10}\)\Z")
_NO_USER = re.compile(r'user "(.*)" does not exist in \S+', re.DOTALL).fullmatch
_NO_PASSWORD = re.compile(r"auth could not identify password for \[(.*)\]", re.DOTALL).fullmatch

_SWITCHES = frozenset(
    {"sudo", "sudo-i", "su", "su-l", "runuser", "runuser-l", "pkexec", "polkit-1"}
)
"""Services by which a user who is logged in acts as another."""

_JOBS = frozenset({"cron", "crond", "atd"})


def map_pam(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map a message of PAM on `machine`; return False when it is of no known shape."""
    match = _PAM(text)
    if match is None:
        return False
    service, _, said = match.groups()
    if said.startswith("session "):
        return _session(said, service, machine, mapped)
    if said.startswith("authentication failure;"):
        return map_failure(said, machine, mapped, switches=service in _SWITCHES)
    if said.startswith(("check pass;", "conversation failed", "bad username")):
        _on_machine(mapped, machine, said.partition(";")[0].partition(" [")[0], said)
        return True
    return _about_user(said, machine, mapped)


def _about_user(said: str, machine: str | None, mapped: Mapped) -> bool:
    if said.startswith("password changed for "):
        mapped.what = What(
            "password changed", "administer", "user", said[21:] or None, machine, outcome="success"
        )
        return True
    match = _NO_PASSWORD(said)
    if match is not None:
        mapped.who = Who(actor_id=match[1] or None, actor_type="user")
        _on_machine(mapped, machine, "auth could not identify password", said)
        return True
    match = _NO_USER(said)
    if match is not None:
        mapped.what = What(
            "does not exist", "administer", "user", match[1] or None, machine,
            outcome="failure", reason=said,
        )  # fmt: skip
    return match is not None


def map_failure(text: str, machine: str | None, mapped: Mapped, *, switches: bool = False) -> bool:
    """Map `authentication failure; logname= uid=0 … ruser=R rhost=ADDRESS  user=U`.

    The remote names are the client's to choose; PAM writes the address after them, and `user=`
    only for a user that exists. When one user `switches` to another, `ruser` is the first.
    """
    start = text.find(" ruser=")
    end = text.rfind(" rhost=")
    if not 0 <= start <= end:
        return False
    remote_user = text[start + 7 : end]
    address, _, user = text[end + 7 :].partition(" ")
    user = user.strip(" ")
    user = user[5:] if user.startswith("user=") else ""
    _on_machine(mapped, machine, "authentication failure", None)
    actor = user
    if switches and remote_user:
        actor = remote_user
        if user and user != actor:
            mapped.what = What(
                "authentication failure", "authenticate", "user", user, machine, outcome="failure"
            )
    if actor:
        mapped.who = Who(actor_id=actor, actor_type="user")
    elif address:
        mapped.who = Who(actor_type="anonymous")
    if address:
        ip, host = peer(address)
        mapped.where = Where(ip, host)
    return True


def _on_machine(mapped: Mapped, machine: str | None, action: str, reason: str | None) -> None:
    mapped.what = What(
        action, "authenticate", "host" if machine else None, machine,
        outcome="failure", reason=reason,
    )  # fmt: skip


def _session(said: str, service: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `session opened for user U[(uid=n)] by [A](uid=m)` and `session closed for user U`."""
    actor_type: ActorType = "system" if service in _JOBS else "user"
    if said.startswith("session closed for user "):
        user = _UID.sub("", said[24:])
        action, actor = "session closed", None if service in _SWITCHES else user
    elif said.startswith("session opened for user "):
        user, found, by = said[24:].rpartition(" by ")
        user = _UID.sub("", user if found else by)
        action, actor = "session opened", (_UID.sub("", by) if found else None) or None
        if actor is None and service not in _SWITCHES:
            actor = user
    else:
        return False
    target = user if service in _SWITCHES or (actor and actor != user) else None
    if actor:
        mapped.who = Who(actor_id=actor, actor_type=actor_type)
    mapped.what = What(
        action,
        "authenticate",
        "user" if target else "host" if machine else None,
        target or machine,
        machine if target else None,
        outcome="success",
    )
    return True
