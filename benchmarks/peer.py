"""whodid and PostgreSQL with the same events on the same disk, in turns: A B C, A B C, A B C.

A: whodid over HTTP, batches of 1,000, everything on (ledger, encryption, signatures, search).
B: PostgreSQL with B-trees and two trigram indexes, COPY of 1,000 rows a transaction.
C: the same with the B-trees alone.

Ratios are taken within a round, so that what slows the machine slows both. PostgreSQL's indexes
are current when COPY returns; whodid's followers catch up afterwards: both ways of counting stand
in the table.
"""

from dataclasses import dataclass
from statistics import median

from benchmarks.lab import Lab, warm
from benchmarks.load import run_load
from benchmarks.postgres import SETTINGS, Copied, Postgres, postgres
from benchmarks.report import Figure, Section, at_least, plain, say
from benchmarks.server import Server, new_server

_CONNECTIONS = 2
_TABLES = {"with_trigrams": True, "btrees_only": False}


@dataclass(frozen=True, slots=True)
class Turn:
    """What whodid did in one round."""

    events_per_s: float
    current_events_per_s: float
    cpu_us: float


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    lab.close()  # nothing else runs beside the two
    turns: list[Turn] = []
    copies: dict[str, list[Copied]] = {name: [] for name in _TABLES}
    with postgres() as peer, new_server() as server:
        for name, trigrams in _TABLES.items():
            peer.make_table(name, trigrams=trigrams)
        tokens = [server.token("rounds"), server.token("warm")]
        server.start()
        warm(server, tokens[1], lab.events()[0])
        for number in range(lab.size.rounds):
            say(f"round {number + 1} of {lab.size.rounds}: whodid, PostgreSQL twice")
            first = number * lab.size.round_events % lab.size.events
            turns.append(_turn(lab, server, tokens[0], first))
            for name in _TABLES:
                copies[name].append(_copy(lab, peer, name, first))
        sizes = {name: peer.bytes_of(name) / peer.count(name) for name in _TABLES}
        version = peer.version
    settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    return Section(
        "Ingest beside PostgreSQL",
        _figures(turns, copies, sizes),
        [
            (
                f"{lab.size.rounds} rounds of {lab.size.round_events:,} events; medians, and "
                "medians of the ratios within a round."
            ),
            (
                f"PostgreSQL {version}: {settings}; B-trees on time, actor, resource, correlation; "
                "pg_trgm GIN on resource and statement; COPY of 1,000 rows a transaction over "
                f"{_CONNECTIONS} connections of the local socket; no deduplication, no proofs."
            ),
        ],
    )


def _turn(lab: Lab, server: Server, token: str, first: int) -> Turn:
    count = lab.size.round_events
    before = sum(server.cpu().values())
    result = run_load(lab.plan(server, [token], first, first + count))
    after_s = server.wait_current(lab.size.current_s_max)
    cpu_s = sum(server.cpu().values()) - before
    return Turn(result.events_per_s, count / (result.seconds + after_s), cpu_s / count * 1e6)


def _copy(lab: Lab, peer: Postgres, name: str, first: int) -> Copied:
    _, lines = lab.events()
    copied = peer.copy(name, lines, first, first + lab.size.round_events, _CONNECTIONS)
    peer.settle()
    return copied


def _figures(
    turns: list[Turn], copies: dict[str, list[Copied]], sizes: dict[str, float]
) -> list[Figure]:
    both, alone = copies["with_trigrams"], copies["btrees_only"]
    figures = [
        plain(
            "whodid, acknowledged", median(turn.events_per_s for turn in turns), "events/s",
            f"server CPU {median(turn.cpu_us for turn in turns):.1f} µs an event, followers too",
        ),
        plain(
            "whodid, until the followers are current",
            median(turn.current_events_per_s for turn in turns), "events/s",
        ),
    ]  # fmt: skip
    for what, found, name in (
        ("PostgreSQL with trigram indexes", both, "with_trigrams"),
        ("PostgreSQL with B-trees only", alone, "btrees_only"),
    ):
        cpu_us = median(item.cpu_s / item.events * 1e6 for item in found)
        figures.append(
            plain(
                what, median(item.events_per_s for item in found), "events/s",
                f"server CPU {cpu_us:.1f} µs an event; {sizes[name]:.0f} B an event on disk",
            )
        )  # fmt: skip
    figures.append(
        at_least("ratio to PostgreSQL with trigram indexes", _ratio(turns, both), 1.3, "x")
    )
    figures.append(plain("ratio to PostgreSQL with B-trees only", _ratio(turns, alone), "x"))
    current = median(
        turn.current_events_per_s / item.events_per_s
        for turn, item in zip(turns, both, strict=True)
    )
    figures.append(plain("ratio with trigram indexes, until all is current", current, "x"))
    return figures


def _ratio(turns: list[Turn], found: list[Copied]) -> float:
    return median(
        turn.events_per_s / item.events_per_s for turn, item in zip(turns, found, strict=True)
    )
