"""A ledger of alerts' records in a list, findings, and rules: for tests of alerts."""

import sqlite3

from whodid.app.alert_desk import AlertDesk
from whodid.detection.alerts.alerts import Alerts
from whodid.detection.alerts.record import Raised, decode_record, encode_record
from whodid.detection.alerts.settings import AlertSettings
from whodid.detection.finding import Finding, Match
from whodid.detection.rule import Head

SECRET = b"k" * 32
DAY_US = 86_400_000_000
START_US = 1_764_000_000_000_000


class Killed(BaseException):
    """The process ends here."""


class ListJournal:
    """A `Journal` over a list. `kill` is "before" or "after": the next append ends the process."""

    def __init__(self):
        self.entries = []
        self.names = set()
        self.kill = None

    def size(self):
        return len(self.entries)

    def append(self, records):
        kill, self.kill = self.kill, None
        if kill == "before":
            raise Killed
        found = []
        for record in records:
            name = tuple(record.finding_tags) if isinstance(record, Raised) else None
            if name is not None and name in self.names:
                found.append(None)
                continue
            self.names.add(name)
            self.entries.append(encode_record(record))
            found.append(len(self.entries) - 1)
        if kill == "after":
            raise Killed
        return found

    def records(self, first):
        for entry in range(first, len(self.entries)):
            yield entry, decode_record(self.entries[entry])

    def at(self, entries):
        return {
            entry: decode_record(self.entries[entry])
            for entry in entries
            if self.entries[entry] is not None
        }

    def count(self):
        return len(self.entries)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now=START_US):
        self.now = now

    def __call__(self):
        return self.now


def head(name="burst", level="medium", version="v1", **more):
    return Head(name, f"Title of {name}", level, version, **more)


def finding(
    rule=None, key=(("actor", "alice"),), at=0, count=1, first=None, why="", values=(),
    stage="final",
):  # fmt: skip
    """A finding of `count` events at second `at`."""
    when = START_US + at * 1_000_000
    first = when if first is None else START_US + first * 1_000_000
    matches = tuple(
        Match(1000 * at + n, f"0190a0a0-0000-7000-8000-{at:06x}{n:06x}", when) for n in range(count)
    )
    return Finding(rule or head(), when, first, count, matches, key, values, why, stage)


def make(folder, journal=None, clock=None, **settings):
    """Alerts over a list, with the journal and the clock."""
    journal = ListJournal() if journal is None else journal
    clock = clock or Clock()
    alerts = Alerts(folder, SECRET, journal, clock, AlertSettings(**settings))
    return alerts, journal, clock


def all_of(alerts):
    """Every alert, the oldest first."""
    return alerts.read(lambda reads: reads.alerts("TRUE"))[::-1]


def dump(folder):
    """Everything that the table holds, to be compared."""
    db = sqlite3.connect(folder / "alerts.db")
    try:
        return {
            name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in ("alerts", "silences", "evidence", "findings", "notices", "kept")
        }
    finally:
        db.close()


def desk(folder, hits, write, clock=None, journal=None):
    """A desk over a list of records; `hits()` returns events, `write` takes their own events.

    Its `alerts` raises alerts, its `journal` holds the records.
    """
    alerts, journal, clock = make(folder, journal, clock)
    at = lambda _caller, entries: [hit for hit in hits() if hit.index in set(entries)]  # noqa: E731
    found = AlertDesk(alerts, lambda _caller: journal, at, write, clock)
    found.alerts, found.journal, found.now = alerts, journal, clock
    return found


def finding_of(hits, rule=None, key=(), why="", values=()):
    """A finding about these events."""
    times = [hit.event.when.time or hit.event.when.received for hit in hits]
    matches = tuple(
        Match(hit.index, hit.event.when.id, time) for hit, time in zip(hits, times, strict=True)
    )
    return Finding(
        rule or head(), max(times), min(times), len(hits), matches, key, values, why
    )  # fmt: skip
