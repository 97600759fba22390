"""Step 9 of `verify`: keys.db and state.db, loaded from their bytes.

`integrity_check` sees broken pages, not every changed value: a changed key does not open its block
(step 6), a changed source is not what its entry committed to. What of a page nothing refers to is
not covered, nor are receipts whose batch is no longer in the write-ahead log.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from whodid.errors import WhodidError
from whodid.ledger.formats import DATABASES
from whodid.ledger.keys import Kek, StateKeys, unwrap
from whodid.ledger.keys_db import key_context, load_readonly
from whodid.ledger.layout import KEYS_DB, STATE_DB, too_new
from whodid.ledger.row_mac import is_genuine, rows_of
from whodid.ledger.source_entry import SourceOpened
from whodid.ledger.state_binding import BOUND_TABLES, key_name
from whodid.ledger.state_db import Receipt, Source
from whodid.ledger.verification.verdict import Findings
from whodid.normalize.mapping import mapping_hash

Settings = dict[int, SourceOpened]
"""Log index of an entry that opened a source → what it committed to."""


class State(Struct):
    """What state.db says: sources by id, and (first, end) of the batches with a receipt."""

    sources: dict[bytes, Source] = {}
    batches: dict[bytes, tuple[int, int]] = {}


Rows = TypeVar("Rows")


def _read(db: sqlite3.Connection, query: str, kind: type[Rows]) -> Rows:
    """Return all rows, of the types of `kind`. Raises sqlite3.Error or msgspec.ValidationError."""
    found: list[Any] = db.execute(query).fetchall()
    return msgspec.convert(found, kind, strict=True)


def _load(directory: Path, name: str, findings: Findings) -> sqlite3.Connection | None:
    path = directory / name
    if not path.exists():
        findings.fault(name, None, "the file is missing")
        return None
    try:
        db = load_readonly(path)
    except WhodidError as error:
        findings.fault(name, None, str(error))
        return None
    (version,) = db.execute("PRAGMA user_version").fetchone()
    known = DATABASES[name]
    if version > known:
        findings.fault(name, None, str(too_new(name, version, known)))
    elif version < 1:
        findings.fault(name, None, f"has no format number that whodid ever wrote ({version})")
    elif version < known:
        findings.warn(f"{name}: of format {version}, older than {known}: run `whodid upgrade`")
    # A view could answer for ever, a trigger do what no writer of ours asked for.
    odd = "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index') OR rootpage = 0"
    if db.execute(odd).fetchone()[0]:
        findings.fault(name, None, "holds a view, a trigger or a virtual table: none is of whodid")
        db.close()
        return None
    if (directory / f"{name}-journal").exists():
        findings.warn(f"{name}-journal: a writer is at work, or a crash left it")
    return db


def read_state(directory: Path, keys: StateKeys | None, findings: Findings) -> State:
    """Check state.db; an unreadable one is a fault and gives an empty state.

    With `keys` every row that lets somebody in is one that whodid wrote, or a fault.
    """
    state = State()
    db = _load(directory, STATE_DB, findings)
    if db is None:
        return state
    try:
        sources = "SELECT name, source_id, format, domain, class, opened_us FROM sources"
        for row in _read(db, sources, list[tuple[str, bytes, str, str, int, int]]):
            state.sources[row[1]] = Source(*row)
        _check_mappings(db, state.sources.values(), findings)
        receipts = "SELECT batch_id, receipt FROM receipts"
        for batch_id, data in _read(db, receipts, list[tuple[bytes, bytes]]):
            receipt = msgspec.msgpack.decode(data, type=Receipt)
            state.batches[batch_id] = (receipt.first, receipt.end)
            if receipt.batch_id != batch_id:
                findings.fault(STATE_DB, receipt.first, "a receipt under the id of another batch")
        if keys is not None:
            _check_macs(db, keys, findings)
    except (sqlite3.Error, msgspec.MsgspecError, ValueError) as error:
        findings.fault(STATE_DB, None, f"does not decode ({error})")
    finally:
        db.close()
    return state


def _check_macs(db: sqlite3.Connection, keys: StateKeys, findings: Findings) -> None:
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table in BOUND_TABLES:
        if table not in there:
            continue
        for row in rows_of(db.execute(f"SELECT * FROM {table}")):  # noqa: S608 - a name of ours
            key = keys.doors if key_name(table, row) == "doors" else keys.access
            if not is_genuine(key, table, row):
                about = str(row.get("name") or row.get("user") or "")[:64]
                problem = (
                    f"a row of {table} ({about!r}) that whodid did not write; it has no effect"
                )
                findings.fault(STATE_DB, None, problem)


def _check_mappings(db: sqlite3.Connection, sources: Iterable[Source], findings: Findings) -> None:
    """Compare the mapping files with the hashes that the formats of their sources end with."""
    there = "SELECT count(*) FROM sqlite_schema WHERE name = 'source_mappings'"
    texts: dict[str, str] = {}
    if db.execute(there).fetchone()[0]:
        query = "SELECT hash, text FROM source_mappings"
        texts = dict(_read(db, query, list[tuple[str, str]]))
    for source in sources:
        _, plus, digest = source.format.partition("+")
        if plus and digest not in texts:
            findings.fault(STATE_DB, None, f"the mapping of source {source.name!r} is missing")
        elif plus and mapping_hash(texts[digest]) != digest:
            findings.fault(STATE_DB, None, f"the mapping of source {source.name!r} was altered")


class WrappedKeys:
    """The data keys of keys.db. `open` faults a key that is not there or does not open."""

    def __init__(
        self, directory: Path, ledger_id: bytes, keks: dict[int, Kek], findings: Findings
    ) -> None:
        self._ledger_id = ledger_id
        self._keks = keks
        self._findings = findings
        self._rows: dict[bytes, tuple[int, bytes]] | None = None
        db = _load(directory, KEYS_DB, findings)
        if db is None:
            return
        try:
            keys = "SELECT key_id, kek_version, wrapped FROM data_keys"
            rows = _read(db, keys, list[tuple[bytes, int, bytes]])
            self._rows = {row[0]: (row[1], row[2]) for row in rows}
        except (sqlite3.Error, msgspec.ValidationError) as error:
            findings.fault(KEYS_DB, None, f"does not decode ({error})")
        finally:
            db.close()

    def open(self, key_id: bytes, where: str, first: int) -> bytes | None:
        """Return the data key of a block, None when there is none or no private key is here."""
        if self._rows is None:
            return None  # faulted once
        row = self._rows.get(key_id)
        if row is None:
            problem = f"its key {key_id.hex()} is not in {KEYS_DB}, and no erasure says so"
            self._findings.fault(where, first, problem)
            return None
        if not self._keks:
            return None
        try:
            return unwrap(self._keks, row[0], row[1], key_context(self._ledger_id, key_id))
        except WhodidError as error:
            self._findings.fault(KEYS_DB, first, f"the key of {where} does not open: {error}")
            return None


def check_sources(
    sources: dict[bytes, Source],
    opens: dict[bytes, int],
    settings: Settings,
    findings: Findings,
) -> None:
    """Compare the sources of state.db with the entries that opened them."""
    for source_id, source in sources.items():
        index = opens.get(source_id)
        if index is None:
            findings.fault(STATE_DB, None, f"source {source.name!r} was opened by no entry")
            continue
        opened = settings.get(index)
        said = (source.name, source.format, source.domain, source.class_)
        if opened is not None and said != (
            opened.name, opened.format, opened.domain, opened.class_,
        ):  # fmt: skip
            problem = f"source {source.name!r} has other settings than its entry committed to"
            findings.fault(STATE_DB, index, problem)


def check_receipts(
    receipts: dict[bytes, tuple[int, int]],
    batches: dict[bytes, tuple[int, int]],
    size: int,
    findings: Findings,
) -> None:
    """Compare receipts with the write-ahead log: no batch was taken twice."""
    for batch_id, place in batches.items():
        kept = receipts.get(batch_id)
        if kept is not None and kept != place:
            problem = f"a batch that has a receipt for entries {kept[0]} to {kept[1]}: replayed"
            findings.fault("wal", place[0], problem)
    for _, end in receipts.values():
        if end > size:
            problem = f"a receipt for entries up to {end}, the log has {size}: its tail was cut"
            findings.fault(STATE_DB, size, problem)
            return
