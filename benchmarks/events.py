"""Access events to measure with: made up, the same on every run, in the short JSON form.

20,000 people and 200,000 resources of unequal weight (Zipf), long paths, a correlation id shared
by some three neighbours, sessions, a statement on every fourth event, a reason in free words.
About 600 bytes an event, over thirty days. The same rows are written as lines of PostgreSQL's COPY
format, so that a peer takes the same events.

`corpus` writes them once to `build/`, a line an event, beside the place of every line: any batch
of any size is one slice of the file, and nothing is encoded while something is measured.
"""

import json
import mmap
import multiprocessing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

BUILD = Path(__file__).resolve().parent.parent / "build" / "benchmarks"
VERSION = 4
"""Part of the file's name: change it with anything below."""

USERS, RESOURCES, DAYS = 20_000, 200_000, 30
FIRST_DAY = datetime(2026, 10, 1, tzinfo=UTC)
_BLOCK = 1000  # events drawn together; the seed of each block is its number

_ACTIONS = ("read", "read", "read", "download", "update", "list", "query", "export", "delete")
_OUTCOMES = ("SUCCESS",) * 17 + ("DENIED", "FAILURE", "SUCCESS")
_SERVICES = ("crm", "billing", "data-lake", "hr-portal", "patient-records", "warehouse")
_AREAS = ("finance", "clinical", "marketing", "logistics", "research", "customers")
_KINDS = ("contracts", "price", "invoices", "trials", "shipments", "ledger")
_GIVEN = ("anna", "bela", "carlos", "dilek", "emre", "fatou", "goran", "hana", "ivo", "jun")
_FAMILY = ("keller", "nagy", "ortega", "yilmaz", "demir", "diallo", "horvat", "suzuki", "novak")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0",
    "Mozilla/5.0 (Windows NT 10.0) Edg/140.0",
    "python-requests/2.32",
)
_WHY = ("monthly review", "customer call", "support case", "scheduled job", "audit request")
_TEAM = ("north team", "night shift", "the data office", "accounting", "ward seven")

COLUMNS = (
    "id uuid", "ts timestamptz", "actor text", "action text", "resource text", "outcome text",
    "ip inet", "agent text", "service text", "version text", "endpoint text", "correlation uuid",
    "session text", "rows int", "duration_ms int", "reason text", "statement text",
)  # fmt: skip
"""The columns of a COPY line, as a peer declares them."""


