"""What OpenSSH's sshd says: who tried to log in, from where, and how it ended.

A name is the client's to choose and may hold `from 1.2.3.4 port 22`; sshd writes the genuine
address after it, so names are read up to the last address. Where client text follows the address
too (a certificate's id, a disconnect message) and several addresses could be the genuine one, the
line keeps its action and outcome, has no actor and no address, and is labelled `ambiguous:ip`.

Written from the lines of OpenSSH 5 to 9. Lines of PAM in sshd's name are in `pam`.
"""

import re
from collections.abc import Callable
from itertools import islice

from whodid.event import Access, Mapped, Outcome, What, Where, Who
from whodid.normalize import pam
from whodid.normalize.address import peer

_WHOLE_CHARS = 1000
"""sshd cuts a message at 1,023 bytes: the end of a longer one may not be where it ended."""

_PORT = r"port ([0-9]{1,5})"
_KEY = r"([A-Z0-9-]{2,20} (?:SHA256:[A-Za-z0-9+/=]++|MD5:[0-9a-f:]++|[0-9a-f:]{47}))"
_WHO = r"(?:(invalid user|illegal user|authenticating user|user) (.*) )?"

_ATTEMPT = re.compile(
    r"(Accepted|Failed|Postponed|Partial) (\S+) for (invalid user |illegal user )?(.*)"
    rf" from (\S+) {_PORT}(?: ssh[12])?(?:: {_KEY})?",
    re.DOTALL,
).fullmatch
_ATTEMPT_START = re.compile(
    r"(Accepted|Failed|Postponed|Partial) (\S+) for (invalid user |illegal user )?"
).match
_PEERS = re.compile(rf" from (\S+) {_PORT}(?: ssh[12])?(?=: |$)").finditer
_PEERS_BEFORE_REASON = re.compile(rf" (\S+) {_PORT}: ").finditer
_KEY_START = re.compile(rf": {_KEY}").match
_FROM = re.compile(
    rf"(invalid user |illegal user )?(.*) from (\S+?)(?: {_PORT}(?: ssh[12])?)?", re.DOTALL
).fullmatch
_ENDED = re.compile(
    rf"(Connection (?:closed|reset) by|Disconnected from) {_WHO}(\S+) {_PORT}", re.DOTALL
).fullmatch
_ENDED_BARE = re.compile(r"(Connection (?:closed|reset) by|Disconnected from) (\S+)").fullmatch
_CONNECTION = re.compile(rf"Connection from (\S+) {_PORT} on .*", re.DOTALL).fullmatch
_DISCONNECT = re.compile(
    rf"Received disconnect from (\S+?)(?: {_PORT})?: ?[0-9]{{1,10}}: (.*)", re.DOTALL
).fullmatch
_DISCONNECTING = re.compile(rf"Disconnecting {_WHO}(\S+) {_PORT}: (.*)", re.DOTALL).fullmatch
_NOT_ALLOWED = re.compile(r"User (.*?)(?: from (\S+))?", re.DOTALL).fullmatch
_NEGOTIATE = re.compile(rf"Unable to negotiate with (\S+) {_PORT}: (.*)", re.DOTALL).fullmatch
_TIMEOUT = re.compile(
    rf"Timeout before authentication for (?:connection from )?(\S+)(?: {_PORT}| to \S+, pid = .*)?"
).fullmatch
_SESSION = re.compile(
    rf"(Starting session|Close session): (?:user|.* for) (\S+) from (\S+) {_PORT} id [0-9]{{1,9}}",
    re.DOTALL,
).fullmatch
_ACCEPTED_KEY = re.compile(rf"Accepted key {_KEY} found at .*", re.DOTALL).fullmatch
_MORE = re.compile(r"PAM ([0-9]{1,9}) more (authentication failures?;.*)", re.DOTALL).fullmatch


