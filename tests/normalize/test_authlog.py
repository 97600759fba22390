"""`authlog`: the real auth.log and sshd's own lines, hostile names, and 10^5 mutated lines."""
# Tables of log lines read better whole.
# ruff: noqa: E501

import gzip
import re
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chance import SEED
from whodid.event import Mapped
from whodid.normalize.authlog import AuthLog
from whodid.normalize.cloudtrail import CloudTrail
from whodid.normalize.combined import Combined
from whodid.normalize.postgres import Postgres
from whodid.normalize.short_json import ShortJson
from whodid.normalize.syslog_time import year_completed_us
from whodid.testing.format_conformance import check_disjoint, check_format, check_record
from whodid.testing.mutate import mutations

DATA = Path(__file__).resolve().parents[2] / "../shared/data/linux"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = AuthLog()
KEY = "SHA256:Kl8kPGZrTiz7g4FO1hyqHdsSBBb5Fge6NWOobN03XJg"


def at_us(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]


NOW = at_us(2026, 11, 22)
PREFIX = "Nov 21 13:06:56 web1 "
TIME_US = at_us(2026, 11, 21, 13, 6, 56)


def said(text: str, program: str = "sshd[77]") -> Mapped:
    return FORMAT.map(f"{PREFIX}{program}: {text}".encode(), NOW)


def real_lines() -> list[bytes]:
    return gzip.open(DATA / "auth.log.gz").read().splitlines()


@needs_data
def test_all_real_lines_are_mapped() -> None:
    lines = real_lines()
    mapped = [FORMAT.map(line, NOW) for line in lines]
    assert len(mapped) == 7121
    assert all(FORMAT.sniff(line) for line in lines)
    assert [m.quarantine for m in mapped] == [None] * 7121
    text = b"\n".join(lines).decode()

    def grep(pattern: str) -> int:
        return len(re.findall(pattern, text, re.MULTILINE))

    actions = Counter(m.what.action for m in mapped)
    assert actions["Failed password"] == grep(r"\]: (?:message.*)?Failed password for") == 713
    assert actions["Accepted password"] == grep("Accepted password for") == 190
    assert actions["Accepted publickey"] == grep("Accepted publickey for") == 36
    assert actions["COMMAND"] == grep("COMMAND=") == 186
    assert actions["session opened"] == grep("session opened for user") == 1268
    assert actions["session closed"] == grep("session closed for user")
    assert actions["Invalid user"] == grep("Invalid user") == 178
    assert actions["new user"] == 10
    # what stays without action: counted by hand
    assert actions[None] == grep("User child is on pid") + grep("Cannot create session") + 3
    repeated = [m for m in mapped if any(label.startswith("repeated:") for label in m.labels)]
    assert len(repeated) == grep("message repeated") + grep(r"PAM \d+ more authentication")
    assert {m.what.action for m in repeated} == {"Failed password", "authentication failure"}
    assert all("ambiguous:ip" not in m.labels for m in mapped)
    # every line that names a peer keeps it
    peer = re.compile(r"(?:from|by|with|rhost=) ?(\d+\.\d+\.\d+\.\d+)")
    for line, m in zip(lines, mapped, strict=True):
        found = peer.findall(line.decode())
        assert m.where.ip == (found[-1] if found else None), line
        assert m.time is not None
        assert (
            m.what.resource_parent == "ip-10-77-20-248" or m.what.resource_name == "ip-10-77-20-248"
        )
    assert mapped[0].time == at_us(2026, 3, 27, 13, 6, 56)
    assert mapped[0].labels == ("assumed:year", "assumed:utc")


