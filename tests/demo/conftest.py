"""One small story, told once: its files, and the lines of each source."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from whodid.demo.story import StoryFile, write_story

END_US = 1_795_305_600_000_000  # 2026-11-22T00:00:00Z, a Sunday
DAY_US = 86_400_000_000
START_US = END_US - 30 * DAY_US


def _records(path: Path) -> list[bytes]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if content.startswith(b'{"Records":['):
        document = json.loads(content)
        return [
            json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
            for record in document["Records"]
        ]
    assert content.endswith(b"\n")
    return content[:-1].split(b"\n")


@dataclass(frozen=True)
class Told:
    files: list[StoryFile]
    lines: dict[str, list[bytes]]
    """Source → records in the order of its files; CloudTrail's without second copies."""
    counts: list[int]
    """Records found in each of `files`."""

    def json(self, source: str) -> list[dict]:
        found = []
        for line in self.lines[source]:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return found


def told(out: Path, **how) -> Told:
    files = write_story(out, **{"end_us": END_US, "events": 6_000} | how)
    lines: dict[str, list[bytes]] = {}
    for file in files:
        if not file.duplicates:
            lines.setdefault(file.source, []).extend(_records(file.path))
    return Told(files, lines, [len(_records(file.path)) for file in files])


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told(tmp_path_factory.mktemp("story"))


@pytest.fixture
def tell(tmp_path: Path):
    return lambda **how: told(tmp_path / "told", **how)
