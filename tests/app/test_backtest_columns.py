"""Columns of records that a backtest reads and keeps: what they leave, and what may happen to them.

WHODID_SEED chooses the records and rules.
"""

import os
import random

import msgspec
import pytest

from backtest_place import ROOT, Place
from chance import SEED
from whodid.detection.backtest.shelf import FOLDER, Shelf
from whodid.detection.backtest.stretch import FieldName, read_stretch
from whodid.detection.backtest.stretch_rules import StretchRules, fields_of
from whodid.detection.compiled import compile_rules
from whodid.detection.compiled.index import asks_event_first
from whodid.detection.entries import portions
from whodid.detection.rule import AnyOf, Head, LogSource, Not, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.taxonomy.native import native_of
from whodid.ledger.layout import DETECTION
from whodid.ledger.reader import LedgerReader

ROWS = 64
LONG = "x" * 2000
SOURCES = (
    LogSource(product="aws", service="cloudtrail"), LogSource(product="whodid"),
    LogSource(product="okta"), LogSource(product="github"), LogSource(product="crm"),
)  # fmt: skip
FIELDS = (
    "eventName", "userIdentity.type", "userIdentity", "requestParameters.list.name", "readOnly",
    "requestParameters.a.b", "actor.id", "action", "eventType", "actor.displayName", "org", "ip",
    "time", "outcome.result", "source", "resource",
)  # fmt: skip
VALUES = ("GetObject", "root", "Root", "true", True, False, 1, 1.0, "1", "ann", "", "é", LONG)


def record(chance, number):
    """Return (source, record): of several kinds, some of them no JSON that all read alike."""
    any_value = lambda: chance.choice(VALUES)  # noqa: E731
    trail = {
        "eventVersion": "1.08", "eventID": f"t-{number}", "eventTime": "2026-03-02T10:00:00Z",
        "eventSource": "s3.amazonaws.com", "eventName": chance.choice(("GetObject", "PutObject")),
        "awsRegion": "x", "userIdentity": chance.choice((
            {"type": any_value()}, {"type": [any_value(), any_value()]}, None, "gone",
            [{"type": "Root"}],
        )),
        "readOnly": any_value(),
        "requestParameters": {"a": {"b": any_value()}, "list": [{"name": any_value()}] * 2},
    }  # fmt: skip
    match chance.randrange(6):
        case 0:
            return "crm", {"userId": any_value(), "action": any_value(), "org": any_value()}
        case 1:
            return "crm", {"eventType": any_value(), "actor": {"displayName": any_value()},
                           "outcome": {"result": any_value()}}  # fmt: skip
        case 2:
            return "crm", {"action": any_value(), "actor": any_value(), "org": any_value()}
        case 3:
            text = msgspec.json.encode(trail).decode()
            return "trail", chance.choice((
                text.replace("GetObject", "\\u0047etObject"), text[:-1] + ',"readOnly":"twice"}',
                text.replace(":", " : "), text[:-1], "no JSON",
            ))  # fmt: skip
    return "trail", trail


def sent(chance, count):
    for number in range(count):
        source, found = record(chance, number)
        data = found.encode() if isinstance(found, str) else msgspec.json.encode(found)
        yield source, data, 1_795_000_000_000_000 + number


def rule(chance, number):
    def look():
        op = chance.choice(("equals", "equals", "contains", "startswith", "exists", "null", "gte"))
        value = {"exists": chance.random() < 0.5, "null": None, "gte": 1}.get(op)
        if op in {"contains", "startswith"}:
            value = chance.choice(("o", "r", "1", "x"))
        elif op == "equals":
            value = chance.choice(VALUES[:-1])
        return Look(chance.choice(FIELDS), op, value, cased=chance.random() < 0.3)

    node = chance.choice(
        (look(), Not(look()), AnyOf((look(), look())), Not(AnyOf((look(), look()))))
    )
    return Rule(Head(f"r{number}", f"r{number}", "low", ""), chance.choice(SOURCES), node)


@pytest.fixture
def place(directory, keys, port, clock, monkeypatch):
    for module in ("shelf", "candidates"):
        monkeypatch.setattr(f"whodid.detection.backtest.{module}.STRETCH_ROWS", ROWS)
    for name in ("BACKTEST_OPENED_FEW", "BACKTEST_OPENED_SHARE"):
        monkeypatch.setattr(f"whodid.detection.backtest.screen.{name}", -1)
    return Place(directory, keys, port, clock)


def reader_of(place):
    return LedgerReader(place.directory, place.keys)


def names_of(rules, about):
    return sorted({
        FieldName(kind, name, asks_event_first(one))
        for number, one in enumerate(rules)
        for kind in about.kinds(number)
        for name in fields_of(one.node)
    })  # fmt: skip


@pytest.mark.parametrize("compiled", [True, False])
def test_columns_leave_what_matches_and_little_else(place, monkeypatch, compiled):
    chance = random.Random(SEED)
    if not compiled:
        monkeypatch.setattr("whodid.detection.backtest.stretch.native", None)
    place.send(sent(chance, 300))
    reader = reader_of(place)
    size = place.port.status().size
    rules = [rule(chance, number) for number in range(150)]
    about = StretchRules(rules)
    stretch = read_stretch(reader, 0, size, names_of(rules, about), native_of)
    assert stretch.whole
    asked = about.asked(stretch)
    left = {number: asked.possible(number) for number in range(len(rules))}
    matcher = compile_rules(rules)
    matched = 0
    for portion in portions(reader, 0, size, native_of):
        for one in portion.records:
            found = {it.head.id for it in matcher.matching(one)}
            matched += len(found)
            for number, it in enumerate(rules):
                assert left[number][one.entry] or it.head.id not in found, (it, one.groups)
    reader.close()
    assert matched > 500
    assert sum(int(rows.sum()) for rows in left.values()) < 1.2 * matched, "long values are opened"


