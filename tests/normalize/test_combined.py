"""`combined`: real Apache and nginx lines, tricky ones, and 10^5 mutated ones."""

import gzip
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chance import SEED
from whodid.event import Mapped
from whodid.normalize.clf_time import clf_time_us
from whodid.normalize.combined import Combined, unescape
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

DATA = Path(__file__).resolve().parents[2] / "../shared/data/web"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = Combined()
TIME = "21/Nov/2026:19:14:21 +0000"
TIME_US = 1_795_288_461_000_000


def map_line(line: str | bytes) -> Mapped:
    return FORMAT.map(line.encode() if isinstance(line, str) else line, 0)


def line_of(
    request: str = "GET / HTTP/1.1", head: str = "192.0.2.7 - -", tail: str = '200 3 "-" "curl/8"'
) -> str:
    return f'{head} [{TIME}] "{request}" {tail}'


def apache_lines() -> list[bytes]:
    return gzip.open(DATA / "apache-combined.log.gz").read().splitlines()


@needs_data
def test_all_real_apache_lines_are_mapped() -> None:
    lines = apache_lines()
    mapped = [FORMAT.map(line, 0) for line in lines]
    assert len(mapped) == 10_000
    assert all(FORMAT.sniff(line) for line in lines)
    assert Counter(m.quarantine for m in mapped) == {None: 10_000}
    # counted with awk on the file, not with the parser
    assert Counter(m.what.action for m in mapped) == {
        "GET": 9952, "HEAD": 42, "POST": 5, "OPTIONS": 1,
    }  # fmt: skip
    assert Counter(m.what.reason for m in mapped) == {
        None: 9126 + 45 + 164 + 445, "HTTP 403": 2, "HTTP 404": 213, "HTTP 416": 2, "HTTP 500": 3,
    }  # fmt: skip
    assert Counter(m.what.outcome for m in mapped) == {"success": 9780, "denied": 2, "failure": 218}
    assert Counter(m.who.actor_type for m in mapped) == {"anonymous": 10_000}
    assert all(m.where.ip and m.where.host is None and m.time for m in mapped)
    sizes = [
        int(match[1]) for match in (re.search(rb'" \d{3} (\d+) "', li) for li in lines) if match
    ]
    assert sum(m.what.bytes or 0 for m in mapped) == sum(sizes)
    assert [(at, m.labels) for at, m in enumerate(mapped) if m.labels] == [(8898, ("cut:agent",))]
    cut = mapped[8898]
    assert cut.where.agent == (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html"
    )
    assert cut.what.resource_name == "/scripts/grok-py-test/configlib.py"


@needs_data
def test_real_nginx_lines() -> None:
    mapped = [
        FORMAT.map(line, 0) for line in (DATA / "nginx-combined.log").read_bytes().splitlines()
    ]
    assert [m.who.actor_id for m in mapped] == ["alice"] * 4 + [None]
    assert [m.what.resource_name for m in mapped] == [
        "/customer-records.csv", "/nope", "/a", "/private/x", "/customer-records.csv",
    ]  # fmt: skip
    assert [m.what.outcome for m in mapped] == ["success"] + ["failure"] * 4
    assert mapped[0].where.agent == 'Mozilla/5.0 "quoted" é'
    assert mapped[0].time == TIME_US
    assert mapped[4].what.access == "create"
    assert mapped[4].what.reason == "HTTP 405"


def test_a_whole_line() -> None:
    mapped = map_line(
        line_of("GET /a/b?q=secret&x=1 HTTP/2.0", tail='403 17 "http://r/" "A \\"B\\" C"')
    )
    assert mapped.time == TIME_US
    assert mapped.original_time == TIME
    assert (mapped.what.action, mapped.what.access) == ("GET", "read")
    assert (mapped.what.resource_type, mapped.what.resource_name) == ("url", "/a/b")
    assert (mapped.what.outcome, mapped.what.reason, mapped.what.bytes) == (
        "denied",
        "HTTP 403",
        17,
    )
    assert mapped.context.endpoint == "/a/b"
    assert (mapped.where.ip, mapped.where.agent) == ("192.0.2.7", 'A "B" C')
    assert mapped.native_id is None
    assert mapped.labels == ()