@needs_data
def test_the_lines_of_sshd_on_stderr() -> None:
    lines = (DATA / "sshd.log").read_bytes().splitlines()
    mapped = [FORMAT.map(line, NOW) for line in lines]
    assert all(FORMAT.sniff(line) for line in lines)
    assert [(m.quarantine, m.time, m.context.service_name) for m in mapped] == [
        (None, None, "sshd")
    ] * 11
    assert [m.what.action for m in mapped] == [
        "Server listening", "Connection from", "not allowed", "Failed none", "Failed password",
        "Failed password", "Connection closed by", "Connection from", "Invalid user",
        "Connection closed by", "Received signal",
    ]  # fmt: skip
    assert [m.who.actor_id for m in mapped] == [
        None, None, *["audittest"] * 5, None, "nosuch", "nosuch", None,
    ]  # fmt: skip
    assert Counter(m.where.ip for m in mapped) == {"127.0.0.1": 8, None: 3}


def test_a_login() -> None:
    mapped = said(f"Accepted publickey for alice from 192.0.2.7 port 54259 ssh2: RSA {KEY}")
    assert (mapped.time, mapped.original_time) == (TIME_US, "Nov 21 13:06:56")
    assert (mapped.who.actor_id, mapped.who.actor_type) == ("alice", "user")
    assert (mapped.what.action, mapped.what.access, mapped.what.outcome) == (
        "Accepted publickey", "authenticate", "success",
    )  # fmt: skip
    assert (mapped.what.resource_type, mapped.what.resource_name) == ("host", "web1")
    assert (mapped.where.ip, mapped.where.port, mapped.where.host) == ("192.0.2.7", 54259, None)
    assert (mapped.context.service_name, mapped.context.correlation) == ("sshd", "web1/sshd[77]")
    assert mapped.labels == ("assumed:year", "assumed:utc", f"key:{KEY}")
    assert mapped.content.message is not None
    assert mapped.native_id is None


@pytest.mark.parametrize(
    ("text", "action", "outcome", "user", "ip"),
    [
        ("Failed password for root from 192.0.2.7 port 22 ssh2", "Failed password", "failure", "root", "192.0.2.7"),
        ("Failed password for invalid user bob from 2001:db8::1 port 22 ssh2", "Failed password", "failure", "bob", "2001:db8::1"),
        ("Failed keyboard-interactive/pam for bob from 192.0.2.7 port 22 ssh2", "Failed keyboard-interactive/pam", "failure", "bob", "192.0.2.7"),
        ("Postponed publickey for bob from 192.0.2.7 port 22 ssh2 [preauth]", "Postponed publickey", "unknown", "bob", "192.0.2.7"),
        ("Invalid user bob from 192.0.2.7", "Invalid user", "failure", "bob", "192.0.2.7"),
        ("Invalid user bob from 192.0.2.7 port 22", "Invalid user", "failure", "bob", "192.0.2.7"),
        ("Connection closed by authenticating user root 192.0.2.7 port 22 [preauth]", "Connection closed by", "unknown", "root", "192.0.2.7"),
        ("Connection reset by invalid user bob 192.0.2.7 port 22 [preauth]", "Connection reset by", "unknown", "bob", "192.0.2.7"),
        ("Connection closed by 192.0.2.7 [preauth]", "Connection closed by", "unknown", None, "192.0.2.7"),
        ("Disconnected from user bob 192.0.2.7 port 22", "Disconnected from", "success", "bob", "192.0.2.7"),
        ("Disconnecting authenticating user root 192.0.2.7 port 22: Too many authentication failures [preauth]", "Disconnecting", "failure", "root", "192.0.2.7"),
        ("Received disconnect from 192.0.2.7 port 22:11: Bye from 9.9.9.9 port 1:11: x [preauth]", "Received disconnect", "unknown", None, "192.0.2.7"),
        ("error: Received disconnect from 192.0.2.7 port 22:3: com.jcraft.jsch [preauth]", "Received disconnect", "unknown", None, "192.0.2.7"),
        ("User bob from 192.0.2.7 not allowed because not listed in AllowUsers", "not allowed", "denied", "bob", "192.0.2.7"),
        ("error: PAM: Authentication failure for illegal user bob from 192.0.2.7", "PAM", "failure", "bob", "192.0.2.7"),
        ("error: maximum authentication attempts exceeded for bob from 192.0.2.7 port 22 ssh2 [preauth]", "maximum authentication attempts exceeded", "failure", "bob", "192.0.2.7"),
        ("fatal: Timeout before authentication for 192.0.2.7 port 22", "Timeout before authentication", "failure", None, "192.0.2.7"),
        ("Timeout before authentication for connection from 192.0.2.7 to 192.0.2.1, pid = 5", "Timeout before authentication", "failure", None, "192.0.2.7"),
        ("Unable to negotiate with 192.0.2.7 port 22: no match. Their offer: with 9.9.9.9 port 1: x", "Unable to negotiate", "failure", None, "192.0.2.7"),
        ("Bad protocol version identification 'GET / from 9.9.9.9 port 1' from 192.0.2.7 port 22", "Bad protocol version identification", "failure", None, "192.0.2.7"),
        ("Starting session: subsystem 'sftp' for bob from 192.0.2.7 port 22 id 0", "Starting session", "success", "bob", "192.0.2.7"),
        ("error: Could not load host key: /etc/ssh/x", "error", "failure", None, None),
        ("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=bob", "authentication failure", "failure", "bob", "192.0.2.7"),
        ("PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7", "authentication failure", "failure", None, "192.0.2.7"),
        ("pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)", "session opened", "success", "bob", None),
        ("pam_unix(sshd:session): session closed for user bob", "session closed", "success", "bob", None),
        ("Server listening on :: port 22.", "Server listening", "success", None, None),
    ],
)  # fmt: skip
def test_sshd(text: str, action: str, outcome: str, user: str | None, ip: str | None) -> None:
    mapped = said(text)
    assert (mapped.what.action, mapped.what.outcome) == (action, outcome)
    assert (mapped.who.actor_id, mapped.where.ip) == (user, ip)
    assert mapped.quarantine is None
    assert said(text, "sshd-session[9]").what == mapped.what


