"""Writing the story: all acts, in order of time, as the files that each source would leave.

It reads no clock: the caller says when the story ends. The same arguments give the same bytes
(compressed files: with the same zlib).
"""

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from whodid.demo.act import Act
from whodid.demo.plot import LIFE, SCENES
from whodid.demo.scenes.names import SILENT_DAY, SILENT_SOURCE
from whodid.demo.sources.admin_console import AdminConsole
from whodid.demo.sources.ai_gateway import AiGateway
from whodid.demo.sources.bastion import Bastion
from whodid.demo.sources.billing import Billing
from whodid.demo.sources.cloudtrail import CloudTrail
from whodid.demo.sources.crm import Crm
from whodid.demo.sources.hr_portal import HrPortal
from whodid.demo.sources.postgres import Postgres
from whodid.demo.sources.recorder import Recorder
from whodid.demo.sources.vpn import Vpn
from whodid.demo.sources.web import Intranet, PublicSite
from whodid.demo.stage import STORY_DAYS, Stage
from whodid.errors import UsageError

STORY_EVENTS = 60_000
"""How many records a story has when nothing else is asked for."""

_SCENE_RECORDS = 2_600
_LIFE_RECORDS = 77_000
"""About what the scenes, and ordinary life at scale 1, come to in 30 days (measured)."""

_DAYS_MIN = 14
_REDELIVERED_SHARE = 0.21
_DELIVERY = "week-"


@dataclass(slots=True, frozen=True)
class StoryFile:
    """One file of the story.

    `source` is the name to declare, `format` that of the parser. `records` counts all of the
    file, among them `duplicates` that another file of the source holds byte for byte, and
    `broken` ones that must end in quarantine.
    """

    source: str
    format: str
    path: Path
    records: int
    duplicates: int = 0
    broken: int = 0


@dataclass(slots=True, frozen=True)
class _Shelf:
    """Where a source keeps its records: file names, oldest first; `.gz` is compressed."""

    source: str
    format: str
    recorder: Callable[[Stage], Recorder]
    files: tuple[str, ...]


_SHELVES: tuple[_Shelf, ...] = (
    _Shelf("crm", "json", Crm, ("audit.1.jsonl.gz", "audit.jsonl")),
    _Shelf("billing", "json", Billing, ("billing-audit.jsonl",)),
    _Shelf("admin-console", "json", AdminConsole, ("admin.jsonl",)),
    _Shelf("hr-portal", "json", HrPortal, ("portal.jsonl",)),
    _Shelf("ai-gateway", "json", AiGateway, ("tool-calls.jsonl",)),
    _Shelf("vpn", "json", Vpn, ("sessions.jsonl",)),
    _Shelf(
        "aws-cloudtrail", "cloudtrail", CloudTrail,
        ("week-1.json.gz", "week-2.json.gz", "week-3.json.gz", "week-4.json.gz"),
    ),
    _Shelf(
        "web-public", "combined", lambda _stage: PublicSite(),
        ("access.log.2.gz", "access.log.1.gz", "access.log"),
    ),
    _Shelf(
        "web-intranet", "combined", lambda _stage: Intranet(), ("access.log.1.gz", "access.log")
    ),
    _Shelf(
        "postgres-main", "postgres", lambda _stage: Postgres(),
        ("postgresql-1.json.gz", "postgresql-2.json"),
    ),
    _Shelf("bastion", "authlog", lambda _stage: Bastion(), ("auth.log.1.gz", "auth.log")),
)  # fmt: skip

SOURCES: tuple[tuple[str, str], ...] = tuple((shelf.source, shelf.format) for shelf in _SHELVES)
"""(name, format) of every source of the story."""


def write_story(
    out: Path, *, end_us: int, seed: int = 7, days: int = STORY_DAYS, events: int = STORY_EVENTS
) -> list[StoryFile]:
    """Write the story that ends at `end_us` (µs UTC) into folders of `out`, one for each source.

    `events` is roughly how many records it has; the scenes are always whole (about 1,600).
    Returns the files in the order in which they should be ingested. Raises UsageError for a story
    too short for its plot, OSError when a file cannot be written.
    """
    if days < _DAYS_MIN or end_us < days * 86_400_000_000:
        raise UsageError(f"The story needs at least {_DAYS_MIN} days, all of them after 1970.")
    scale = max(0.02, (events - _SCENE_RECORDS) * STORY_DAYS / days / _LIFE_RECORDS)
    stage = Stage(end_us, days, seed, scale)
    by_source: dict[str, list[Act]] = {shelf.source: [] for shelf in _SHELVES}
    for act in _acts(stage):
        by_source[act.source].append(act)
    files: list[StoryFile] = []
    for shelf in _SHELVES:
        folder = out / shelf.source
        folder.mkdir(parents=True, exist_ok=True)
        files += _write_shelf(stage, shelf, folder, by_source[shelf.source])
    return files


def _acts(stage: Stage) -> Iterable[Act]:
    """Yield every act within the story's bounds, those of a silent source only while it spoke."""
    silent_us = stage.at(stage.day(SILENT_DAY), 9.7)
    for telling in (*LIFE, *SCENES):
        for act in telling(stage):
            if stage.start_us <= act.time_us <= stage.end_us and (
                act.source != SILENT_SOURCE or act.time_us < silent_us
            ):
                yield act


def _write_shelf(stage: Stage, shelf: _Shelf, folder: Path, acts: list[Act]) -> list[StoryFile]:
    acts.sort(key=attrgetter("time_us"))
    recorder = shelf.recorder(stage)
    files: list[StoryFile] = []
    everything: list[bytes] = []
    span_us = -(-stage.days * 86_400_000_000 // len(shelf.files))
    done = 0
    for number, name in enumerate(shelf.files, 1):
        until_us = stage.start_us + number * span_us
        first = done
        while done < len(acts) and acts[done].time_us <= until_us:
            done += 1
        part = acts[first:done]
        records = [act.broken or recorder.record(act) for act in part]
        broken = sum(act.broken is not None for act in part)
        _write(folder / name, records)
        files.append(
            StoryFile(shelf.source, shelf.format, folder / name, len(records), broken=broken)
        )
        everything += records
    if shelf.format == "cloudtrail":
        files.append(_redeliver(stage, shelf, folder / "redelivered.jsonl.gz", everything))
    return files


def _redeliver(stage: Stage, shelf: _Shelf, path: Path, records: list[bytes]) -> StoryFile:
    """Write second copies, byte for byte, of a fifth of the records: AWS delivers at least once."""
    draw = stage.chance("redelivery").random
    again = [record for record in records if draw() < _REDELIVERED_SHARE]
    _write(path, again)
    return StoryFile(shelf.source, shelf.format, path, len(again), duplicates=len(again))


def _write(path: Path, records: list[bytes]) -> None:
    """Write records as lines; those named like an AWS delivery as its one JSON document."""
    if path.name.startswith(_DELIVERY):
        content = b'{"Records":[' + b",".join(records) + b"]}"
    else:
        content = b"".join(record + b"\n" for record in records)
    path.write_bytes(
        gzip.compress(content, compresslevel=6, mtime=0) if path.suffix == ".gz" else content
    )