@pytest.mark.parametrize(
    ("head", "ip", "host", "user", "parent"),
    [
        ("2001:db8::1 - bob", "2001:db8::1", None, "bob", None),
        ("client.example.org - -", None, "client.example.org", None, None),
        ("unix: - -", None, None, None, None),
        ("www.example.org:443 192.0.2.7 - bob", "192.0.2.7", None, "bob", "www.example.org"),
        ("www.example.org 2001:db8::1 - -", "2001:db8::1", None, None, "www.example.org"),
        ("192.0.2.7 - bob smith", "192.0.2.7", None, "bob smith", None),
        ("192.0.2.7 - 203.0.113.9 - -", "192.0.2.7", None, "203.0.113.9 - -", None),
        ('192.0.2.7 - ""', "192.0.2.7", None, None, None),
        (r"192.0.2.7 - \x22bob\xC3\xA9", "192.0.2.7", None, '"bobé', None),
        (
            "192.0.2.7 - eve [01/Jan/2020:00:00:00 +0000]",
            "192.0.2.7", None, "eve [01/Jan/2020:00:00:00 +0000]", None,
        ),
        (
            r"192.0.2.7 - eve [01/Jan/2020:00:00:00 +0000] \x22GET /forged HTTP/1.1\x22 200 1",
            "192.0.2.7", None,
            'eve [01/Jan/2020:00:00:00 +0000] "GET /forged HTTP/1.1" 200 1', None,
        ),
        (
            r"192.0.2.7 - eve [01/Jan/2020:00:00:00 +0000] \"GET /forged HTTP/1.1\" 200 1",
            "192.0.2.7", None,
            'eve [01/Jan/2020:00:00:00 +0000] "GET /forged HTTP/1.1" 200 1', None,
        ),
    ],
)  # fmt: skip
def test_who_and_from_where(
    head: str, ip: str | None, host: str | None, user: str | None, parent: str | None
) -> None:
    mapped = map_line(line_of(head=head))
    assert (mapped.where.ip, mapped.where.host) == (ip, host)
    assert mapped.who.actor_id == user
    assert mapped.who.actor_type == ("user" if user else "anonymous")
    assert mapped.what.resource_parent == parent
    assert mapped.what.resource_name == "/"
    assert mapped.time == TIME_US