def names(*fields):
    return [FieldName("cloudtrail", field) for field in fields]


def shelf_of(place):
    reader = reader_of(place)
    return Shelf(place.directory, place.keys, reader, native_of), reader


def files(place):
    return sorted((place.directory / DETECTION / FOLDER).iterdir())


def same(one, two):
    assert (one.senders, one.sent.tolist()) == (two.senders, two.sent.tolist())
    assert one.columns.keys() == two.columns.keys()
    for name, column in one.columns.items():
        assert column.codes.tolist() == two.columns[name].codes.tolist()
        assert column.values == two.columns[name].values


@pytest.fixture
def filled(place):
    place.send(sent(random.Random(3), 200))
    place.index()
    return place


def test_what_was_read_is_kept_and_what_lacks_is_added(filled):
    shelf, reader = shelf_of(filled)
    first = shelf.get(0, ROWS, names("eventName"))
    assert shelf.entries_read == ROWS
    same(shelf.get(0, ROWS, names("eventName")), first)
    assert shelf.entries_read == ROWS, "from its file"
    both = shelf.get(0, ROWS, names("eventName", "readOnly"))
    assert shelf.entries_read == 2 * ROWS
    again, _ = shelf_of(filled)
    same(again.get(0, ROWS, names("readOnly", "eventName")), both)
    assert again.entries_read == 0
    same(both, read_stretch(reader, 0, ROWS, names("eventName", "readOnly"), native_of))
    shelf.get(3 * ROWS, 200, names("eventName"))
    assert [path.name for path in files(filled)] == ["0" * 16], "a part of a stretch is not kept"


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"),
        lambda path: path.write_bytes(path.with_name(f"{ROWS:016d}").read_bytes()),
        lambda path: path.write_bytes(bytes(8) + path.read_bytes()[8:]),
    ],
)
def test_what_is_not_as_it_was_written_is_read_again(filled, harm):
    shelf, _ = shelf_of(filled)
    first = shelf.get(0, ROWS, names("eventName"))
    shelf.get(ROWS, 2 * ROWS, names("eventName"))
    harm(files(filled)[0])
    again, _ = shelf_of(filled)
    same(again.get(0, ROWS, names("eventName")), first)
    assert again.entries_read == ROWS
    last, _ = shelf_of(filled)
    last.get(0, ROWS, names("eventName"))
    assert last.entries_read == 0, "it was written again"


def test_another_version_and_other_sealed_files_are_not_believed(filled, monkeypatch):
    shelf, _ = shelf_of(filled)
    shelf.get(0, ROWS, names("eventName"))
    with monkeypatch.context() as other:
        other.setattr("whodid.detection.backtest.shelf.__version__", "another")
        again, _ = shelf_of(filled)
        again.get(0, ROWS, names("eventName"))
        assert again.entries_read == ROWS
    with monkeypatch.context() as other:
        other.setattr("whodid.detection.backtest.shelf.all_files", lambda *_: iter(()))
        again, _ = shelf_of(filled)
        again.get(0, ROWS, names("eventName"))
        assert again.entries_read == ROWS


def test_it_takes_a_bounded_part_of_the_disk(filled, monkeypatch):
    shelf, _ = shelf_of(filled)
    for number in (0, 1, 2):
        shelf.get(number * ROWS, (number + 1) * ROWS, names("eventName"))
    sizes = {path.name: path.stat().st_size for path in files(filled)}
    for age, path in enumerate(files(filled)):
        os.utime(path, ns=(age, age))
    shelf.get(0, ROWS, names("eventName"))  # used last
    monkeypatch.setattr(
        "whodid.detection.backtest.shelf.STRETCHES_BYTES_MAX", sum(sizes.values()) - 1
    )
    shelf.tidy()
    assert [int(path.name) for path in files(filled)] == [0, 2 * ROWS]


def test_no_content_stands_in_a_file_as_it_is(filled):
    shelf, _ = shelf_of(filled)
    shelf.get(0, ROWS, names("eventName", "eventSource"))
    data = files(filled)[0].read_bytes()
    assert b"GetObject" not in data
    assert b"amazonaws" not in data
    assert files(filled)[0].stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_costs_time_only(filled, monkeypatch):
    def refused(*_arguments):
        raise PermissionError("for reading only")

    monkeypatch.setattr("whodid.detection.state_file.write_file", refused)
    shelf, _ = shelf_of(filled)
    shelf.get(0, ROWS, names("eventName"))
    shelf.get(0, ROWS, names("eventName"))
    assert shelf.entries_read == 2 * ROWS
    shelf.tidy()


def test_the_second_backtest_opens_what_the_first_did(filled):
    chance = random.Random(SEED)
    made = (rule(chance, number) for number in range(30))
    rules = [msgspec.structs.replace(one, source=SOURCES[0]) for one in made]  # not of own events
    one = filled.backtesting().run(ROOT, rules)
    kept = [path.read_bytes() for path in files(filled)]
    two = filled.backtesting().run(ROOT, rules)
    assert (two.candidates, two.replayed.findings) == (one.candidates, one.replayed.findings)
    assert one.replayed.findings
    assert [path.read_bytes() for path in files(filled)] == kept