def user_name(rank: int) -> str:
    """Return the name of the person of a rank; the lowest ranks are the busiest."""
    given, family = _GIVEN[rank % len(_GIVEN)], _FAMILY[rank // 7 % len(_FAMILY)]
    return f"{given}.{family}{rank:05d}@example.com"


def resource_path(number: int) -> str:
    """Return the path of one resource, some 75 characters."""
    area, kind = _AREAS[number % len(_AREAS)], _KINDS[number // 11 % len(_KINDS)]
    return (
        f"/srv/share/eu-central/{area}/2026/{kind}/batch-{number % 997:03d}"
        f"/{kind}_{number:06d}.parquet"
    )


def _zipf(count: int, exponent: float) -> np.ndarray:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    shares: np.ndarray = np.cumsum(weights / weights.sum())
    return shares


_USERS_CDF = _zipf(USERS, 1.0)
_RESOURCES_CDF = _zipf(RESOURCES, 0.8)


def _uuid(high: int, low: int, version: int) -> str:
    text = f"{high:016x}{low:016x}"
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-{version}{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def make_block(block: int, total: int) -> tuple[list[bytes], list[bytes]]:
    """Return the JSON lines and the COPY lines (with their ends) of one block of 1,000 events."""
    draw = np.random.Generator(np.random.PCG64([VERSION, block]))
    users = np.searchsorted(_USERS_CDF, draw.random(_BLOCK)).tolist()
    resources = np.searchsorted(_RESOURCES_CDF, draw.random(_BLOCK)).tolist()
    words = draw.integers(0, 1 << 63, size=(_BLOCK, 5), dtype=np.int64).tolist()
    follows = (draw.random(_BLOCK) < 2 / 3).tolist()
    step_us = DAYS * 86_400_000_000 // max(total, 1)
    lines, copies = [], []
    user, correlation, session, ip = 0, "", "", ""
    for i in range(_BLOCK):
        a, b, c, d, e = words[i]
        if not i or not follows[i]:  # a new request; else the neighbour's
            user = users[i]
            correlation = _uuid(c, d, 4)
            session = f"{e:016x}"
            ip = f"10.{user % 200}.{user // 200}.{1 + e % 3}"
        at = FIRST_DAY + timedelta(
            microseconds=(block * _BLOCK + i) * step_us + a % max(step_us, 1)
        )
        statement = None
        if a % 4 == 0:
            statement = (
                "SELECT patient_id, name, diagnosis, visited_at FROM clinical.visit "
                f"WHERE patient_id = {b % 3_000_000} ORDER BY visited_at DESC LIMIT {b % 50 + 1}"
            )
        row = {
            "id": _uuid(a, b, 4),
            "timestamp": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "userId": user_name(user),
            "action": "query" if statement else _ACTIONS[a % len(_ACTIONS)],
            "resource": resource_path(resources[i]),
            "status": _OUTCOMES[b % len(_OUTCOMES)],
            "clientIp": ip,
            "userAgent": _AGENTS[user % len(_AGENTS)],
            "application": _SERVICES[resources[i] % len(_SERVICES)],
            "appVersion": f"4.{resources[i] % 3}.{block // 100 % 10}",
            "endpoint": f"/api/v2/files/{resources[i]}/content",
            "correlationId": correlation,
            "sessionId": session,
            "rows": c % 2000,
            "durationMs": d % 900,
            "reason": f"{_WHY[c % len(_WHY)]} {d % 10_000} for {_TEAM[e % len(_TEAM)]}",
        }
        if statement:
            row["sql"] = statement
        lines.append(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        fields = [str(value) for value in row.values()] + ([] if statement else ["\\N"])
        copies.append("\t".join(fields).encode() + b"\n")
    return lines, copies


@dataclass(frozen=True, slots=True)
class Corpus:
    """A file of lines and the place of each: line i is [offsets[i], offsets[i+1])."""

    path: Path
    offsets: Path

    def open(self) -> tuple[memoryview, list[int]]:
        """Map the file; it is then in memory, and a slice of it is no copy."""
        with self.path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return memoryview(data), np.load(self.offsets).tolist()


def corpus(count: int) -> tuple[Corpus, Corpus]:
    """Return (JSON, COPY) of `count` events, made now when `build/` does not hold them."""
    if count % _BLOCK:
        raise ValueError(f"{count} events are not a multiple of {_BLOCK}")
    made = []
    for kind in ("json", "copy"):
        stem = BUILD / f"events-{VERSION}-{count}.{kind}"
        made.append(Corpus(stem, stem.with_suffix(f".{kind}.npy")))
    if not all(item.path.exists() and item.offsets.exists() for item in made):
        _write(count, made)
    return made[0], made[1]


def _write(count: int, made: list[Corpus]) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    lengths: list[list[int]] = [[], []]
    parts = [item.path.with_suffix(f"{item.path.suffix}.part") for item in made]
    work = [(block, count) for block in range(count // _BLOCK)]
    with (
        parts[0].open("wb") as first,
        parts[1].open("wb") as second,
        multiprocessing.get_context("spawn").Pool() as pool,
    ):
        for both in pool.imap(_make_block, work, chunksize=8):
            for file, lines, sizes in zip((first, second), both, lengths, strict=True):
                file.write(b"".join(lines))
                sizes.extend(map(len, lines))
    for item, part, sizes in zip(made, parts, lengths, strict=True):
        places = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(sizes, out=places[1:])
        np.save(item.offsets, places)
        part.replace(item.path)


def _make_block(work: tuple[int, int]) -> tuple[list[bytes], list[bytes]]:
    return make_block(*work)


def mean_bytes(item: Corpus) -> float:
    """Return the mean length of a line without its end."""
    offsets = np.load(item.offsets)
    return item.path.stat().st_size / (len(offsets) - 1) - 1