def map_sshd(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map a message of sshd on `machine`; return False when it is of no known shape."""
    text = text.removesuffix(" [preauth]")
    rule = _RULES.get(text.partition(" ")[0])
    return rule is not None and rule(text, machine, mapped)


def _fill(
    mapped: Mapped,
    machine: str | None,
    action: str,
    outcome: Outcome,
    *,
    user: str | None = None,
    address: str | None = None,
    port: str | None = None,
    reason: str | None = None,
    access: Access = "authenticate",
    invalid: bool = False,
) -> bool:
    if user:
        mapped.who = Who(actor_id=user, actor_type="user")
    elif address is not None:
        mapped.who = Who(actor_type="anonymous")
    mapped.what = What(
        action,
        access,
        "host" if machine else None,
        machine,
        outcome=outcome,
        reason=reason,
    )
    if address is not None:
        ip, host = peer(address)
        mapped.where = Where(ip, host, int(port) if port and int(port) < 65536 else None)
    if invalid:
        mapped.labels += ("invalid:user",)
    return True


def _attempt(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `Accepted|Failed METHOD for [invalid user] NAME from ADDRESS port N ssh2[: KEY]`."""
    match = _ATTEMPT(text)
    if match is None or len(text) >= _WHOLE_CHARS:
        return _hard_attempt(text, machine, mapped)
    verb, method, invalid, user, address, port, key = match.groups()
    if key is not None:
        mapped.labels += (_key_label(key),)
    return _fill(
        mapped,
        machine,
        f"{verb} {method}",
        _ATTEMPT_OUTCOME[verb],
        user=user,
        address=address,
        port=port,
        invalid=invalid is not None,
    )


def _hard_attempt(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map an attempt with more client text behind the address: certain when there is only one."""
    start = _ATTEMPT_START(text)
    if start is None:
        found = _ACCEPTED_KEY(text)
        if found is None:
            return False
        mapped.labels += (_key_label(found[1]),)
        return _fill(mapped, machine, "Accepted key", "unknown")
    verb, method, invalid = start.groups()
    action, outcome = f"{verb} {method}", _ATTEMPT_OUTCOME[verb]
    peers = list(islice(_PEERS(text, start.end()), 2))
    if len(peers) != 1:
        mapped.labels += ("ambiguous:ip",)
        return _fill(mapped, machine, action, outcome, invalid=invalid is not None)
    key = _KEY_START(text, peers[0].end())
    if key is not None:
        mapped.labels += (_key_label(key[1]),)
    address, port = peers[0].groups()
    return _fill(
        mapped,
        machine,
        action,
        outcome,
        user=text[start.end() : peers[0].start()],
        address=address,
        port=port,
        invalid=invalid is not None,
    )


def _key_label(key: str) -> str:
    return f"key:{key.rpartition(' ')[2]}"


def _invalid_user(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `Invalid user NAME from ADDRESS[ port N]` and `input_userauth_request: …`."""
    request, found, user = text.partition(": invalid user ")
    if found and request == "input_userauth_request":
        return _fill(mapped, machine, request, "failure", user=user, invalid=True)
    match = _FROM(text, len("Invalid user ")) if text.startswith("Invalid user ") else None
    if match is None:
        return False
    prefix, user, address, port = match.groups()
    user = (prefix or "") + user  # somebody may call himself "invalid user x"
    return _fill(
        mapped, machine, "Invalid user", "failure",
        user=user, address=address, port=port, invalid=True,
    )  # fmt: skip


def _connection(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `Connection closed|reset by`, `Disconnected from` and `Connection from`."""
    match = _ENDED(text)
    if match is not None:
        action, kind, user, address, port = match.groups()
        outcome: Outcome = "success" if kind == "user" else "unknown"
        invalid = kind in ("invalid user", "illegal user")
        return _fill(
            mapped, machine, action, outcome, user=user, address=address, port=port, invalid=invalid
        )
    match = _CONNECTION(text)
    if match is not None:
        address, port = match.groups()
        return _fill(
            mapped, machine, "Connection from", "unknown",
            address=address, port=port, access="other",
        )  # fmt: skip
    match = _ENDED_BARE(text)
    return match is not None and _fill(mapped, machine, match[1], "unknown", address=match[2])


def _received(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _DISCONNECT(text)
    if match is not None:
        address, port, reason = match.groups()
        return _fill(
            mapped, machine, "Received disconnect", "unknown",
            address=address, port=port, reason=reason.strip(" ") or None,
        )  # fmt: skip
    return text.startswith("Received signal ") and _system(mapped, machine, "Received signal")


def _system(mapped: Mapped, machine: str | None, action: str) -> bool:
    mapped.who = Who(actor_type="system")
    return _fill(mapped, machine, action, "success", access="other")


def _disconnecting(text: str, machine: str | None, mapped: Mapped) -> bool:
    peers = list(islice(_PEERS_BEFORE_REASON(text), 2))
    if len(peers) != 1:
        _, _, reason = text.partition(": ")
        if peers:
            mapped.labels += ("ambiguous:ip",)
            reason = text
        return _fill(mapped, machine, "Disconnecting", "failure", reason=reason or None)
    match = _DISCONNECTING(text)
    if match is None:
        return False
    kind, user, address, port, reason = match.groups()
    return _fill(
        mapped, machine, "Disconnecting", "failure", user=user, address=address, port=port,
        reason=reason, invalid=kind == "invalid user",
    )  # fmt: skip


def _user(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `User NAME[ from HOST] not allowed because REASON`."""
    said, found, reason = text.rpartition(" not allowed because ")
    match = _NOT_ALLOWED(said) if found else None
    if match is None:
        return False
    return _fill(
        mapped, machine, "not allowed", "denied", user=match[1], address=match[2], reason=reason
    )


def _trouble(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `error: …` and `fatal: …`: the message behind if it is known, else as it stands."""
    level, _, said = text.partition(": ")
    rule = _RULES.get(said.partition(" ")[0])
    if rule is not None and rule is not _trouble and rule(said, machine, mapped):
        return True
    if machine is None:  # a line without header could be anybody's
        return False
    return _fill(mapped, machine, level, "failure", reason=said or None, access="other")


def _too_many(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `maximum authentication attempts exceeded for [invalid user] NAME from …`."""
    action = "maximum authentication attempts exceeded"
    match = _FROM(text, len(action) + 5) if text.startswith(f"{action} for ") else None
    if match is None:
        return False
    invalid, user, address, port = match.groups()
    return _fill(
        mapped, machine, action, "failure",
        user=user, address=address, port=port, invalid=invalid is not None,
    )  # fmt: skip


def _pam(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `PAM n more authentication failures; …` and `PAM: REASON for NAME from ADDRESS`."""
    match = _MORE(text)
    if match is not None:
        mapped.labels += (f"repeated:{match[1]}",)
        said = match[2].replace("failures", "failure", 1)
        return pam.map_failure(said, machine, mapped)
    if text.startswith("PAM service(") and "ignoring max retries" in text:
        return _fill(mapped, machine, "ignoring max retries", "failure", reason=text)
    reason, found, rest = text.removeprefix("PAM: ").partition(" for ")
    match = _FROM(rest) if found and text.startswith("PAM: ") else None
    if match is None:
        return False
    invalid, user, address, port = match.groups()
    return _fill(
        mapped, machine, "PAM", "failure",
        user=user, address=address, port=port, reason=reason, invalid=invalid is not None,
    )  # fmt: skip


def _probe(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map connections that never came to a user: the address is behind the client's text."""
    for action in _PROBES:
        if text.startswith(action):
            break
    else:
        return False
    match = _FROM(text)
    if match is None:
        return False
    _, _, address, port = match.groups()
    return _fill(mapped, machine, action, "failure", address=address, port=port, access="other")


def _no_agreement(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _NEGOTIATE(text)
    if match is None:
        return False
    address, port, reason = match.groups()
    return _fill(
        mapped, machine, "Unable to negotiate", "failure",
        address=address, port=port, reason=reason, access="other",
    )  # fmt: skip


def _timeout(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _TIMEOUT(text)
    return match is not None and _fill(
        mapped, machine, "Timeout before authentication", "failure",
        address=match[1], port=match[2],
    )  # fmt: skip


def _server(text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map `Server listening on …`: its address is this machine's, not a peer's."""
    return text.startswith("Server listening on ") and _system(mapped, machine, "Server listening")


def _session(text: str, machine: str | None, mapped: Mapped) -> bool:
    match = _SESSION(text)
    if match is None:
        return False
    action, user, address, port = match.groups()
    return _fill(
        mapped, machine, action, "success", user=user, address=address, port=port, access="execute"
    )


_ATTEMPT_OUTCOME: dict[str, Outcome] = {
    "Accepted": "success", "Failed": "failure", "Postponed": "unknown", "Partial": "unknown",
}  # fmt: skip
_PROBES = ("Did not receive identification string", "Bad protocol version identification")
_RULES: dict[str, Callable[[str, str | None, Mapped], bool]] = {
    "Accepted": _attempt, "Failed": _attempt, "Postponed": _attempt, "Partial": _attempt,
    "Invalid": _invalid_user, "input_userauth_request:": _invalid_user,
    "Connection": _connection, "Disconnected": _connection, "Received": _received,
    "Disconnecting": _disconnecting, "Disconnecting:": _disconnecting, "User": _user,
    "error:": _trouble, "fatal:": _trouble, "maximum": _too_many, "PAM": _pam, "PAM:": _pam,
    "Did": _probe, "Bad": _probe, "Unable": _no_agreement, "Timeout": _timeout,
    "Server": _server, "Starting": _session, "Close": _session,
}  # fmt: skip
"""First word of a message → what maps it."""
