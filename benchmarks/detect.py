"""How fast rules decide CloudTrail records: from the stored bytes of an entry to the verdict.

CPU time of one process (the machine is shared). An entry is its eight groups as the ledger keeps
them; its record is parsed in the time. The records are those of `../shared/data`, repeated: what is
remembered of values is then remembered sooner than in a year of logs, so the first pass is told,
too. Random rules have the modifiers of public ones (`whodid.testing.rule_mix`).
`pysigma-backend-sqlite` gets the same rules; that its columns were filled is not in its time.
"""

import gzip
import json
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import re2  # type: ignore[import-untyped]

from benchmarks.disk import DATA
from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, at_least, at_most, plain, say
from whodid.detection.compiled import Matcher, compile_rules
from whodid.detection.compiled.blind import fields_of
from whodid.detection.packs import PACKS
from whodid.detection.record import Record
from whodid.detection.rule import AnyRule, Rule
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy import native_of
from whodid.event import encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name
from whodid.normalize.uuid7 import uuid7_many
from whodid.testing.rule_mix import RuleMix

Groups = tuple[bytes, ...]
_SEED = 20_261_127
_ROUNDS = 5
_FEW, _MANY = 100, 1000
_SHARE_MAX = 0.01
"""A rule that finds more than one record of a hundred is none, and is left out: SigmaHQ's rules for
CloudTrail find one of a thousand each."""
_ACTION_SHARE = 0.9
"""Of SigmaHQ's CloudTrail rules 55 of 58 ask for `eventName`."""


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    raws = records(lab.size.round_events < 100_000)
    if not raws:
        note = f"Not measured: there is no data in {DATA.name} beside the repository."
        return Section("Detection", [], [note])
    entries = [stored(raw) for raw in raws]
    figures: list[Figure] = []
    say("the rules for AWS that come with whodid")
    pack = [it for it in load_rules([PACKS / "aws"]).rules if isinstance(it, Rule)]
    first, steady = speeds(compile_rules(pack), entries)
    figures.append(
        at_least(f"{len(pack)} rules for AWS, a record from stored bytes to verdict", steady,
                 60_000, "events/s", f"first pass {first:,.0f}")
    )  # fmt: skip
    figures += _generated(raws, entries, "with eventName", _ACTION_SHARE)
    figures += _generated(raws, entries, "of any fields", 0.0)
    figures += _peer(pack, raws)
    notes = [f"{len(raws):,} different records, mean {sum(map(len, raws)) // len(raws):,} bytes."]
    return Section("Detection", figures, notes)


def records(few: bool) -> list[bytes]:
    """Return the raw records."""
    raws: list[bytes] = []
    if (DATA / "invictus-aws.jsonl.gz").exists():
        with gzip.open(DATA / "invictus-aws.jsonl.gz") as lines:
            raws = [line.strip() for line in lines]
    for path in sorted(DATA.glob("stratus/*.json")):
        found = json.loads(path.read_text())
        found = found if isinstance(found, list) else found["Records"]
        raws += [json.dumps(it, separators=(",", ":")).encode() for it in found]
    return raws[:1000] if few else raws


def stored(raw: bytes) -> Groups:
    """Return an entry's groups as a door stores them."""
    known = format_by_name("cloudtrail")
    event = prepare(
        known.map(raw, 0), raw, event_id=uuid7_many(1, 0)[0], source="aws", received_us=0,
        format_name="cloudtrail", mapping=known.mapping,
    ).event  # fmt: skip
    return encode_groups(event)


def speeds(matcher: Matcher, entries: Sequence[Groups]) -> tuple[float, float]:
    """Return events a second of CPU time: of the first pass, and of the best later one."""

    def one_pass() -> None:
        for number, groups in enumerate(entries):
            matcher.matching(Record(number, groups, native_of))

    matcher.matching(Record(0, entries[0], native_of))  # compiles the rules
    first = _rate(one_pass, len(entries))
    return first, max(_rate(one_pass, len(entries)) for _ in range(_ROUNDS))


def _rate(work: Callable[[], object], count: int) -> float:
    start = time.process_time()
    work()
    return count / max(time.process_time() - start, 1e-9)


