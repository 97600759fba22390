"""What sudo and su say: who acted as whom, and with which command.

The actor is the user who called, the resource the user whose rights were taken; nobody acts "on
behalf of" another here. A directory's name and a command's arguments are that user's to choose:
when `USER=` stands more than once nothing tells which is sudo's, so the line has no resource and
is labelled `ambiguous:resource`. Written from sudo 1.8 and 1.9, shadow's su and util-linux's su.
"""

import re

from whodid.event import Content, Mapped, Outcome, What, Who

_SUDO = re.compile(r" *(\S{1,256}) : (.*)", re.DOTALL).fullmatch
_FIELD = re.compile(r"(?:HOST|TTY|CWD|PWD|CHROOT|USER|GROUP|TSID|ENV|COMMAND)=").match
_COUNT = re.compile(r"[0-9]{1,9} ").match
_SUCCESSFUL_SU = re.compile(r"(Successful su|FAILED su) for (.*) by (\S*)", re.DOTALL).fullmatch
_SU_TO = re.compile(r"(FAILED SU )?\(to (.*)\) (\S+) on (\S+)", re.DOTALL).fullmatch
_SU_QUOTED = re.compile(r"'su (.*)' (failed|succeeded) for (\S+) on (\S+)", re.DOTALL).fullmatch
_SU_TTY = re.compile(r"([+-]) (\S+) ([^\s:]+):(\S+)").fullmatch

_DENIED = ("user NOT in sudoers", "user NOT authorized on host", "command not allowed")


def map_sudo(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map a message of sudo on `machine`; return False when it is of no known shape."""
    match = _SUDO(text)
    if match is None:
        return False
    actor, said = match.groups()
    complaint = None
    if _FIELD(said) is None:
        complaint, _, said = said.partition(" ; ")
        if not said:
            return False
    before, found, after = f" ; {said}".partition(" ; USER=")
    user, _, command = after.partition(" ; COMMAND=")
    user = user.partition(" ; ")[0]
    if not found:
        command = before.partition(" ; COMMAND=")[2]
    elif " ; USER=" in after:
        mapped.labels += ("ambiguous:resource",)
        user = ""
        command = f"{before}{found}{after}".partition(" ; COMMAND=")[2]
    action = "COMMAND"
    outcome: Outcome = "success"
    if complaint is not None:
        outcome = "denied" if complaint.startswith(_DENIED) else "failure"
        count = _COUNT(complaint)
        action = complaint[count.end() :] if count is not None else complaint
        action = action.removeprefix("user ").partition(":")[0]
    mapped.who = Who(actor_id=actor, actor_type="user")
    mapped.what = What(
        action,
        "execute",
        "user" if user else None,
        user or None,
        machine,
        outcome=outcome,
        reason=complaint,
    )
    mapped.content = Content(message=text, statement=command or None)
    return True


def map_su(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map a message of su on `machine`; return False when it is of no known shape."""
    outcome: Outcome
    match = _SUCCESSFUL_SU(text)
    if match is not None:
        action, user, actor = match.groups()
        outcome = "success" if action == "Successful su" else "failure"
    elif (match := _SU_TO(text)) is not None:
        action, user, actor = "FAILED SU" if match[1] else "su", match[2], match[3]
        outcome = "failure" if match[1] else "success"
    elif (match := _SU_TTY(text)) is not None:
        action, actor, user = "su", match[3], match[4]
        outcome = "success" if match[1] == "+" else "failure"
    elif (match := _SU_QUOTED(text)) is not None:
        action, user, actor = "su", match[1], match[3]
        outcome = "failure" if match[2] == "failed" else "success"
    else:
        return False
    mapped.who = Who(actor_id=actor or None, actor_type="user")
    mapped.what = What(action, "authenticate", "user", user or None, machine, outcome=outcome)
    return True
