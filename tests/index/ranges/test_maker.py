"""The maker: what it names in the log, and what happens when it crashes or files are lost."""

import json

import pytest

from whodid.errors import RefusedError
from whodid.index.ranges import maker as maker_module
from whodid.index.ranges.map_file import _HEADER
from whodid.index.ranges.range_map import build
from whodid.index.ranges.replay import replay
from whodid.ledger.range_root import parse_range_root
from whodid.ledger.reader import LedgerReader
from whodid.ledger.verify import verify_ledger
from whodid.query.match import matcher
from whodid.query.own import is_own
from whodid.query.parse import parse
from whodid.verifier.answer import check

from .conftest import MappedLog


def files(log):
    return sorted(path.name for path in (log.directory / "index" / "maps").iterdir())


def range_faults(log):
    """Return what `verify` says of ranges; the made-up events break other rules."""
    faults = verify_ledger(log.directory, keys=log.keys).faults
    return [fault for fault in faults if "names " in fault.problem]


def replayed(log):
    reader = LedgerReader(log.directory, log.keys)
    return replay(reader, log.keys, reader.size)


def test_each_full_range_is_named_once(mapped):
    roots = [parse_range_root(tail) for _, tail in mapped.named()]
    assert [(root.level, root.first) for root in roots] == [(12, 0), (12, 4096)]
    assert files(mapped) == ["12-0000000000000000", "12-0000000000004096", "entries"]
    entries = (mapped.directory / "index" / "maps" / "entries").read_text().split()
    assert [int(line) for line in entries] == [index for index, _ in mapped.named()]
    assert range_faults(mapped) == []


def test_a_replay_of_the_events_gives_the_same_maps(mapped):
    found = replayed(mapped)
    assert found.faults == []
    assert [root.first for root in found.agreed] == [0, 4096]


def test_a_second_maker_names_nothing_again(mapping):
    mapping.map()
    before = mapping.named()
    assert len(before) == 1
    mapping.map()
    assert mapping.named() == before


def test_maps_that_are_lost_are_made_again_and_are_the_same(mapping):
    mapping.map()
    path = mapping.directory / "index" / "maps" / "12-0000000000000000"
    root = parse_range_root(mapping.named()[0][1])
    for damage in (path.unlink, lambda: path.write_bytes(path.read_bytes()[:500])):
        damage()
        assert mapping.map().findings == []
        assert maker_module.MapFolder(mapping.directory, mapping.keys).map((12, 0)).root == (
            root.map_root
        )
    assert len(mapping.named()) == 1


def test_a_crash_before_the_entry_is_made_good(mapping, monkeypatch):
    maker = mapping.maker()

    def crash(_root):
        raise RefusedError("the disk is full")

    monkeypatch.setattr(maker, "_append", crash)
    with pytest.raises(RefusedError):
        maker.step()
    assert mapping.named() == []
    mapping.map()
    assert len(mapping.named()) == 1


def test_nothing_is_named_before_a_checkpoint_covers_it(mapping):
    mapping.log.size = mapping.log.reader.refresh()
    maker = mapping.maker()
    head = maker._head()
    maker._head = lambda: type(head)(head.origin, 4095, head.root)
    assert not maker.step()
    assert mapping.named() == []


def lying(leave_out):
    """Return a `build` that leaves rows of a map out."""

    def build_less(tables, first, keys):
        rows, facts = build(tables, first, keys)
        return type(rows)(
            rows.keys[leave_out:], rows.counts[leave_out:], rows.what[leave_out:]
        ), facts

    return build_less


def test_a_map_that_leaves_events_out_is_found_by_a_replay(mapping, monkeypatch):
    monkeypatch.setattr(maker_module, "build", lying(3))
    mapping.map()
    found = replayed(mapping)
    assert found.agreed == []
    assert found.faults == [
        f"entry {mapping.named()[0][0]}: the map of entries 0 to 4096 is not what their events give"
    ]


def test_a_map_that_is_no_longer_what_was_named_is_not_used(mapping, monkeypatch):
    mapping.map()
    (mapping.directory / "index" / "maps" / "12-0000000000000000").unlink()
    monkeypatch.setattr(maker_module, "build", lying(1))
    maker = mapping.map()
    (finding,) = maker.findings
    assert "names another map of the entries from 0 to 4096 than they give now" in finding
    assert len(mapping.named()) == 1
    assert "12-0000000000000000" not in files(mapping)