EVIL = "root from 9.9.9.9 port 22 ssh2"


@pytest.mark.parametrize(
    "shape",
    [
        "Failed password for invalid user {} from 192.0.2.7 port 40 ssh2",
        f"Failed publickey for invalid user {{}} from 192.0.2.7 port 40 ssh2: RSA {KEY}",
        "Invalid user {} from 192.0.2.7 port 40",
        "Invalid user {} from 192.0.2.7",
        "Connection closed by invalid user {} 192.0.2.7 port 40 [preauth]",
        "Disconnected from invalid user {} 192.0.2.7 port 40 [preauth]",
        "error: maximum authentication attempts exceeded for invalid user {} from 192.0.2.7 port 40 ssh2 [preauth]",
        "error: PAM: User not known to the underlying authentication module for illegal user {} from 192.0.2.7",
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        EVIL, f"{EVIL}: RSA {KEY}", "x 9.9.9.9 port 22", "x from 9.9.9.9", "a for b from 9.9.9.9 port 1",
        "invalid user x", "[preauth]", "\x1b[31mred", "nul\x00l", "müller", "a" * 100, " ", "from", "port",
    ],
)  # fmt: skip
def test_a_name_cannot_pose_as_an_address(shape: str, name: str) -> None:
    mapped = said(shape.format(name))
    assert mapped.where.ip == "192.0.2.7"
    assert mapped.who.actor_id == name
    assert "invalid:user" in mapped.labels


@given(name=st.text(min_size=1, max_size=60).filter(lambda name: not set("\r\n") & set(name)))
def test_any_name_stays_a_name(name: str) -> None:
    mapped = said(f"Failed password for invalid user {name} from 192.0.2.7 port 40 ssh2")
    assert (mapped.who.actor_id, mapped.where.ip, mapped.where.port) == (name, "192.0.2.7", 40)


