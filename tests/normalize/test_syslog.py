# Tables of log lines read better whole.
# ruff: noqa: E501
"""`syslog`: the examples of RFC 3164 and 5424, what is in the envelope, forged structure, and 10^5 mutated lines."""

import time
from datetime import UTC, datetime

import pytest

from chance import SEED
from whodid.normalize.registry import detect, format_by_name
from whodid.normalize.syslog_line import read_syslog
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

FORMAT = format_by_name("syslog")
NOW = 1_795_305_600_000_000
JSON = '{"userId":"ada","action":"delete","resource":"t"}'


def map_text(line: str):
    return FORMAT.map(line.encode(), NOW)


def at_us(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


RFC_3164 = "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8"
RFC_5424 = "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed for lonvick on /dev/pts/8"
RFC_5424_DATA = '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]'


def test_the_examples_of_rfc_3164() -> None:
    mapped = map_text(RFC_3164)
    assert detect(RFC_3164.encode()).name == "syslog"
    assert (mapped.time, mapped.original_time) == (
        at_us(2026, 10, 11, 22, 14, 15),
        "Oct 11 22:14:15",
    )
    assert (mapped.who.actor_id, mapped.what.action, mapped.what.outcome) == (
        "lonvick",
        "su",
        "failure",
    )
    assert (mapped.what.resource_name, mapped.what.resource_parent) == ("root", "mymachine")
    assert mapped.labels == ("facility:auth", "severity:crit", "assumed:year", "assumed:utc")
    for text in (
        "Use the BFG!",
        "1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
    ):
        bare = map_text(f"<0>{text}")
        assert (bare.quarantine, bare.time, bare.content.message) == (None, None, text)
        assert bare.labels == ("facility:kern", "severity:emerg", "invalid:header")
    assert map_text("Use the BFG!").quarantine


def test_the_examples_of_rfc_5424() -> None:
    mapped = map_text(RFC_5424)
    assert (mapped.time, mapped.labels) == (
        at_us(2003, 10, 11, 22, 14, 15) + 3000,
        ("facility:auth", "severity:crit"),
    )
    assert (mapped.who.actor_id, mapped.what.action) == ("lonvick", "su")
    zoned = map_text(
        "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts."
    )
    assert zoned.time == at_us(2003, 8, 24, 12, 14, 15) + 3
    assert (zoned.context.service_name, zoned.context.correlation) == (
        "myproc",
        "192.0.2.1/myproc[8710]",
    )
    assert zoned.content.message == "%% It's time to make the do-nuts."
    data = map_text(f"{RFC_5424_DATA} \ufeffAn application event log entry...")
    assert (data.what.action, data.what.resource_name) == ("ID47", "mymachine.example.com")
    assert data.content.message == "An application event log entry..."
    line = read_syslog(RFC_5424_DATA)
    assert line is not None
    assert line.elements == (
        ("exampleSDID@32473", (("iut", "3"), ("eventSource", "Application"), ("eventID", "1011"))),
        ("examplePriority@32473", (("class", "high"),)),
    )
    nothing = map_text("<14>1 - - - - - -")
    assert (nothing.quarantine, nothing.time, nothing.content.message) == (None, None, None)


def test_structured_data_of_an_enterprise_is_read_like_the_short_form() -> None:
    mapped = map_text(
        r'<110>1 2026-11-26T10:00:00Z app1 crm 77 - [audit@32473 userId="al\"ice" action="delete" resource="a\]b\\" ip="192.0.2.7" status="denied"][timeQuality isSynced="0"] deleted'
    )
    assert (mapped.who.actor_id, mapped.what.action, mapped.what.resource_name) == (
        'al"ice',
        "delete",
        "a]b\\",
    )
    assert (mapped.where.ip, mapped.what.outcome, mapped.what.resource_parent) == (
        "192.0.2.7",
        "denied",
        "app1",
    )
    assert (mapped.context.service_name, mapped.context.correlation) == ("crm", "app1/crm[77]")
    assert (mapped.content.message, mapped.time) == ("deleted", at_us(2026, 11, 26, 10))
    assert mapped.labels == ("facility:audit", "severity:info", "unsynced:time")


def test_a_value_cannot_end_its_element() -> None:
    forged = 'x] <34>1 - h su - - [audit@1 userId="root"'.replace("]", r"\]").replace('"', r"\"")
    mapped = map_text(
        f'<110>1 2026-11-26T10:00:00Z app1 crm - - [audit@1 userId="ada" action="{forged}"] text'
    )
    assert mapped.who.actor_id == "ada"
    assert mapped.what.action == 'x] <34>1 - h su - - [audit@1 userId="root"'


@pytest.mark.parametrize(
    ("message", "actor", "action", "resource", "parent", "service"),
    [
        ("sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2", "root", "Failed password", "web1", None, "sshd"),
        ("sudo:   ada : TTY=pts/0 ; PWD=/home/ada ; USER=root ; COMMAND=/bin/ls", "ada", "COMMAND", "root", "web1", "sudo"),
        (f"crm[9]: {JSON}", "ada", "delete", "t", "web1", "crm"),
        (f"crm[9]: @cee: {JSON}", "ada", "delete", "t", "web1", "crm"),
        ('nginx: 192.0.2.7 - ada [21/Nov/2026:19:14:21 +0000] "GET /x HTTP/1.1" 200 5 "-" "x"', "ada", "GET", "/x", "web1", "nginx"),
        ('nginx: {"remote_addr":"192.0.2.7","remote_user":"ada","status":"200","request_method":"GET","request_uri":"/x"}', "ada", "GET", "/x", "web1", "nginx"),
        ("postgres[5]: [7-1] 2026-11-21 19:13:39.555 UTC [5] ada@crm LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,select 1,<none>,1", "ada", "SELECT", "public.t", "crm", "postgres"),
        ("mysql-server_auditing: db1,ada,192.0.2.7,5,10,READ,crm,t,", "ada", "READ", "crm.t", "db1", "mariadb"),
    ],
)  # fmt: skip
def test_messages_that_are_known(
    message: str, actor: str, action: str, resource: str, parent: str | None, service: str
) -> None:
    for head in ("<86>Nov 21 19:14:21 web1 ", "<86>2026-11-21T19:14:21.5+00:00 web1 "):
        mapped = map_text(head + message)
        assert (mapped.who.actor_id, mapped.what.action, mapped.what.resource_name) == (
            actor,
            action,
            resource,
        )
        assert (mapped.what.resource_parent, mapped.context.service_name) == (parent, service)
        assert at_us(2026, 11, 21, 19, 13) <= (mapped.time or 0) <= at_us(2026, 11, 21, 19, 15)
        assert "facility:authpriv" in mapped.labels
        assert ("machine:web1" in mapped.labels) == (parent in ("crm", "db1"))


def test_the_time_of_the_message_wins_only_when_it_has_a_zone() -> None:
    inner = map_text(
        '<13>Nov 21 19:14:21 h crm: {"userId":"a","action":"x","time":"2026-11-21T18:00:00Z"}'
    )
    assert (inner.time, inner.labels) == (
        at_us(2026, 11, 21, 18),
        ("facility:user", "severity:notice"),
    )
    outer = map_text(
        '<13>1 2026-11-21T19:14:21Z h crm - - - {"userId":"a","action":"x","time":"2026-11-21T18:00:00"}'
    )
    assert (outer.time, outer.labels) == (
        at_us(2026, 11, 21, 19, 14, 21),
        ("facility:user", "severity:notice"),
    )


def test_a_line_from_this_machine_has_no_host() -> None:
    mapped = map_text(
        "<86>Nov 21 19:14:21 sshd[7]: Accepted password for ada from 192.0.2.7 port 22 ssh2"
    )
    assert (mapped.who.actor_id, mapped.context.correlation, mapped.what.resource_name) == (
        "ada",
        "sshd[7]",
        None,
    )
    repeated = map_text(
        "<86>Nov 21 19:14:21 h sshd[7]: message repeated 3 times: [ Failed password for root from 192.0.2.7 port 22 ssh2]"
    )
    assert "repeated:3" in repeated.labels
    assert repeated.who.actor_id == "root"


@pytest.mark.parametrize(
    ("line", "actor", "action"),
    [
        ("<86>1 2026-11-26T18:13:57+00:00 web1 sshd 23488 - -  Failed password for root from 198.51.100.4 port 40022 ssh2", "root", "Failed password"),
        ('<86>1 2026-11-26T18:13:57.607668+00:00 web1 sudo - - [timeQuality tzKnown="1" isSynced="0"] ada : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/bin/ls', "ada", "COMMAND"),
        ('<133>1 2026-11-26T18:13:57.611749+00:00 web1 crm - EXPORT [timeQuality tzKnown="1" isSynced="0"][audit@32473 userId="ada" action="export"] refused', "ada", "export"),
        (f"<133>1 2026-11-26T18:13:57+00:00 web1 crm - - -  @cee: {JSON}", "ada", "delete"),
        ('<133>1 2026-11-26T18:13:57.663105+00:00 web1 nginx - - [timeQuality tzKnown="1" isSynced="0"] 192.0.2.7 - ada [21/Nov/2026:19:14:21 +0000] "GET /x HTTP/1.1" 403 5 "-" "curl"', "ada", "GET"),
        ("<133>Nov 26 18:13:57 web1 postgres[23495] [7-1] 2026-11-21 19:13:39.555 UTC [5] ada@crm ERROR:  permission denied for table salaries", "ada", "ERROR"),
    ],
)  # fmt: skip
def test_lines_as_rsyslog_writes_them(line: str, actor: str, action: str) -> None:
    mapped = map_text(line)
    assert detect(line.encode()).name == "syslog"
    assert (mapped.who.actor_id, mapped.what.action) == (actor, action)


def test_lines_without_priority_are_authlogs_for_auto() -> None:
    line = b"Nov 21 19:14:21 host sshd[7]: Failed password for root from 1.2.3.4 port 22 ssh2"
    assert detect(line).name == "authlog"
    assert detect(b"<86>" + line).name == "syslog"
    assert (
        FORMAT.map(line, NOW).who
        == FORMAT.map(b"<86>" + line, NOW).who
        == detect(line).map(line, NOW).who
    )


@pytest.mark.parametrize("line", ["", "x", "<", "<192>x", "<999>1 - - - - - -", "34>Oct 11"])
def test_what_is_no_line_is_quarantined(line: str) -> None:
    assert map_text(line).quarantine


def test_long_lines_take_linear_time() -> None:
    start = time.process_time()
    for long in (
        '[a b="' * 30_000,
        '\\"' * 100_000,
        '[a b="c"]' * 20_000,
        ' b="c"' * 30_000,
        "x" * 200_000,
        " " * 200_000,
    ):
        for line in (
            f"<34>{long}",
            f"<34>1 - - - - - {long}",
            f'<34>1 - - - - - [a b="{long}',
            f"<34>Oct 11 22:14:15 {long}",
        ):
            map_text(line)
    assert time.process_time() - start < 10  # quadratic would be minutes


def samples() -> list[bytes]:
    lines = (
        RFC_3164, RFC_5424, RFC_5424_DATA, f"<13>Nov 21 19:14:21 h crm[9]: @cee: {JSON}",
        r'<110>1 2026-11-26T10:00:00Z app1 crm 77 - [audit@32473 userId="al\"ice" action="x"] y',
        "<86>2026-11-21T19:14:21.5+00:00 web1 sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2",
    )  # fmt: skip
    return [line.encode() for line in lines]


def test_it_keeps_the_promises_of_a_format() -> None:
    check_format(FORMAT, samples(), [{"actor.id": "lonvick"}, {"actor.id": "lonvick"}])


@pytest.mark.slow
def test_fuzz_100_000_lines() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, NOW).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
