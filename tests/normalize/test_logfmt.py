"""Lines of pairs: what is one, what is none, and the names of the short form in them."""

import pytest

from whodid.normalize.logfmt import Logfmt, decode_logfmt
from whodid.testing.format_conformance import check_format

FORMAT = Logfmt()
LINE = (
    b'ts=2026-11-21T19:14:21.5Z level=info msg="user read \\"a\\"\\n" user=ada action=read '
    b"resource.type=file resource=/a/b=c status=403 ip=192.0.2.1:4711 rows=7 duration_ms=3"
)
GO_KIT = (
    b"ts=1795288461.5 caller=main.go:7 userId=bob op=delete target=t1 success=true tls "
    b"trace_id=ab service=shop id=e-1"
)


def test_conformance():
    expected = [
        {
            "time": 1_795_288_461_500_000, "actor.id": "ada", "action": "read", "access": "read",
            "resource.type": "file", "resource.name": "/a/b=c", "outcome": "denied",
            "ip": "192.0.2.1", "port": 4711, "rows": 7, "message": 'user read "a"\n',
            "duration_us": 3000,
        },
    ]  # fmt: skip
    check_format(FORMAT, [LINE], expected)
    mapped = FORMAT.map(GO_KIT, 0)
    assert mapped.time == 1_795_288_461_500_000
    assert (mapped.who.actor_id, mapped.what.access) == ("bob", "delete")
    assert (mapped.what.outcome, mapped.client_id) == ("success", "e-1")


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        (b"a=1  b=2\t", {"a": "1", "b": "2"}),
        (b'a="x y" b=', {"a": "x y", "b": ""}),
        (b"flag a=1", {"flag": "", "a": "1"}),
        ('a="\\u00e9\\t" ü=ö'.encode(), {"a": "é\t", "ü": "ö"}),
        (b'a="\\q"', {"a": "\\q"}),
        (b"a==b c=d=e", {"a": "=b", "c": "d=e"}),
    ],
)
def test_pairs(line, pairs):
    assert decode_logfmt(line) == pairs


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "no key=value"),
        (b"just words", "no key=value"),
        (b'a="open', "character 1"),
        (b'a=1 b="x"y', "character 4"),
        (b"a=1 =2", "character 4"),
        (b'a=b"c', "character 1"),
        (b"a=1 a=2", "stands twice"),
        (b"a=\xff", "not UTF-8"),
    ],
)
def test_what_is_none(line, reason):
    assert reason in decode_logfmt(line)
    assert reason in FORMAT.map(line, 0).quarantine
    assert not FORMAT.sniff(line)


@pytest.mark.parametrize(
    "line",
    [
        b"type=SYSCALL msg=audit(1652292621.986:84138): user=1 action=x a=b",
        b"Nov 21 19:14:21 host app: user=a action=b c=d",
        b"2026-11-21T19:14:21Z user=ada action=open door=x",
        b'{"user":"a=b","action":"c=d","x":"e=f"}',
        b"a=1 b=2 c=3",
    ],
)
def test_what_it_leaves_to_others(line):
    assert not FORMAT.sniff(line)