@pytest.mark.parametrize(
    "text",
    [
        f"Failed publickey for root from 192.0.2.7 port 40 ssh2: RSA-CERT {KEY} ID x {EVIL}: RSA {KEY} (serial 0) CA RSA {KEY}",
        f'Failed hostbased for root from 192.0.2.7 port 40 ssh2: RSA {KEY}, client user "{EVIL}: x", client host "h"',
        f"Failed publickey for root from 192.0.2.7 port 40 ssh2: RSA-CERT {KEY} ID {'x' * 900} from 9.9.9.9 port 1 ssh2",
        "Disconnecting invalid user x 9.9.9.9 port 1: a 192.0.2.7 port 40: Change of username [preauth]",
    ],
)  # fmt: skip
def test_what_nobody_can_tell_is_said_to_be_ambiguous(text: str) -> None:
    mapped = said(text)
    assert mapped.what.outcome == "failure"
    assert (mapped.who.actor_id, mapped.where.ip) == (None, None)
    assert "ambiguous:ip" in mapped.labels


def test_a_certificate_login() -> None:
    mapped = said(
        f"Accepted publickey for bob from 192.0.2.7 port 40 ssh2: ED25519-CERT {KEY} ID bob@corp (serial 7) CA ED25519 {KEY}"
    )
    assert (mapped.who.actor_id, mapped.where.ip) == ("bob", "192.0.2.7")
    assert mapped.labels[-1] == f"key:{KEY}"
    failed = said(
        f"Failed publickey for invalid user eve from 192.0.2.7 port 40 ssh2: RSA-CERT {KEY} ID eve (serial 0) CA RSA {KEY}"
    )
    assert (failed.who.actor_id, failed.where.ip) == ("eve", "192.0.2.7")
    assert "invalid:user" in failed.labels


def test_repeated_messages_are_the_inner_one() -> None:
    mapped = said(
        "message repeated 3 times: [ Failed password for root from 192.0.2.7 port 22 ssh2]"
    )
    assert (mapped.what.action, mapped.who.actor_id, mapped.where.ip) == (
        "Failed password",
        "root",
        "192.0.2.7",
    )
    assert "repeated:3" in mapped.labels
    assert mapped.what.rows is None
    assert mapped.content.message == "Failed password for root from 192.0.2.7 port 22 ssh2"