def test_two_answers_for_one_range_are_a_fault_of_the_log(mapping, monkeypatch):
    mapping.map()
    monkeypatch.setattr(maker_module, "build", lying(1))
    maker = mapping.maker()
    maker._scan = lambda _covered: None  # as one who wants to say something else
    maker._swept = True
    assert maker.step()
    first, second = (index for index, _ in mapping.named())
    mapping.port.publish()
    (fault,) = range_faults(mapping)
    assert fault.entry == second
    assert fault.problem == f"names another map of entries 0 to 4096 than {first}"


def test_only_a_range_that_is_there_is_taken(mapping):
    maker = mapping.maker()
    root = parse_range_root_of(mapping, maker)
    with pytest.raises(RefusedError, match="a range read at"):
        maker._append(type(root)(**{**fields_of(root), "size": 1 << 40}))
    with pytest.raises(RefusedError, match="there is no range of level 12 at entry 1"):
        maker._append(type(root)(**{**fields_of(root), "first": 1}))
    with pytest.raises(RefusedError, match="up to 8192 that was read at"):
        maker._append(type(root)(**{**fields_of(root), "first": 4096}))


def fields_of(root):
    return {name: getattr(root, name) for name in root.__struct_fields__}


def parse_range_root_of(mapping, maker):
    while maker.step():
        pass
    return parse_range_root(mapping.named()[0][1])


def test_each_map_is_made_once_up_to_the_largest(mapping):
    """Files of parts go when they are joined: nobody comes back to them."""
    maker = mapping.maker()
    done, made = set(), []
    maker._done = done.__contains__
    covered = 5 * (1 << 19)
    while (place := maker._next(covered)) is not None:
        made.append(place)
        done.difference_update(maker_module._parts(place))
        done.add(place)
        if len(made) % 50 == 0:
            maker._at = 0  # as after a start
    assert len(made) == len(set(made))
    counts = {level: sum(place[0] == level for place in made) for level in (12, 16, 20)}
    assert counts == {12: 640, 16: 40, 20: 2}
    assert made[-1] == (16, covered - (1 << 16))
    assert made.index((20, 0)) == 256 + 16


SEARCHES = (
    "actor:alice access:read resource:bob",
    "correlation:c100000003",
    "ip:10.0.0.1 outcome:denied actor:über",
)


@pytest.mark.slow
def test_sixteen_ranges_are_joined_to_one(tmp_path):
    log = MappedLog(tmp_path, 66_000)
    log.map()
    roots = [parse_range_root(tail) for _, tail in log.named()]
    assert [(r.level, r.first) for r in roots] == [(12, n * 4096) for n in range(16)] + [(16, 0)]
    assert files(log) == ["16-0000000000000000", "entries"]
    assert replayed(log).faults == []
    for text in SEARCHES:
        data = log.prove(text).encode()
        verdict = check(data)
        assert (verdict.faults, verdict.complete_to) == ([], verdict.size)
        matches = matcher(parse(text).filter)
        expected = {i for i, e in log.log.events.items() if matches(e) and not is_own(e)}
        assert {event["entry"] for event in json.loads(data)["events"]} == expected
    ranges = json.loads(log.prove("actor:alice access:read resource:bob").encode())["ranges"]
    assert len(ranges) == 1
    log.log.close()


def test_a_map_that_goes_while_a_server_runs_is_made_again(mapping):
    maker = mapping.map()
    path = mapping.directory / "index" / "maps" / "12-0000000000000000"
    before = path.stat().st_ino
    path.unlink()
    assert maker.step()
    assert path.stat().st_ino != before or path.exists()
    (finding,) = maker.findings
    assert finding.endswith("12-0000000000000000: missing or damaged; made again")
    assert not maker.step()
    assert len(mapping.named()) == 1


def test_a_map_that_a_reader_cannot_read_is_made_again(mapping):
    maker = mapping.map()
    path = mapping.directory / "index" / "maps" / "12-0000000000000000"
    data = path.read_bytes()
    size = int.from_bytes(data[_HEADER.size - 4 : _HEADER.size], "big")
    opens = _HEADER.size + size  # so far; no chunk behind it does, whatever the keys are
    path.write_bytes(data[:opens] + bytes(len(data) - opens))
    proof = mapping.prove("actor:alice")
    assert proof.end == 0, "every entry is shown instead"
    assert check(proof.encode()).ok
    assert maker.step()
    assert not maker.step()
    assert mapping.prove("actor:alice").end == 4096
    assert [name for name in files(mapping) if name.endswith(".damaged")] == []