@pytest.mark.parametrize(
    ("request_line", "action", "path", "labels"),
    [
        ("-", None, None, ()),
        (r"\x16\x03\x01\x02\x00\x01\xFC", None, None, ("broken:request",)),
        ("", None, None, ("broken:request",)),
        ("GET /old", "GET", "/old", ()),
        ("GET /a b c HTTP/1.1", "GET", "/a b c", ()),
        ("get / HTTP/1.1", None, None, ("broken:request",)),
        ("PROPFIND /dav HTTP/1.1", "PROPFIND", "/dav", ()),
        ("CONNECT example.org:443 HTTP/1.1", "CONNECT", "example.org:443", ()),
        ("OPTIONS * HTTP/1.0", "OPTIONS", "*", ()),
        ("GET http://example.org/x?y HTTP/1.1", "GET", "http://example.org/x", ()),
        (r"GET /%22\x22\xC3\xA9\xFF HTTP/1.1", "GET", '/%22"é\\xff', ()),
        ("SSH-2.0-Go", None, None, ("broken:request",)),
    ],
)
def test_requests(request_line: str, action: str | None, path: str | None, labels: tuple) -> None:
    mapped = map_line(line_of(request_line, tail='400 150 "-" "-"'))
    assert mapped.quarantine is None
    assert (mapped.what.action, mapped.what.resource_name) == (action, path)
    assert mapped.labels == labels
    assert (mapped.what.outcome, mapped.what.reason) == ("failure", "HTTP 400")
    assert mapped.what.bytes == 150
    assert mapped.where.ip == "192.0.2.7"
    assert mapped.where.agent is None
    if labels:
        assert mapped.content.message == (unescape(request_line) or None)


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("200 3", (3, None, (), None, None)),
        ("304 -", (None, None, (), None, None)),
        ('200 3 "-" "-"', (3, None, (), None, None)),
        ('200 3 "-" "A" "203.0.113.9, 198.51.100.2"',
         (3, "A", ("203.0.113.9", "198.51.100.2"), None, None)),
        ('200 3 "-" "A" "-"', (3, "A", (), None, None)),
        ('200 3 "-" "A" "evil, 203.0.113.9"', (3, "A", (), None, None)),
        ('200 3 "-" "A" 0.125', (3, "A", (), 125_000, None)),
        ('200 3 "-" "A" rt=1.5 uct="0.001"', (3, "A", (), None, None)),
        ('200 3 "-" "A" request_time=1.500', (3, "A", (), 1_500_000, None)),
        ('200 3 "-" "A" 0.125 0.120', (3, "A", (), None, None)),
        ('200 3 "-" "A" "-" 0.125 5d41402abc4b2a76b9719d911017c592',
         (3, "A", (), 125_000, "5d41402abc4b2a76b9719d911017c592")),
        ('200 3 "-" "A" 1234', (3, "A", (), None, None)),
    ],
)  # fmt: skip
def test_tails(tail: str, expected: tuple) -> None:
    mapped = map_line(line_of(tail=tail))
    got = (
        mapped.what.bytes, mapped.where.agent, mapped.where.via,
        mapped.context.duration_us, mapped.context.request,
    )  # fmt: skip
    assert got == expected
    assert mapped.where.ip == "192.0.2.7"
    assert mapped.labels == ()


def test_forwarded_for_is_never_the_peer() -> None:
    mapped = map_line(line_of(tail='200 3 "-" "A" "203.0.113.9"'))
    assert (mapped.where.ip, mapped.where.via) == ("192.0.2.7", ("203.0.113.9",))


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (line_of(tail='200 3 "-" "Mozilla'), "cut:agent"),
        (line_of(tail='200 3 "http://x'), "cut:referer"),
        (f'192.0.2.7 - - [{TIME}] "GET /x HT', "cut:request"),
        (f'192.0.2.7 - - [{TIME}] "GET /x HTTP/1.1" 2', "cut:request"),
    ],
)
def test_cut_lines_keep_what_is_certain(line: str, label: str) -> None:
    mapped = map_line(line)
    assert mapped.quarantine is None
    assert mapped.labels == (label,)
    assert (mapped.time, mapped.where.ip) == (TIME_US, "192.0.2.7")


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"hello", b'{"a": "b"}', b'] "', b'[] "', b"\x00" * 100, b"\xff\xfe",
        f'x [{TIME}] "GET / HTTP/1.1" 200 3'.encode(),
        f'[{TIME}] "GET / HTTP/1.1" 200 3'.encode(),
        b'192.0.2.7 - - [31/Feb/2026:19:14:21 +0000] "GET / HTTP/1.1" 200 3',
        b'192.0.2.7 - - [21/Nov/2026 19:14:21 +0000] "GET / HTTP/1.1" 200 3',
        b'192.0.2.7 - - [21/Foo/2026:19:14:21 +0000] "GET / HTTP/1.1" 200 3',
        b'192.0.2.7 - - [21/Nov/0000:19:14:21 +0000] "GET / HTTP/1.1" 200 3',
    ],
)  # fmt: skip
def test_what_is_no_access_line_is_quarantined(line: bytes) -> None:
    assert FORMAT.map(line, 0).quarantine


