"""The bastion: auth.log as rsyslog writes it by tradition (no year, no zone; it keeps UTC)."""

from collections.abc import Callable

from whodid.demo.act import Act
from whodid.demo.sources.recorder import instant, month

_KEYS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"


class Bastion:
    """Recorder of `bastion`. Its lines lack the year, as everywhere."""

    def record(self, act: Act) -> bytes:
        """Return one line of auth.log."""
        when = instant(act.time_us)
        clock = f"{when.hour:02d}:{when.minute:02d}:{when.second:02d}"
        return (
            f"{month(when)} {when.day:>2} {clock} {act.resource} {_LINES[act.action](act)}"
        ).encode()


def _sshd(act: Act, text: str) -> str:
    return f"sshd[{act.detail['pid']}]: {text}"


def _from(act: Act) -> str:
    return f"from {act.ip} port {act.detail['port']}"


def _fingerprint(login: str) -> str:
    state = sum(ord(char) << (7 * place) for place, char in enumerate(login)) | 1
    chars = []
    for _ in range(43):
        state = state * 6_364_136_223_846_793_005 % (1 << 64) ^ (state >> 29)
        chars.append(_KEYS[state >> 40 & 63])
    return "SHA256:" + "".join(chars)


_LINES: dict[str, Callable[[Act], str]] = {
    "accepted": lambda act: _sshd(
        act, f"Accepted publickey for {act.actor} {_from(act)} ssh2: ED25519 "
        f"{_fingerprint(act.actor)}",
    ),
    "accepted password": lambda act: _sshd(
        act, f"Accepted password for {act.actor} {_from(act)} ssh2"
    ),
    "failed": lambda act: _sshd(act, f"Failed password for {act.actor} {_from(act)} ssh2"),
    "failed invalid": lambda act: _sshd(
        act, f"Failed password for invalid user {act.actor} {_from(act)} ssh2"
    ),
    "invalid": lambda act: _sshd(act, f"Invalid user {act.actor} {_from(act)}"),
    "repeated": lambda act: _sshd(
        act, f"message repeated {act.detail['times']} times: [ Failed password for {act.actor} "
        f"{_from(act)} ssh2]",
    ),
    "preauth closed": lambda act: _sshd(
        act, f"Connection closed by authenticating user {act.actor} {act.ip} port "
        f"{act.detail['port']} [preauth]",
    ),
    "opened": lambda act: _sshd(
        act, f"pam_unix(sshd:session): session opened for user {act.actor}"
        f"(uid=1{len(act.actor):03d}) by (uid=0)",
    ),
    "closed": lambda act: _sshd(
        act, f"pam_unix(sshd:session): session closed for user {act.actor}"
    ),
    "disconnected": lambda act: _sshd(
        act, f"Received disconnect {_from(act)}:11: disconnected by user"
    ),
    "new session": lambda act: (
        f"systemd-logind[612]: New session {act.detail['number']} of user {act.actor}."
    ),
    "sudo": lambda act: (
        f"sudo:  {act.actor} : TTY=pts/0 ; PWD=/home/{act.actor} ; USER=root ; "
        f"COMMAND={act.detail['command']}"
    ),
    "sudo opened": lambda act: (
        f"sudo: pam_unix(sudo:session): session opened for user root(uid=0) by {act.actor}(uid=1"
        f"{len(act.actor):03d})"
    ),
    "sudo closed": lambda _act: "sudo: pam_unix(sudo:session): session closed for user root",
    "cron opened": lambda act: (
        f"CRON[{act.detail['pid']}]: pam_unix(cron:session): session opened for user {act.actor}"
        "(uid=0) by (uid=0)"
    ),
    "cron closed": lambda act: (
        f"CRON[{act.detail['pid']}]: pam_unix(cron:session): session closed for user {act.actor}"
    ),
}  # fmt: skip
