"""Rules over the history of a ledger: one read, one event of its own before it answers.

Matched events show content, so it is for readers from whom nothing is kept. It reads with a reader
and a searcher of its own and takes no turn: it may last, and nobody waits for it.
"""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents
from whodid.clock import Clock
from whodid.detection.backtest.candidates import Candidates
from whodid.detection.backtest.distinct import Arrays, texts_of
from whodid.detection.backtest.replay import Replayed, Times, clamped, replay
from whodid.detection.backtest.shelf import Shelf
from whodid.detection.backtest.stretch import FieldName, Stretch
from whodid.detection.backtest.tune import FIELDS
from whodid.detection.compiled import compile_rules
from whodid.detection.lookers import ABOUT_ALERTS, SERVER
from whodid.detection.rule import AnyRule, Rule
from whodid.detection.taxonomy.native import native_of
from whodid.detection.windows import Settings as WindowSettings
from whodid.detection.windows.ready import ready_for
from whodid.errors import AccessDeniedError, LeftError
from whodid.index.analyst import Analyst, Extraction
from whodid.index.extract import INDEX
from whodid.index.search import Searcher
from whodid.ledger.keys import KeyFolder
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.ledger.state_db import OWN_SOURCE
from whodid.limits import BACKTEST_ROWS_MAX
from whodid.query.parse import parse
from whodid.query.times import resolve

_TIMES = (INDEX, "time", "received", "source")
_ABOUT = " OR ".join(f"resource.type:={name}" for name in sorted(ABOUT_ALERTS))
_SEEN = f"-(source:={OWN_SOURCE} actor.type:={SERVER} ({_ABOUT}))"
"""Those that the live detector looks at, too."""
_NARROW = "look at fewer of them with --since"


class Backtest(Struct, frozen=True):
    """What rules would have raised, and what it took.

    `events` were looked at, of which the columns left `candidates` to be opened. `columns_read`
    counts entries whose records were read for columns that no earlier backtest kept. Times in
    seconds.
    """

    rules: tuple[AnyRule, ...]
    replayed: Replayed
    events: int
    candidates: int
    scan_s: float
    replay_s: float
    first_us: int
    last_us: int
    size: int
    warnings: list[str]
    columns_read: int = 0