def test_invalid_utf8_is_kept_as_escapes_and_labelled() -> None:
    mapped = map_line(line_of("GET /caf\xe9 HTTP/1.1").encode("latin-1"))
    assert mapped.what.resource_name == "/café".encode("latin-1").decode(
        "utf-8", "backslashreplace"
    )
    assert mapped.labels == ("invalid:utf8",)


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        (TIME, TIME_US),
        ("21/Nov/2026:19:14:21 +0530", TIME_US - 19_800_000_000),
        ("21/Nov/2026:19:14:21 -0800", TIME_US + 28_800_000_000),
        ("29/Feb/2024:00:00:00 +0000", 1_709_164_800_000_000),
        ("31/Dec/2016:23:59:60 +0000", 1_483_228_800_000_000),
        ("29/Feb/2023:00:00:00 +0000", None),
        ("21/Nov/2026:24:00:00 +0000", None),
        ("21/Nov/2026:19:14:21", None),
        ("٢١/Nov/2026:19:14:21 +0000", None),
    ],
)
def test_times(text: str, time_us: int | None) -> None:
    assert clf_time_us(text) == time_us


def nginx_escaped(text: str) -> str:
    """Escape as nginx does: `"`, backslash, control and non-ASCII bytes as \\xHH."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}"
        for byte in text.encode()
    )


@given(user=st.text(min_size=1), path=st.text(), agent=st.text(min_size=1))
def test_no_text_moves_another_field(user: str, path: str, agent: str) -> None:
    line = line_of(
        f"GET /{nginx_escaped(path)} HTTP/1.1",
        f"192.0.2.7 - {nginx_escaped(user)}",
        f'200 3 "-" "{nginx_escaped(agent)}"',
    )
    mapped = map_line(line)
    assert (mapped.where.ip, mapped.time, mapped.what.bytes) == ("192.0.2.7", TIME_US, 3)
    assert mapped.what.resource_name == "/" + path.partition("?")[0]
    if user != "-":
        assert mapped.who.actor_id == user
    if agent != "-":
        assert mapped.where.agent == agent


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(record: bytes) -> None:
    assert FORMAT.map(record, 0).quarantine or FORMAT.sniff(record)


def test_time_is_linear_in_hostile_lines() -> None:
    size = 200_000
    start = time.process_time()
    for piece in ('"', "\\", '\\"', " ", '" ', '] "', "[", "a ", '" "', "?", ","):
        for line in (
            piece * (size // len(piece)),
            line_of(piece * (size // len(piece))),
            line_of(head=f"192.0.2.7 - {piece * (size // len(piece))}"),
            line_of(tail=f'200 3 "-" "{piece * (size // len(piece))}'),
            line_of(tail=f'200 3 "-" "A" {piece * (size // len(piece))}'),
        ):
            FORMAT.map(line.encode(), 0)
            FORMAT.sniff(line.encode())
    assert time.process_time() - start < 4  # quadratic would be minutes


SEEDS = [
    line_of(),
    line_of("POST /a?b=c HTTP/1.1", "www.example.org:80 2001:db8::1 - bob smith", "301 -"),
    line_of(r"\x16\x03\x01", r"192.0.2.7 - \xC3\xA9", '400 0 "-" "-" "203.0.113.9" 0.001'),
    line_of("-", tail='408 - "http://r/\\"x" "Mozilla/5.0 (X11; \\x22q\\x22)" rt=0.1 uct="-"'),
]


def samples() -> list[bytes]:
    lines = [line.encode() for line in SEEDS]
    return lines + (apache_lines()[:200] if DATA.exists() else [])


def test_it_keeps_the_promises_of_a_format() -> None:
    check_format(FORMAT, samples(), [{"ip": "192.0.2.7", "agent": "curl/8", "bytes": 3}])


@pytest.mark.slow
def test_fuzz_100_000_lines() -> None:
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        if number % 20 == 0:
            check_record(FORMAT, record)
        else:
            mapped = FORMAT.map(record, 0)
            assert mapped.quarantine or mapped.time is not None
