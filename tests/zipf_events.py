"""Events as a company's logs have them: few users do most, and some values are hostile."""

import bisect
import itertools
import random

from whodid.event import (
    EMPTY_CONTENT,
    Change,
    Content,
    Context,
    Envelope,
    Event,
    Redaction,
    What,
    When,
    Where,
    Who,
)

START_US = 1_790_000_000_000_000
_DAY_US = 86_400_000_000
HOSTILE = (
    "", " ", "%", "_", "a%b_c", "'; DROP TABLE events; --", 'quo"te', "back\\slash",
    "tab\tnew\nl",
    "nul\0l", "Straße", "STRASSE", "ﬁle", "İstanbul", "Kelvin \u212a", "日本語 ログ",
    "e\u0301te\u0301",
    "été", "\u202egnp.exe", "👩‍💻 code", "=1+1", "NULL", "null", "none", "true", "*", "a*b",
    "(x|y)",
    "x" * 300, "²", "Ⅷ", "foo_bar", "FooBar", "foo-bar",
)  # fmt: skip
ADDRESSES = (
    "10.0.0.1", "10.0.0.2", "10.0.1.77", "192.168.7.9", "2001:db8::1", "2001:db8:0:1::ff", "::1",
    "fe80::1", "::ffff:10.0.0.1", "::ffff:192.168.7.9", "0.0.0.0", "255.255.255.255",
    "2001:0DB8::0001", "fe80::1%eth0", "not an address", "10.0.0.1:80",
)  # fmt: skip
NUMBERS = (0, 1, 2, 7, 10, 99, 1000, 65_536, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**70)
ACTIONS = ("SELECT", "select", "FILE_UPLOAD", "GetObject", "login", "DELETE", "update", "sudo")
TABLES = (
    "customers",
    "Customers",
    "orders",
    "/api/v1/users?x=1",
    "s3://bucket/key one",
    "salaries",
)


class Zipf:
    """The n-th of these names comes up about 1/n as often as the first."""

    def __init__(self, names):
        self._names = names
        self._steps = list(itertools.accumulate(1 / n for n in range(1, len(names) + 1)))

    def draw(self, random_):
        return self._names[bisect.bisect(self._steps, random_.random() * self._steps[-1])]


USERS = Zipf(["alice", "Bob", "carol@example.com", "dave", "ALICE", *(f"u{n}" for n in range(120))])


def zipf_events(count, seed=1, *, sources=("crm", "postgres", "nginx", "whodid")):
    """Return events in about the order of their times."""
    draw = random.Random(seed)
    return [_event(draw, seed * 1_000_000 + n, n, sources) for n in range(count)]


def _event(draw, number, place, sources):
    def some(*values, absent=0.4, hostile=0.08):
        pick = draw.random()
        if pick < absent:
            return None
        return draw.choice(HOSTILE if pick < absent + hostile or not values else values)

    def several(*values):
        return tuple(some(*values, absent=0) for _ in range(draw.choice((0, 0, 1, 2, 4))))

    def amount():
        pick = draw.random()
        return None if pick < 0.5 else draw.choice(NUMBERS) if pick < 0.8 else draw.randrange(5000)

    user = USERS.draw(draw)
    who = Who(
        None if draw.random() < 0.2 else user, some(user, user.title()),
        draw.choice((None, "user", "agent", "service")), some("alice", "the cfo", absent=0.8),
        f"s{draw.randrange(60)}" if draw.random() < 0.5 else None, several("admins", "Ops", "dba"),
    )  # fmt: skip
    what = What(
        some(*ACTIONS, absent=0.1), draw.choice((None, "read", "read", "update", "delete")),
        some("table", "file"), some(*TABLES, absent=0.2), some("db1"), several("pii", "eu"),
        several(*TABLES), draw.choice((None, "success", "success", "failure", "denied")),
        some("permission denied", "no such file", absent=0.7), amount(), amount(),
    )  # fmt: skip
    where = Where(
        None if draw.random() < 0.3 else draw.choice(ADDRESSES), some("web-1", "web-2", "db"),
        draw.choice((None, 22, 443)), some("Mozilla/5.0 (X11)", "curl/8.5", absent=0.6),
        several("10.0.0.9"),
    )  # fmt: skip
    context = Context(
        some("crm", "nginx", "whodid", absent=0.3), some("1.0", absent=0.8),
        some("GET /users/{id}", absent=0.6), f"c{draw.randrange(300)}",
        some(f"{draw.randrange(40):032x}", absent=0.6), None, some(f"r-{number}", absent=0.5),
        amount(),
    )  # fmt: skip
    content = EMPTY_CONTENT
    if draw.random() < 0.6:
        changes = (Change("email", some("a@x.org"), some("b@x.org")),) if place % 5 == 0 else ()
        content = Content(
            some("user logged in", "disk is full", absent=0.3), changes,
            some("select * from customers where id = 7", "drop table x", absent=0.5), several("7"),
        )  # fmt: skip
    raw = " ".join(some("alice", "GET", "error", "0x1f", absent=0, hostile=0.2) for _ in range(4))
    shown = draw.choice(
        (raw.encode(), raw.encode("unicode_escape"), b"\xff\xfe \\u00e9t\\x41 " + raw.encode())
    )
    envelope = Envelope(
        draw.choice(sources), draw.choice(("json", "postgres", "auto")), draw.choice((1, 1, 2)),
        draw.choice(("none", "native", "client")), some(f"n{number}", absent=0.5),
        several("missing:ip", "cut:message"), some("no such field", absent=0.95),
        (Redaction(0, 3, "password"),) if draw.random() < 0.1 else (), some("valid", absent=0.9),
    )  # fmt: skip
    received = START_US + place * 47_000_000_000 // 10 + draw.randrange(1_000_000)
    shift = draw.choice((0, 0, -1_000, -_DAY_US, 3_000_000, -400 * _DAY_US))
    time_us = None if draw.random() < 0.1 else (received + shift) // 1000 * 1000
    event_id = f"019a{number >> 32:04x}-0000-7000-8000-{number:012x}"
    return Event(
        When(event_id, received, time_us, some("yesterday", absent=0.9)), who, what, where, context,
        content, shown, envelope,
    )  # fmt: skip
