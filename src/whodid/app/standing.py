"""`whodid status`: size and growth, what lags, what came from whom, and what asks for somebody.

Sizes are those of the files; growth is what came in the last 7 days (or since the beginning), at
the bytes that an entry takes now. It is a straight line, not a forecast.
"""

import os
import shutil
from pathlib import Path

import whodid
from whodid.app.answer import Growth, Health, SourceInfo, Standing
from whodid.app.integrity_answer import Integrity
from whodid.ledger.layout import (
    FORMAT,
    IDENTITY,
    INDEX,
    KEYS_DB,
    LEAVES,
    PAYLOAD,
    STATE_DB,
    TILES,
    WAL,
)
from whodid.ledger.leaf import decode_leaf
from whodid.ledger.reader import LedgerReader
from whodid.limits import (
    DISK_FREE_BYTES_MIN,
    INDEX_HOT_ROWS_MAX,
    STATUS_DISK_DAYS_MIN,
    STATUS_QUARANTINED_SHARE_MAX,
    STATUS_SEAL_LAG_MAX,
)

PARTS = (PAYLOAD, LEAVES, TILES, WAL, IDENTITY, INDEX, KEYS_DB, STATE_DB)
_DAY_US = 86_400_000_000


def standing_of(
    reader: LedgerReader, health: Health, sources: list[SourceInfo], integrity: Integrity,
    now_us: int, *, running: bool,
) -> Standing:  # fmt: skip
    """Put it together. Blocks: it looks at every file of the folder."""
    sizes = sizes_of(reader.directory)
    stored = sum(sizes.values()) - sizes[WAL]  # the log's files are made beforehand and used again
    each = stored / health.size if health.size else 0.0
    growth = growth_of(reader, health.size, each, now_us)
    free = shutil.disk_usage(reader.directory).free
    days = max(free - DISK_FREE_BYTES_MIN, 0) / growth.bytes_a_day if growth.bytes_a_day else None
    found = Standing(
        whodid.__version__, FORMAT, reader.manifest.origin, reader.manifest.ledger_id.hex(),
        running, health, sizes, round(each, 1), growth, free, days, sources, integrity, [],
    )  # fmt: skip
    found.attention.extend(_attention(found))
    return found


def sizes_of(directory: Path) -> dict[str, int]:
    """Return the bytes of each part of a ledger's folder."""
    sizes = dict.fromkeys((*PARTS, "other"), 0)
    for folder, _, files in os.walk(directory):
        inside = Path(folder).relative_to(directory).parts
        for name in files:
            part = inside[0] if inside else name
            try:
                size = (Path(folder) / name).lstat().st_size
            except OSError:  # gone meanwhile
                continue
            sizes[part if part in sizes else "other"] += size
    return sizes


def growth_of(reader: LedgerReader, size: int, each: float, now_us: int) -> Growth:
    """Return how much came lately, from the times of a few leaves."""
    size = min(size, reader.size)
    if not size:
        return Growth(0, 0, 0.0, 0.0)
    week = size - first_since(reader, size, now_us - 7 * _DAY_US)
    month = size - first_since(reader, size, now_us - 30 * _DAY_US)
    age_days = max((now_us - _appended_us(reader, 0)) / _DAY_US, 1.0)
    a_day = week / min(age_days, 7.0)
    return Growth(week, month, round(a_day, 1), round(a_day * each, 1))


def first_since(reader: LedgerReader, size: int, time_us: int) -> int:
    """Return the first entry that was appended at or after a time; `size` when none was."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if _appended_us(reader, middle) < time_us:
            low = middle + 1
        else:
            high = middle
    return low


def _appended_us(reader: LedgerReader, index: int) -> int:
    return decode_leaf(reader.leaf_bytes(index)).appended_us


def _attention(found: Standing) -> list[str]:
    health, integrity = found.health, found.integrity
    said = [*health.reasons]
    if found.running:
        said += integrity.alarms
    elif integrity.open_faults:
        said.append(f"The last verification left {len(integrity.open_faults)} faults.")
    if health.size - health.indexed > INDEX_HOT_ROWS_MAX // 2:
        said.append(f"The index is {health.size - health.indexed:,} entries behind.")
    if health.size - health.sealed > STATUS_SEAL_LAG_MAX:
        said.append(f"Sealing is {health.size - health.sealed:,} entries behind.")
    if found.disk_free_bytes < 2 * DISK_FREE_BYTES_MIN:
        said.append("The disk is nearly full: soon events are refused.")
    elif found.days_until_full is not None and found.days_until_full < STATUS_DISK_DAYS_MIN:
        said.append(f"At this rate the disk is full in {found.days_until_full:.0f} days.")
    for source in found.sources:
        if source.quarantined > source.events * STATUS_QUARANTINED_SHARE_MAX:
            said.append(
                f"Source {source.name}: {source.quarantined:,} of {source.events:,} records could"
                " not be mapped."
            )
    return said