class Backtesting:
    """Runs backtests over one ledger; several at a time are independent of each other."""

    def __init__(
        self, directory: Path, keys: KeyFolder, port: SequencerPort, own: OwnEvents, clock: Clock
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._port = port
        self._own = own
        self._clock = clock

    def run(
        self, caller: Caller, rules: Sequence[AnyRule], since: str = "",
        settings: WindowSettings | None = None,
    ) -> Backtest:  # fmt: skip
        """Look for what `rules` find in the events received `since` (a time of a search, "": all).

        Raises AccessDeniedError, recorded, for a reader from whom something is kept; QueryError for
        what is no time; UsageError for too many events.
        """
        asked = ", ".join(rule.head.title for rule in rules[:20])
        act = Act("backtest", "read", "ledger", since or "all events", asked)
        self._check(caller, act)
        text = f"received:>={since} {_SEEN}" if since else _SEEN
        query = resolve(parse(text), self._clock())
        matcher = compile_rules(rules)
        windows = settings or WindowSettings()
        reader = LedgerReader(self._directory, self._keys)
        history = _History(rules, windows, caller)
        try:
            began_s = time.monotonic()
            size = self._port.status().size
            analyst = Analyst(Searcher(self._directory, self._keys, reader))
            wanted = Extraction(history.fields, (), history.take, BACKTEST_ROWS_MAX, _NARROW)
            found = analyst.extracted(query, wanted, durable=size, own=True)
            times = history.times()
            shelf = Shelf(self._directory, self._keys, reader, native_of)
            candidates = history.candidates(analyst, shelf, times, found.size)
            scanned_s = time.monotonic()
            single = [rule for rule in rules if isinstance(rule, Rule)]
            done = replay(
                rules if history.correlates else single, matcher, windows, reader, candidates,
                times, native_of, self._clock(),
            )  # fmt: skip
            self._own.write(caller, msgspec.structs.replace(act, rows=done.opened))
        finally:
            reader.close()
        first, last = (int(times.time.min()), int(times.time.max())) if found.events else (0, 0)
        return Backtest(
            tuple(rules), done, found.events, len(candidates), scanned_s - began_s,
            time.monotonic() - scanned_s, first, last, found.size, found.warnings,
            shelf.entries_read,
        )  # fmt: skip

    def values_of(self, caller: Caller, entries: Sequence[int]) -> dict[int, dict[str, str]]:
        """Return the values of `tune.FIELDS` that these events have; unreadable ones are left out.

        It is one read, one event. Raises AccessDeniedError as `run`.
        """
        wanted = sorted(set(entries))
        act = Act("tune", "read", "ledger", "events", rows=len(wanted))
        self._check(caller, act)
        self._own.write(caller, act)
        reader = LedgerReader(self._directory, self._keys)
        try:
            rows = {row.index: row for row in reader.pick(wanted)}
        finally:
            reader.close()
        found: dict[int, dict[str, str]] = {}
        for index, row in rows.items():
            with contextlib.suppress(msgspec.DecodeError):
                event = row.event()
                if event is not None:
                    values = ((name, event.field(name)) for name in FIELDS)
                    found[index] = {name: str(value) for name, value in values if value}
        return found

    def _check(self, caller: Caller, act: Act) -> None:
        if caller.rights.whole:
            return
        reason = "a backtest is for readers from whom no row and no field is kept"
        self._own.write(caller, msgspec.structs.replace(act, ok=False, reason=reason))
        raise AccessDeniedError(reason)


class _History:
    """Takes columns: keeps the times, and has the others looked through for candidates."""

    def __init__(self, rules: Sequence[AnyRule], windows: WindowSettings, caller: Caller) -> None:
        self._caller = caller
        self._windows = windows
        self._candidates = Candidates(rules, ready_for(rules, windows).plans)
        self.fields = tuple(dict.fromkeys((*_TIMES, *self._candidates.screen.fields)))
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._sources: dict[str, int] = {}

    def take(self, rows: int, columns: Sequence[Arrays]) -> None:
        """Take the columns of further rows. Raises LeftError when nobody waits any more."""
        self._pause()
        by_field = dict(zip(self.fields, columns, strict=True))
        codes, *_ = by_field["source"] or (np.zeros(rows, np.uint32),)
        names = texts_of(by_field["source"])
        numbers = [self._sources.setdefault(name, len(self._sources)) for name in ("", *names)]
        entries = by_field[INDEX][0]
        self._parts.append((
            entries, by_field["time"][0], by_field["received"][0],
            np.array(numbers, dtype=np.int64)[codes],
        ))  # fmt: skip
        self._candidates.take(entries, by_field)

    def times(self) -> Times:
        """Return when every event was, in the order of the log."""
        empty = np.zeros(0, dtype=np.int64)
        columns = [np.concatenate(part) for part in zip(*self._parts, strict=True)] or [empty] * 4
        order = np.argsort(columns[0], kind="stable")
        entry, at, received, source = (column[order] for column in columns)
        return Times(entry, at, received, source, tuple(self._sources))

    def candidates(self, analyst: Analyst, shelf: Shelf, times: Times, size: int) -> np.ndarray:
        """Return the entries to be opened, in order."""
        for rule, search in self._candidates.screen.searches.items():
            self._pause()
            self._candidates.add(rule, analyst.may_match(search, durable=size), times.entry)
        at_work = clamped(times, self._windows)

        def get(first: int, end: int, names: Sequence[FieldName]) -> Stretch:
            self._pause()
            return shelf.get(first, end, names)

        def times_of(entries: np.ndarray) -> np.ndarray:
            places = np.searchsorted(at_work.entry, entries)
            found: np.ndarray = at_work.time[np.minimum(places, len(at_work.entry) - 1)]
            return found

        found = self._candidates.entries(get, size, times_of)
        shelf.tidy()
        return np.intersect1d(found, times.entry, assume_unique=True)

    @property
    def correlates(self) -> bool:
        """Whether some correlation may find something in the candidates."""
        return self._candidates.correlates

    def _pause(self) -> None:
        if self._caller.left():
            raise LeftError
