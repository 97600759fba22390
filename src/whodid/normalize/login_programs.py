"""What the programs of a login say in syslog, by the name of the program.

PAM speaks in every program's name. It does not read the line before the message.
"""

import re
from collections.abc import Callable

from whodid.event import Mapped
from whodid.normalize.accounts import map_accounts, map_logind
from whodid.normalize.pam import map_pam
from whodid.normalize.sshd import map_sshd
from whodid.normalize.sudo import map_su, map_sudo

_REPEATED = re.compile(r"message repeated ([0-9]{1,9}) times: \[ ?(.*)\]", re.DOTALL).fullmatch


def map_program(program: str | None, text: str, machine: str | None, mapped: Mapped) -> bool:
    """Map a message of `program` on `machine`; False when it is of no known program or shape."""
    rule = map_pam if text.startswith("pam_") else _PROGRAMS.get(program)
    return rule is not None and rule(text, machine, mapped)


def is_login_program(program: str | None) -> bool:
    """Tell whether the messages of a program are mapped here, those of unknown shape too."""
    return program in _PROGRAMS


def unrepeated(text: str) -> tuple[str, str | None]:
    """Return a message without `message repeated N times: [ … ]` around it, and N."""
    match = _REPEATED(text) if text.startswith("message repeated ") else None
    return (text, None) if match is None else (match[2], match[1])


_PROGRAMS: dict[str | None, Callable[[str, str | None, Mapped], bool]] = {
    "sshd": map_sshd, "sshd-session": map_sshd, "sshd-auth": map_sshd,
    "sudo": map_sudo, "su": map_su, "systemd-logind": map_logind,
    "useradd": map_accounts, "usermod": map_accounts, "userdel": map_accounts,
    "groupadd": map_accounts, "groupmod": map_accounts, "groupdel": map_accounts,
    "passwd": map_accounts, "chpasswd": map_accounts, "chage": map_accounts,
    "gpasswd": map_accounts, "newusers": map_accounts,
}  # fmt: skip
"""Program → what maps its messages."""
