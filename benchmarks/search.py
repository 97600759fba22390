"""How long the usual questions take on the ledger that the burst made, over HTTP, one at a time.

Each answer is also an event of whodid's own, durable before it is sent: that is in the time. The
same questions as SQL are asked of PostgreSQL with the same events, B-trees and trigram indexes,
over its local socket. The server is started anew: how long until it listens and has answered.
"""

import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.events import user_name
from benchmarks.lab import Lab
from benchmarks.postgres import Postgres, postgres
from benchmarks.report import Figure, Section, at_most, plain, say
from benchmarks.server import Server

_EACH = 15


@dataclass(frozen=True, slots=True)
class Question:
    """Searches of one kind, the least that each must find, and the same as conditions of SQL."""

    name: str
    texts: list[str]
    least: int
    conditions: list[str]
    bar_ms: float | None = None


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    server = lab.server()
    server.wait_current(lab.size.current_s_max)
    token = server.read_token()
    say("searches")
    asked = questions(lab)
    figures = [_ask(server, token, question) for question in asked]
    figures.append(_start(server, token))
    with postgres() as peer:
        say("the same searches of PostgreSQL")
        peer.make_table("searched", trigrams=True)
        peer.copy("searched", lab.events()[1], 0, lab.size.events, 2)
        peer.query("VACUUM ANALYZE searched")
        figures += [_ask_peer(peer, question) for question in asked if question.conditions]
        version = peer.version
    size = server.standing().durable
    notes = [
        (
            f"Medians of {_EACH} searches of each kind, pages of 50, after one not counted. "
            f"The ledger holds {size:,} entries; totals are exact where there was no warning."
        ),
        f"PostgreSQL {version} holds {lab.size.events:,} events, vacuumed and analysed; no totals.",
    ]
    return Section("Search", figures, notes)


def _start(server: Server, token: str) -> Figure:
    """Start again; the time until the port listens and the first search is answered."""
    server.stop()
    start_s = time.perf_counter()
    server.start()
    listening_s = time.perf_counter() - start_s
    _answer(server, token, "outcome:denied")  # the door keeps it until the faces are there
    spent_s = time.perf_counter() - start_s
    detail = f"listens after {listening_s:.1f} s"
    return at_most("start until the first search is answered", spent_s, 3, "s", detail)


def questions(lab: Lab) -> list[Question]:
    """Return the usual questions about the events of a lab."""
    data, offsets = lab.events()[0].open()
    step = (len(offsets) - 1) // (_EACH + 1)
    chosen = [
        json.loads(bytes(data[offsets[at] : offsets[at + 1]]))
        for at in range(step, step * (_EACH + 1), step)
    ]
    days = [event["timestamp"][:10] for event in chosen]
    stems = [Path(event["resource"]).stem for event in chosen]
    people = [user_name(rank) for rank in range(_EACH)]
    nowhere = [f"nowhere{number:05d}" for number in range(_EACH)]
    pieces = [f"visited{chr(97 + number)}a" for number in range(_EACH)]
    return [
        Question(
            "by correlation id", [f"correlation:{e['correlationId']}" for e in chosen], 1,
            [f"correlation = '{e['correlationId']}'" for e in chosen], 30,
        ),
        Question(
            "one person's day",
            [f'actor:"{e["userId"]}" time:{day}' for e, day in zip(chosen, days, strict=True)], 1,
            [
                f"actor = '{e['userId']}' AND ts >= '{day}' AND ts < date '{day}' + 1"
                for e, day in zip(chosen, days, strict=True)
            ],
            30,
        ),
        Question(
            "a busy person's month, newest page", [f'actor:"{name}"' for name in people], 1,
            [f"actor = '{name}'" for name in people],
        ),
        Question("newest page", [""] * _EACH, 50, ["true"] * _EACH, 30),
        Question("newest denials", ["outcome:denied"] * _EACH, 1, ["outcome = 'DENIED'"] * _EACH),
        Question("a word of a path", stems, 1, [f"resource ILIKE '%{stem}%'" for stem in stems]),
        Question("a word that is nowhere", nowhere, 0, [_anywhere(word) for word in nowhere], 100),
        Question(
            "a piece of a word that is nowhere", [f"*{piece}*" for piece in pieces], 0,
            [_anywhere(piece) for piece in pieces], 200,
        ),
        *_groups(),
    ]  # fmt: skip


def _groups() -> list[Question]:
    """Return what counts everything; `least` is of the rows of the table."""
    return [
        Question(name, [text] * _EACH, least, [], 300)
        for name, text, least in (
            ("everything by actor", "| stats by (actor) count() | limit 50", 50),
            ("everything by resource", "| stats by (resource) | limit 50", 50),
            ("everything by time and outcome", "| stats by (time:6h, outcome)", 1),
        )
    ]


def _anywhere(piece: str) -> str:
    return f"(resource ILIKE '%{piece}%' OR statement ILIKE '%{piece}%')"


def _ask_peer(peer: Postgres, question: Question) -> Figure:
    times_ms = []
    for number, condition in enumerate([question.conditions[0], *question.conditions]):
        start_s = time.perf_counter()
        found = peer.query(f"SELECT * FROM searched WHERE {condition} ORDER BY ts DESC LIMIT 50")
        spent_ms = (time.perf_counter() - start_s) * 1000
        if len(found) < question.least:
            raise RuntimeError(f"PostgreSQL found {len(found)} where {condition}")
        if number:
            times_ms.append(spent_ms)
    detail = f"slowest {max(times_ms):,.0f} ms"
    return plain(f"PostgreSQL: {question.name}", median(times_ms), "ms", detail)


def _ask(server: Server, token: str, question: Question) -> Figure:
    times_ms, warnings = [], 0
    for number, text in enumerate([question.texts[0], *question.texts]):
        start_s = time.perf_counter()
        answer = _answer(server, token, text)
        spent_ms = (time.perf_counter() - start_s) * 1000
        warnings += bool(answer.get("warnings"))
        found = answer["rows"] if "rows" in answer else answer["events"]
        if len(found) < question.least:
            raise RuntimeError(f"{text!r} found {len(found)} events")
        if number:
            times_ms.append(spent_ms)
    detail = f"slowest {max(times_ms):,.0f} ms"
    if warnings:
        detail += f"; {warnings} answers came with a warning"
    if question.bar_ms is None:
        return plain(question.name, median(times_ms), "ms", detail)
    return at_most(question.name, median(times_ms), question.bar_ms, "ms", detail)


def _answer(server: Server, token: str, text: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    path = "/v1/search?" + urllib.parse.urlencode({"q": text, "limit": 50})
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    if reply.status != 200:
        raise RuntimeError(f"{text!r}: {reply.status} {body[:300]!r}")
    found: dict[str, Any] = json.loads(body)
    return found
