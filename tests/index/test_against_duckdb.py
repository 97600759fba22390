"""Searches and tables answer as DuckDB does, whose SQL a translator of the test wrote.

Thousands of random searches under `slow`, some always. WHODID_SEED chooses them; a failure
names the search.
"""

import importlib.util
import math
from pathlib import Path

import pytest

from chance import SEED
from random_queries import RandomQueries
from sql_oracle import SqlOracle
from whodid.index.analyst import Analyst
from whodid.index.evaluate import states_of
from whodid.query.own import hides_own
from whodid.query.parse import parse
from whodid.query.render_pipes import query_text
from whodid.query.tree import Query
from zipf_events import zipf_events

PAGE = 200


def _conftest():
    file = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("index_conftest", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Both:
    """The same events in a ledger and in a DuckDB table."""

    def __init__(self, log):
        self.log = log
        self.searcher = log.searcher()
        self.analyst = Analyst(self.searcher)
        self.oracle = SqlOracle(log.events, self._states)

    def _states(self, index):
        found = set(states_of(self.log.flags[index]))
        event = self.log.events[index]
        found |= {"_quarantined"} if event.envelope.quarantine is not None else set()
        return found | ({"_redacted"} if event.envelope.redactions else set())

    def differ(self, query, *, own):
        """Why the answers differ, nothing when they do not."""
        hide = not own and hides_own(query)
        if query.stats is not None:
            counted = self.analyst.stats(query, durable=self.log.size, own=own).table
            wanted = self.oracle.table(query.filter, query.stats, own=not hide)
            return _tables_differ(counted, wanted, len(query.stats.by))
        wanted = self.oracle.newest(query.filter, own=not hide)
        found, before, total = [], None, None
        while True:
            page = self.searcher.search(
                query, limit=PAGE, durable=self.log.size, before=before, own=own
            )
            total = page.total if total is None else total
            found += [(hit.time_us, hit.index) for hit in page.rows]
            before = page.next
            if before is None:
                break
        if total != len(wanted):
            return f"{total} events, {len(wanted)} by SQL: {_some(found, wanted)}"
        return "" if found == wanted else f"other events: {_some(found, wanted)}"


def _some(found, wanted):
    more, less = set(found) - set(wanted), set(wanted) - set(found)
    return f"too many {sorted(more)[:3]}, missing {sorted(less)[:3]}, order otherwise"


def _tables_differ(table, wanted, depth):
    rows = {tuple(row[:depth]): row[depth:] for row in table.rows}
    if table.groups != len(wanted):
        return f"{table.groups} groups, {len(wanted)} by SQL"
    for key, values in rows.items():
        if key not in wanted:
            return f"a group {key} that SQL has not"
        if not all(map(_same, values, wanted[key])):
            return f"{key}: {values}, by SQL {wanted[key]}"
    return "" if table.exact else "not exact"


def _same(one, other):
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return one == other


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    log = _conftest().EventLog(tmp_path_factory.mktemp("zipf"))
    log.append(zipf_events(1500, 1))
    log.append(zipf_events(4, 9), identity=b"the same")
    log.index(segment_rows=512)
    log.seal(force=True)
    log.append(zipf_events(700, 2))
    log.seal(force=True)
    log.append(zipf_events(300, 3))
    yield Both(log)
    log.close()


def _compare(both, seed, count):
    queries = RandomQueries(seed, both.log.events)
    filled = 0
    for number in range(count):
        stats = queries.stats() if number % 3 == 0 else None
        text = query_text(Query(queries.tree(), stats=stats))
        query = parse(text)
        assert query_text(query) == text
        reason = both.differ(query, own=number % 4 == 0)
        assert not reason, f"{reason}\n{text}\nseed {seed}, number {number}"
        filled += bool(both.oracle.newest(query.filter, own=True))
    assert filled > count // 2, "most searches found nothing: they prove little"


def test_some_searches(both):
    _compare(both, 20261127, 120)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))  # for as many processes
def test_thousands_of_searches(both, part):
    _compare(both, SEED + (part << 30), 750)
