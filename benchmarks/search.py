"""How long the usual questions take on the ledger that the burst made, over HTTP, one at a time.

Each answer is also an event of whodid's own, durable before it is sent: that is in the time.
"""

import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.events import user_name
from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, plain, say
from benchmarks.server import Server

_EACH = 15


@dataclass(frozen=True, slots=True)
class Question:
    """Searches of one kind, and the least that each must find."""

    name: str
    texts: list[str]
    least: int


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    server = lab.server()
    server.wait_current(lab.size.current_s_max)
    token = server.read_token()
    say("searches")
    figures = [_ask(server, token, question) for question in questions(lab)]
    note = (
        f"Medians of {_EACH} searches of each kind, pages of 50, after one that is not counted; "
        f"the ledger holds {server.standing().durable:,} entries."
    )
    return Section("Search", figures, [note])


def questions(lab: Lab) -> list[Question]:
    """Return the usual questions about the events of a lab."""
    data, offsets = lab.events()[0].open()
    step = (len(offsets) - 1) // (_EACH + 1)
    chosen = [
        json.loads(bytes(data[offsets[at] : offsets[at + 1]]))
        for at in range(step, step * (_EACH + 1), step)
    ]
    days = [event["timestamp"][:10] for event in chosen]
    return [
        Question("by correlation id", [f"correlation:{e['correlationId']}" for e in chosen], 1),
        Question(
            "one person's day",
            [f'actor:"{e["userId"]}" time:{day}' for e, day in zip(chosen, days, strict=True)],
            1,
        ),
        Question(
            "a busy person's month, newest page",
            [f'actor:"{user_name(rank)}"' for rank in range(_EACH)],
            1,
        ),
        Question("newest page", [""] * _EACH, 50),
        Question("newest denials", ["outcome:denied"] * _EACH, 1),
        Question(
            "a word of a path", [Path(e["resource"]).stem for e in chosen], 1
        ),
        Question("a word that is nowhere", [f"nowhere{n:05d}" for n in range(_EACH)], 0),
        *_groups(),
    ]  # fmt: skip


def _groups() -> list[Question]:
    """Return what counts everything; `least` is of the rows of the table."""
    return [
        Question("everything by actor", ["| stats by (actor) count() | limit 50"] * _EACH, 50),
        Question("everything by resource", ["| stats by (resource) | limit 50"] * _EACH, 50),
        Question("everything by time and outcome", ["| stats by (time:6h, outcome)"] * _EACH, 1),
    ]


def _ask(server: Server, token: str, question: Question) -> Figure:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    times_ms, warnings = [], 0
    for number, text in enumerate([question.texts[0], *question.texts]):
        path = "/v1/search?" + urllib.parse.urlencode({"q": text, "limit": 50})
        start_s = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        reply = connection.getresponse()
        body = reply.read()
        spent_ms = (time.perf_counter() - start_s) * 1000
        if reply.status != 200:
            raise RuntimeError(f"{text!r}: {reply.status} {body[:300]!r}")
        answer = json.loads(body)
        warnings += bool(answer.get("warnings"))
        found = answer["rows"] if "rows" in answer else answer["events"]
        if len(found) < question.least:
            raise RuntimeError(f"{text!r} found {len(found)} events")
        if number:
            times_ms.append(spent_ms)
    connection.close()
    detail = f"slowest {max(times_ms):,.0f} ms"
    if warnings:
        detail += f"; {warnings} answers came with a warning"
    return plain(question.name, median(times_ms), "ms", detail)
