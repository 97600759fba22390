"""The alerts of one ledger: findings in, what people do with them, changes that are to be told."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from whodid.detection.alerts.alert import Alert, Disposition, Silence, SilenceKind
from whodid.detection.alerts.decide import Decider
from whodid.detection.alerts.fingerprint import Tagger
from whodid.detection.alerts.fold import FOLDED
from whodid.detection.alerts.journal import Journal
from whodid.detection.alerts.reads import Reads
from whodid.detection.alerts.record import (
    AlertRecord,
    Handled,
    Pair,
    Silenced,
    Unsilenced,
)
from whodid.detection.alerts.rows import AlteredError
from whodid.detection.alerts.settings import AlertSettings
from whodid.detection.alerts.silence import (
    check_end,
    check_matcher,
    check_note,
    check_reason,
    is_on,
)
from whodid.detection.alerts.table import AlertTable, Turn
from whodid.detection.alerts.telling import changes_of
from whodid.detection.alerts.texts import storable
from whodid.detection.delivery.change import Change
from whodid.detection.finding import Finding
from whodid.detection.rule import Level
from whodid.errors import UsageError
from whodid.limits import ALERT_QUIET_AT_ONCE, SILENCES_MAX
from whodid.normalize.uuid7 import uuid7_many

DETECTOR = "detector"
"""Who ends what is over."""

_FINDINGS_AT_ONCE = 1000
_NAME_CHARS_MAX = 256
T = TypeVar("T")


class Alerts:
    """The alerts of one ledger. Safe for threads and processes; calls block.

    Invariant: a record is durable in the ledger before anything of it is in the table. Calls raise
    RefusedError and StoppedError when it cannot be: then nothing changed, or the next call finds it
    in the ledger.
    """

    def __init__(
        self, directory: Path, secret: bytes, journal: Journal, clock: Callable[[], int],
        settings: AlertSettings | None = None,
    ) -> None:  # fmt: skip
        self.tagger = Tagger(secret)
        self._table = AlertTable(directory, self.tagger.key)
        self._journal = journal
        self._clock = clock
        self._settings = settings or AlertSettings()

    def writing_to(self, journal: Journal) -> "Alerts":
        """Return the same alerts, whose records are written in another's name."""
        other = copy.copy(self)
        other._journal = journal  # noqa: SLF001 - of this class
        return other

    # --- the detector's --------------------------------------------------------------------------

    def take(self, findings: Sequence[Finding]) -> int:
        """Make alerts of findings; return how many records that took.

        A finding that was taken before (its rule's version, key, times and entries say so) changes
        nothing: after an error, or a crash, call again with the same findings.
        """
        written = 0
        for start in range(0, len(findings), _FINDINGS_AT_ONCE):
            some = findings[start : start + _FINDINGS_AT_ONCE]
            tagged = {self.tagger.finding(finding): finding for finding in some}
            written += self._turn(partial(self._take, tagged))
        return written

    def _take(self, tagged: dict[bytes, Finding], turn: Turn) -> int:
        known = turn.known(list(tagged))
        fresh = [(tag, finding) for tag, finding in tagged.items() if tag not in known]
        if not fresh:
            return 0
        decider = Decider(turn, self.tagger, self._settings, self._clock())
        return len(self._write(turn, decider.records(fresh)))

    def tick(self) -> int:
        """End what is over: alerts of which nothing more came, silences that expired.

        Return how many; call it about once a minute.
        """
        now = self._clock()
        with self.reading() as reads:
            if not self._over(reads, now):
                return 0
        return self._turn(lambda turn: len(self._write(turn, self._over(turn, now))))

    def _over(self, reads: Reads, now: int) -> list[AlertRecord]:
        expired = [one for one in reads.silences() if not is_on(one, now)]
        quiet = reads.over(now - self._settings.quiet_us, ALERT_QUIET_AT_ONCE)
        return [
            *(Unsilenced(one.id, now, DETECTOR) for one in expired[:ALERT_QUIET_AT_ONCE]),
            *(Handled("quiet", alert.id, now, DETECTOR) for alert in quiet),
        ]

    def reconcile(self) -> bool:
        """Compare the table with the ledger, and make it again when they differ; tell whether.

        For the start of a process: it finds a table that was put back to an older state.
        """
        with self.reading() as reads:
            folded = reads.counter(FOLDED)
        there = self._journal.count()
        if there is None or there == folded:
            return False
        with self._table.turn(self._journal.records) as turn:  # somebody may have written meanwhile
            same = turn.counter(FOLDED) == self._journal.count()
        if not same:
            self._table.remake(self._journal.records)
        return not same

    # --- to be told ------------------------------------------------------------------------------

    def changes(self, after: int, limit: int) -> list[Change]:
        """Return changes that people are to be told (see `delivery.change.Changes`).

        The position is the entry of the ledger that a change came of.
        """
        with self.reading() as reads:
            pending = reads.notices(after, limit)
            alerts = {one.alert: reads.alert(one.alert) for one in pending}
        known = [alert for alert in alerts.values() if alert is not None]
        entries = {one.entry for one in pending} | {alert.entry for alert in known}
        return changes_of(pending, alerts, self._journal.at(sorted(entries)))

    # --- people's --------------------------------------------------------------------------------

    def acknowledge(self, alert_id: str, by: str, note: str = "") -> Alert:
        """Say that somebody looks at it. Raises UsageError when there is none, or it is closed."""
        return self._handle(alert_id, lambda now: Handled("acknowledge", alert_id, now, by,
                                                          note=note), closed=False)  # fmt: skip

    def assign(self, alert_id: str, by: str, assignee: str, note: str = "") -> Alert:
        """Say who is to look at it; empty: nobody. Raises UsageError."""
        if len(assignee) > _NAME_CHARS_MAX or not assignee.isprintable():
            raise UsageError(f"a name has at most {_NAME_CHARS_MAX} printable characters")
        return self._handle(alert_id, lambda now: Handled("assign", alert_id, now, by,
                                                          assignee, note=note))  # fmt: skip

    def note(self, alert_id: str, by: str, note: str) -> Alert:
        """Write something beside it. Raises UsageError."""
        if not note.strip():
            raise UsageError("a note says something")
        return self._handle(alert_id, lambda now: Handled("note", alert_id, now, by, note=note))

    def close(
        self, alert_id: str, by: str, disposition: Disposition, note: str = "",
        duplicate_of: str = "",
    ) -> Alert:  # fmt: skip
        """End it, and say what it was. What comes later is a new alert. Raises UsageError."""
        if (disposition == "duplicate") != bool(duplicate_of):
            raise UsageError("a duplicate names the alert that it repeats, and nothing else does")
        if duplicate_of == alert_id:
            raise UsageError("an alert is no duplicate of itself")
        return self._handle(
            alert_id,
            lambda now: Handled("close", alert_id, now, by, disposition=disposition,
                                duplicate_of=duplicate_of, note=note),
            closed=False, other=duplicate_of,
        )  # fmt: skip

    def reopen(self, alert_id: str, by: str, note: str = "") -> Alert:
        """Take back an acknowledgement or a close. Raises UsageError."""
        return self._handle(
            alert_id, lambda now: Handled("reopen", alert_id, now, by, note=note), reopen=True
        )

    def _handle(
        self, alert_id: str, record: Callable[[int], Handled], *, closed: bool | None = None,
        other: str = "", reopen: bool = False,
    ) -> Alert:  # fmt: skip
        def handle(turn: Turn) -> Alert:
            alert = _found(turn, alert_id)
            if other:
                _found(turn, other)
            if closed is False and alert.state == "closed":
                raise UsageError("this alert is closed; open it again first")
            if reopen:
                _check_reopen(turn, alert)
            made = record(self._clock())
            check_note(made.note)
            made = replace(made, note=storable(made.note))
            self._write(turn, [made])
            return _found(turn, alert_id)

        return self._turn(handle)

    def silence(
        self, by: str, reason: str, *, kind: SilenceKind = "silence", rule: str = "",
        level: Level | None = None, key: tuple[Pair, ...] = (), expires_us: int | None = None,
    ) -> Silence:  # fmt: skip
        """Mute alerts of a rule, a key, or both, up to a level. Raises UsageError."""
        check_matcher(rule, key)
        check_reason(reason)
        rule, reason = storable(rule), storable(reason)
        key = tuple((storable(field), storable(value)) for field, value in key)

        def silence(turn: Turn) -> Silence:
            now = self._clock()
            check_end(now, expires_us, exclusion=kind == "exclusion")
            if len(turn.silences()) >= SILENCES_MAX:
                raise UsageError(f"there are {SILENCES_MAX:,} silences: end some first")
            tags = tuple(tag.hex() for tag in self.tagger.key_tags(key))
            silence_id = uuid7_many(1, now)[0]
            record = Silenced(silence_id, kind, now, by, reason, rule, level, key, tags, expires_us)
            self._write(turn, [record])
            made = turn.silence(silence_id)
            assert made is not None
            return made

        return self._turn(silence)

    def end_silence(self, silence_id: str, by: str, note: str = "") -> Silence:
        """End a silence or an exclusion. Raises UsageError when there is none that holds."""
        check_note(note)

        def end(turn: Turn) -> Silence:
            found = turn.silence(storable(silence_id))
            if found is None or found.ended_us is not None:
                raise UsageError("there is no such silence, or it ended already")
            self._write(turn, [Unsilenced(silence_id, self._clock(), by, storable(note))])
            ended = turn.silence(silence_id)
            assert ended is not None
            return ended

        return self._turn(end)

    # --- the table -------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        """Look at the table; what it misses of the ledger is taken in first."""
        if self._table.is_behind():
            with self._table.turn(self._journal.records):
                pass
        with self._table.reading() as reads:
            yield reads

    def read(self, look: Callable[[Reads], T]) -> T:
        """Return what a look at the table finds, made again first when it was altered."""
        try:
            with self.reading() as reads:
                return look(reads)
        except AlteredError:
            self._table.remake(self._journal.records)
            with self.reading() as reads:
                return look(reads)

    def _turn(self, work: Callable[[Turn], T]) -> T:
        try:
            with self._table.turn(self._journal.records) as turn:
                return work(turn)
        except AlteredError:
            self._table.remake(self._journal.records)
            with self._table.turn(self._journal.records) as turn:
                return work(turn)

    def _write(self, turn: Turn, records: Sequence[AlertRecord]) -> list[tuple[int, AlertRecord]]:
        """Write records and take them in; what the ledger had already changes nothing."""
        if not records:
            return []
        turn.begin(self._journal.size())
        entries = self._journal.append(records)
        pairs = zip(entries, records, strict=True)
        written = [(entry, record) for entry, record in pairs if entry is not None]
        turn.end(written)
        return written


def _found(reads: Reads, alert_id: str) -> Alert:
    alert = reads.alert(storable(alert_id))
    if alert is None:
        raise UsageError(f"there is no alert {alert_id[:64]!r} here")
    return alert


def _check_reopen(reads: Reads, alert: Alert) -> None:
    if alert.state == "open":
        raise UsageError("this alert is open")
    newer = reads.active(alert.fingerprint)
    if newer is not None and newer.id != alert.id:
        raise UsageError(f"a newer alert of the same goes on: {newer.id}")
