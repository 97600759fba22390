"""The questions of an investigation, as searches and as SQL of the same table.

The SQL is what DuckDB, PostgreSQL and SQLite take alike, but for the few places that say so.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.events import Corpus, user_name

EACH = 15
_PIECES = [*(f"visited{chr(97 + number)}a" for number in range(EACH - 5)),
           "iagnosi", "tracts", "cheduled", "nvoic", "hipmen"]  # fmt: skip
FACETS = ("actor", "action", "resource", "outcome", "service")


@dataclass(frozen=True, slots=True)
class Question:
    """Searches of one kind and the same as conditions of SQL; `bar_ms` at 10 million events."""

    name: str
    texts: list[str]
    conditions: list[str]
    bar_ms: float | None
    kind: str = "newest"


def questions(events: Corpus) -> list[Question]:
    """Return the questions about these events; the chosen ones lie all over them."""
    data, offsets = events.open()
    count = len(offsets) - 1
    step = count // (EACH + 1)
    chosen = [
        json.loads(bytes(data[offsets[at] : offsets[at + 1]]))
        for at in range(step, step * (EACH + 1), step)
    ]
    last = json.loads(bytes(data[offsets[count - 1] : offsets[count]]))["timestamp"]
    end = datetime.fromisoformat(last)
    people = [user_name(rank) for rank in range(3, 3 + EACH)]
    stems = [Path(event["resource"]).stem for event in chosen]
    return [
        *_needles(chosen),
        *_people(people, end),
        Question(
            "a word of a path, newest 100", stems, [f"resource LIKE '%{s}%'" for s in stems], 50,
        ),
        Question(
            "a part of a word of a path, newest 100", [f"resource:*{stem[3:]}*" for stem in stems],
            [f"resource LIKE '%{stem[3:]}%'" for stem in stems], 200,
        ),
        Question(
            "a part of a word in letters, anywhere, newest 100",
            [f"*{piece}*" for piece in _PIECES], [], 200,
        ),
        Question(
            "a part of a word with digits, anywhere, newest 100",
            [f"*{stem[3:]}*" for stem in stems], [], None,
        ),
        Question(
            "facets and histogram of the last 24 h", [_since(end, 1)] * EACH,
            [_since_sql(end, 1)] * EACH, 60, "overview",
        ),
        Question(
            "group by actor and action, 30 days", [_since(end, 30)] * EACH,
            [_since_sql(end, 30)] * EACH, 400, "group",
        ),
    ]  # fmt: skip


def median_ms(
    run: Callable[[str], object], statements: Callable[[str, str], list[str]], question: Question
) -> float:
    """Return the median time of a question in SQL, after one that is not counted.

    `statements` returns the SQL of a kind of question and a condition, `run` takes one.
    """
    times_ms = []
    for number, condition in enumerate([question.conditions[0], *question.conditions]):
        start_s = time.perf_counter()
        for statement in statements(question.kind, condition):
            run(statement)
        if number:
            times_ms.append((time.perf_counter() - start_s) * 1000)
    return median(times_ms)


def _needles(chosen: list[dict[str, str]]) -> list[Question]:
    return [
        Question(
            "a correlation id", [f"correlation:{e['correlationId']}" for e in chosen],
            [f"correlation = '{e['correlationId']}'" for e in chosen], 5,
        ),
        Question(
            "a session", [f"session:{e['sessionId']}" for e in chosen],
            [f"session = '{e['sessionId']}'" for e in chosen], 5,
        ),
        Question(
            "a correlation id, proved and checked",
            [f"correlation:{e['correlationId']}" for e in chosen], [], 150, "proof",
        ),
    ]  # fmt: skip


def _people(people: list[str], end: datetime) -> list[Question]:
    return [
        Question(
            "one actor, 24 h, newest 100", [f'actor:"{p}" {_since(end, 1)}' for p in people],
            [f"actor = '{p}' AND {_since_sql(end, 1)}" for p in people], 15,
        ),
        Question(
            "one actor ever, newest 100", [f'actor:"{p}"' for p in people],
            [f"actor = '{p}'" for p in people], 15,
        ),
    ]  # fmt: skip


def _since(end: datetime, days: int) -> str:
    return f"time:>={(end - timedelta(days=days)).isoformat(timespec='seconds')[:19]}Z"


def _since_sql(end: datetime, days: int) -> str:
    return f"ts >= '{(end - timedelta(days=days)).isoformat(timespec='seconds', sep=' ')[:19]}+00'"