@pytest.mark.parametrize(
    ("text", "action", "outcome", "user", "statement"),
    [
        ("  bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls -l", "COMMAND", "success", "root", "/bin/ls -l"),
        ("bob : TTY=pts/0 ; PWD=/ ; USER=www ; GROUP=adm ; TSID=0001 ; ENV=A=b ; COMMAND=list", "COMMAND", "success", "www", "list"),
        ("bob : PWD=/ ; USER=root ; COMMAND=/bin/echo a ; COMMAND=b", "COMMAND", "success", "root", "/bin/echo a ; COMMAND=b"),
        ("bob : TTY=pts/0 ; PWD=/x ; COMMAND=y ; USER=root ; COMMAND=/bin/sh", "COMMAND", "success", "root", "/bin/sh"),
        ("bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "incorrect password attempts", "failure", "root", "/bin/sh"),
        ("bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "NOT in sudoers", "denied", "root", "/bin/sh"),
        ("bob : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "command not allowed", "denied", "root", "/bin/sh"),
        ("bob : a password is required ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "a password is required", "failure", "root", "/bin/sh"),
    ],
)  # fmt: skip
def test_sudo(text: str, action: str, outcome: str, user: str, statement: str) -> None:
    mapped = said(text, "sudo")
    assert (mapped.who.actor_id, mapped.who.actor_on_behalf_of) == ("bob", None)
    assert (mapped.what.action, mapped.what.access, mapped.what.outcome) == (
        action,
        "execute",
        outcome,
    )
    assert (mapped.what.resource_type, mapped.what.resource_name) == ("user", user)
    assert mapped.what.resource_parent == "web1"
    assert mapped.content.statement == statement


def test_a_directory_cannot_pose_as_a_target() -> None:
    mapped = said(
        "bob : TTY=pts/0 ; PWD=/x ; USER=nobody ; COMMAND=true ; USER=root ; COMMAND=/bin/sh",
        "sudo",
    )
    assert mapped.what.resource_name is None
    assert "ambiguous:resource" in mapped.labels
    assert "/bin/sh" in (mapped.content.statement or "")


@pytest.mark.parametrize(
    ("program", "text", "action", "access", "outcome", "actor", "resource"),
    [
        ("su[1]", "Successful su for root by bob", "Successful su", "authenticate", "success", "bob", ("user", "root")),
        ("su[1]", "FAILED su for root by bob", "FAILED su", "authenticate", "failure", "bob", ("user", "root")),
        ("su[1]", "FAILED SU (to root) bob on pts/1", "FAILED SU", "authenticate", "failure", "bob", ("user", "root")),
        ("su[1]", "(to root) bob on pts/1", "su", "authenticate", "success", "bob", ("user", "root")),
        ("su[1]", "- /dev/pts/1 bob:root", "su", "authenticate", "failure", "bob", ("user", "root")),
        ("su[1]", "pam_unix(su:session): session opened for user root by bob(uid=1000)", "session opened", "authenticate", "success", "bob", ("user", "root")),
        ("su[1]", "pam_unix(su:auth): authentication failure; logname=bob uid=1000 euid=0 tty=pts/1 ruser=bob rhost=  user=root", "authentication failure", "authenticate", "failure", "bob", ("user", "root")),
        ("sudo", "pam_unix(sudo:session): session closed for user root", "session closed", "authenticate", "success", None, ("user", "root")),
        ("sudo", "pam_unix(sudo:auth): conversation failed", "conversation failed", "authenticate", "failure", None, ("host", "web1")),
        ("sudo", "pam_unix(sudo:auth): auth could not identify password for [bob]", "auth could not identify password", "authenticate", "failure", "bob", ("host", "web1")),
        ("CRON[1]", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", "session opened", "authenticate", "success", "root", ("host", "web1")),
        ("systemd-logind[1]", "New session 12 of user bob.", "New session", "authenticate", "success", "bob", ("host", "web1")),
        ("systemd-logind[1]", "Session 12 logged out. Waiting for processes to exit.", "logged out", "authenticate", "success", None, ("host", "web1")),
        ("systemd-logind[1]", "Removed session c1.", "Removed session", "authenticate", "success", None, ("host", "web1")),
        ("useradd[1]", "new user: name=eve, UID=0, GID=0, home=/, shell=/bin/sh, from=none", "new user", "administer", "success", None, ("user", "eve")),
        ("useradd[1]", "add 'eve' to group 'sudo'", "add", "administer", "success", None, ("group", "sudo")),
        ("usermod[1]", "add 'eve' to shadow group 'sudo'", "add", "administer", "success", None, ("group", "sudo")),
        ("usermod[1]", "change user 'eve' shell from '/bin/sh' to '/bin/bash'", "change user", "administer", "success", None, ("user", "eve")),
        ("usermod[1]", "lock user 'eve' password", "lock user", "administer", "success", None, ("user", "eve")),
        ("userdel[1]", "delete user 'eve'", "delete user", "administer", "success", None, ("user", "eve")),
        ("userdel[1]", "removed group 'eve' owned by 'eve'", "removed group", "administer", "success", None, ("group", "eve")),
        ("groupdel[1]", "group 'eve' removed from /etc/group", "group removed", "administer", "success", None, ("group", "eve")),
        ("gpasswd[1]", "user eve added by root to group sudo", "added", "administer", "success", "root", ("group", "sudo")),
        ("passwd[1]", "password for 'eve' changed by 'root'", "password changed", "administer", "success", "root", ("user", "eve")),
        ("chage[1]", "changed password expiry for eve", "changed password expiry", "administer", "success", None, ("user", "eve")),
        ("passwd[1]", "pam_unix(passwd:chauthtok): password changed for eve", "password changed", "administer", "success", None, ("user", "eve")),
        ("polkitd(authority=local)[1]", "Registered Authentication Agent", None, "other", None, None, ("host", "web1")),
        ("dovecot", "imap-login: Login: user=<bob>", None, "other", None, None, ("host", "web1")),
    ],
)  # fmt: skip
def test_other_programs(
    program: str,
    text: str,
    action: str | None,
    access: str,
    outcome: str | None,
    actor: str | None,
    resource: tuple,
) -> None:
    mapped = said(text, program)
    assert (mapped.what.action, mapped.what.access, mapped.what.outcome) == (
        action,
        access,
        outcome,
    )
    assert mapped.who.actor_id == actor
    assert (mapped.what.resource_type, mapped.what.resource_name) == resource
    assert mapped.content.message == text
    assert mapped.context.service_name == program.partition("[")[0]


def test_a_change_and_a_member_are_kept() -> None:
    change = said("change user 'eve' UID from '1000' to '0'", "usermod[1]").content.changes[0]
    assert (change.field, change.before, change.after) == ("UID", "1000", "0")
    assert said("add 'eve' to group 'sudo'", "usermod[1]").what.resources == ("eve",)
    assert (
        said("pam_unix(cron:session): session closed for user www", "CRON[1]").who.actor_type
        == "system"
    )


@pytest.mark.parametrize(
    ("line", "time_us", "labels"),
    [
        ("Nov 21 13:06:56 web1 x: y", TIME_US, ("assumed:year", "assumed:utc")),
        ("<38>Nov 21 13:06:56 web1 x: y", TIME_US, ("assumed:year", "assumed:utc")),
        ("Nov  1 00:00:00 web1 x: y", at_us(2026, 11, 1), ("assumed:year", "assumed:utc")),
        (
            "Nov 22 23:59:59 web1 x: y",
            at_us(2026, 11, 22, 23, 59, 59),
            ("assumed:year", "assumed:utc"),
        ),
        ("Nov 24 00:00:00 web1 x: y", at_us(2025, 11, 24), ("assumed:year", "assumed:utc")),
        ("Feb 29 00:00:00 web1 x: y", at_us(2024, 2, 29), ("assumed:year", "assumed:utc")),
        ("2026-11-21T13:06:56.000000+00:00 web1 x: y", TIME_US, ()),
        ("2026-11-21T14:06:56.5+01:00 web1 x: y", TIME_US + 500_000, ()),
        ("2026-11-21T13:06:56Z web1 x: y", TIME_US, ()),
        ("2026-11-21T13:06:56 web1 x: y", TIME_US, ("assumed:utc",)),
        ("2026-13-21T13:06:56Z web1 x: y", None, ("invalid:time",)),
        ("Feb 30 00:00:00 web1 x: y", None, ("invalid:time",)),
        ("Foo 21 00:00:00 web1 x: y", None, ("invalid:time",)),
    ],
)
def test_times(line: str, time_us: int | None, labels: tuple[str, ...]) -> None:
    mapped = FORMAT.map(line.encode(), NOW)
    assert (mapped.time, mapped.labels) == (time_us, labels)
    assert (mapped.context.service_name, mapped.content.message) == ("x", "y")


def test_years_around_new_year_and_absurd_clocks() -> None:
    assert year_completed_us(12, 31, 0, at_us(2027, 1, 1)) == at_us(2026, 12, 31)
    assert year_completed_us(1, 1, 0, at_us(2026, 12, 31)) == at_us(2027, 1, 1)
    assert year_completed_us(1, 2, 0, at_us(2026, 12, 31)) == at_us(2026, 1, 2)
    for received_us in (-(1 << 62), 1 << 62):
        assert year_completed_us(1, 1, 0, received_us) is None


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"hello", b"\x00" * 100, b"\xff\xfe", b'{"a": 1}', b"error: anything",
        b'192.0.2.7 - - [21/Nov/2026:19:14:21 +0000] "GET / HTTP/1.1" 200 3',
        b"Nov 21 13:06:56", b"Nov 21 25:06:56 web1 x: y", b"User input rejected",
    ],
)  # fmt: skip
def test_what_has_no_header_and_is_not_sshds_is_quarantined(line: bytes) -> None:
    assert FORMAT.map(line, NOW).quarantine
    assert not FORMAT.sniff(line)


def test_invalid_utf8_is_kept_as_escapes_and_labelled() -> None:
    mapped = FORMAT.map(PREFIX.encode() + b"sshd[1]: Invalid user m\xfcller from 192.0.2.7", NOW)
    assert mapped.who.actor_id == "m\\xfcller"
    assert "invalid:utf8" in mapped.labels


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(record: bytes) -> None:
    FORMAT.map(record, NOW)
    FORMAT.map(PREFIX.encode() + record, NOW)
    FORMAT.sniff(record)


def test_time_is_linear_in_hostile_lines() -> None:
    start = time.process_time()
    pieces = (
        " ", " from ", " from 1.1.1.1 port 1", " port 1: ", " by ", " for ", " rhost=", " ruser=", "'",
        "(uid=1)", " ; USER=", " ; ", " 1 port 1", "] ", " with ", " ssh2: RSA ", ":", "a", " id 1",
    )  # fmt: skip
    shapes = (
        "sshd: Failed password for {}", "sshd: Failed password for {} from 1.1.1.1 port 1 ssh2",
        "sshd: Invalid user {}", "sshd: Connection closed by {}", "sshd: Disconnecting {}",
        "sshd: Received disconnect from {}", "sshd: User {} not allowed because {}",
        "sshd: error: PAM: x for {}", "sshd: Starting session: {}", "sshd: Unable to negotiate with {}",
        "sshd: Bad protocol version identification {}", "sshd: PAM 2 more authentication failures; {}",
        "sshd: pam_unix(sshd:session): session opened for user {}",
        "sshd: pam_unix(sshd:auth): authentication failure; {}", "sudo: bob : {}", "sudo: {}",
        "su: Successful su for {}", "su: (to {}", "su: + {}", "useradd: {}", "useradd: new user: name={}",
        "usermod: change user '{}", "usermod: add '{}", "systemd-logind: New session 1 of user {}",
        "systemd-logind: Session 1 logged out. {}", "sshd: message repeated 2 times: [ {}",
    )  # fmt: skip
    for shape in shapes:
        for piece in pieces:
            FORMAT.map(
                f"{PREFIX}{shape.replace('{}', piece * (40_000 // len(piece)))}".encode(), NOW
            )
    assert time.process_time() - start < 10  # quadratic would be minutes


SEEDS = [
    f"{PREFIX}sshd[1]: Failed password for invalid user {EVIL} from 192.0.2.7 port 40 ssh2",
    f"{PREFIX}sshd[1]: Accepted publickey for bob from 192.0.2.7 port 40 ssh2: RSA {KEY}",
    f"{PREFIX}sudo:   bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls",
    f"{PREFIX}usermod[3]: change user 'eve' shell from '/bin/sh' to '/bin/bash'",
    "Connection closed by invalid user nosuch 127.0.0.1 port 57496 [preauth]",
    "2026-11-21T14:06:56.5+01:00 web1 sshd[1]: Disconnected from user bob 192.0.2.7 port 22",
]


def samples() -> list[bytes]:
    lines = [line.encode() for line in SEEDS]
    return lines + (list(dict.fromkeys(real_lines()))[::23] if DATA.exists() else [])


def test_it_keeps_the_promises_of_a_format() -> None:
    expected = {"actor.id": EVIL, "ip": "192.0.2.7", "action": "Failed password"}
    check_format(FORMAT, samples(), [expected])


def test_no_other_format_takes_its_lines_nor_it_theirs() -> None:
    check_disjoint(
        {
            FORMAT: samples(),
            Combined(): [b'192.0.2.7 - - [21/Nov/2026:19:14:21 +0000] "GET / HTTP/1.1" 200 3'],
            Postgres(): [b'{"error_severity":"LOG","session_id":"1.1","line_num":1,"message":"x"}'],
            ShortJson(): [b'{"timestamp":"2023-10-21T15:45:23.136Z","userId":"a","action":"b"}'],
            CloudTrail(): [
                b'{"eventVersion":"1.08","eventTime":"2023-10-21T15:45:23Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"1","awsRegion":"x","userIdentity":{}}'
            ],
        }
    )


@pytest.mark.slow
def test_fuzz_100_000_lines() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, NOW).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