def _generated(
    raws: Sequence[bytes], entries: Sequence[Groups], kind: str, share: float
) -> list[Figure]:
    say(f"random rules {kind}")
    rules = random_rules(raws, share)
    few_first, few = speeds(compile_rules(rules[:_FEW]), entries)
    many_first, many = speeds(compile_rules(rules), entries)
    return [
        plain(f"{_FEW} random rules {kind}", few, "events/s", f"first pass {few_first:,.0f}"),
        plain(f"{_MANY:,} random rules {kind}", many, "events/s", f"first pass {many_first:,.0f}"),
        at_most(f"time of {_MANY:,} against {_FEW} of them", few / many, 2.0, "times"),
    ]


def random_rules(raws: Sequence[bytes], share: float) -> list[AnyRule]:
    """Return random rules over the fields of the records; `share` of them ask for eventName.

    Those that find too many records are left out.
    """
    texts: dict[str, set[str]] = {}
    for raw in raws[::5]:
        for name, value in flat(json.loads(raw)).items():
            if isinstance(value, str) and len(texts.setdefault(name, set())) < 200:
                texts[name].add(value)
    names = sorted(texts, key=lambda name: (-len(texts[name]), name))[:60]
    names = [*dict.fromkeys(["eventName", "eventSource", "userAgent", *names])]
    sample = [Record(number, stored(raw), native_of) for number, raw in enumerate(raws[::4])]
    mix = RuleMix(
        _SEED, {name: sorted(texts[name]) for name in names}, action="eventName",
        action_share=share, keywords=False,
    )  # fmt: skip
    kept: list[AnyRule] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        while len(kept) < _MANY:
            file.write_text(mix.yaml(_MANY))
            made = load_rules([file]).rules
            matcher = compile_rules(made)
            counts = Counter(it.head.id for record in sample for it in matcher.matching(record))
            kept += [it for it in made if counts[it.head.id] <= len(sample) * _SHARE_MAX]
    return kept[:_MANY]


def flat(native: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Return the scalar fields of a record by their paths."""
    found: dict[str, Any] = {}
    for key, value in native.items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{key}.")
        elif not isinstance(value, list):
            found[above + key] = value
    return found


def _peer(pack: Sequence[Rule], raws: Sequence[bytes]) -> list[Figure]:
    """Ask SQLite the same rules, over columns that were filled before."""
    from sigma.backends.sqlite import sqliteBackend  # noqa: PLC0415 - a development tool
    from sigma.collection import SigmaCollection  # noqa: PLC0415 - a development tool

    say("the same rules of pysigma-backend-sqlite")
    natives = [flat(json.loads(raw)) for raw in raws]
    fields = sorted({name for rule in pack for name in fields_of(rule.node)})
    base = sqlite3.connect(":memory:")
    base.create_function("REGEXP", 2, _found, deterministic=True)
    columns = ", ".join(f"`{name}` COLLATE NOCASE" for name in fields)
    base.execute(f"CREATE TABLE logs (all_texts TEXT, {columns})")
    marks = ", ".join("?" * (len(fields) + 1))
    rows = [["", *(_plain(it.get(name)) for name in fields)] for it in natives]
    base.executemany(f"INSERT INTO logs VALUES ({marks})", rows)
    queries: list[str] = []
    for path in sorted({rule.head.path for rule in pack}):
        text = Path(path).read_text()
        if "\ncorrelation:" in text:  # windows are measured apart (`correlate`)
            continue
        try:
            queries += sqliteBackend(fulltext_field="all_texts").convert(
                SigmaCollection.from_yaml(text)
            )
        except Exception as error:  # noqa: BLE001 - what it refuses is left out, and told
            say(f"refused: {Path(path).name}: {error}")

    def ask() -> None:
        for query in queries:
            base.execute(query).fetchall()

    rate = max(_rate(ask, len(raws)) for _ in range(3))
    return [
        plain(f"pysigma-backend-sqlite, {len(queries)} queries, columns filled before", rate,
              "events/s")
    ]  # fmt: skip


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _found(pattern: str, value: object) -> bool:
    return value is not None and re2.search(pattern, str(value)) is not None
