"""Rules over history and live, beside pysigma's backend for SQLite on the same rules and events.

Generated CloudTrail (three of a hundred events are of the calls that rules watch), and the pack of
AWS. Ours: a ledger with its index, as it stands on disk, to findings, correlations too. The first
backtest reads the records and keeps columns of them; later ones find these, and are the median of
three. SQLite: a table in memory that has just the fields the rules ask for, pre-extracted, folded
(NOCASE), one query for each rule about single events; making it does not count; median of three.
Events a second of processor time, of all processes (the machine is shared), and of wall time.
"""

import os
import random
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.events import BUILD
from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, at_least, plain, say
from benchmarks.rules_as_sql import FOLDED, SqlColumn, SqlWriter
from whodid.app.backtesting import Backtest
from whodid.app.local import LocalLedger, open_local
from whodid.clock import system_clock, to_rfc3339
from whodid.detection.baseline import Scorer
from whodid.detection.compiled import compile_rules
from whodid.detection.compiled.fields import text_of
from whodid.detection.compiled.path import getter
from whodid.detection.follow import Detector, Looker
from whodid.detection.lookers import Correlating, Learning
from whodid.detection.packs import PACKS
from whodid.detection.rule import AnyRule, Node, Not, Rule, Test
from whodid.detection.sigma import load_rules
from whodid.detection.state_file import StateFile
from whodid.detection.taxonomy.native import native_of
from whodid.detection.windows import Engine
from whodid.ledger.opening import init_ledger
from whodid.ledger.reader import LedgerReader
from whodid.sources.intake import Delivery

_EVENTS = 200_000
_BATCH = 1000
_RARE_SHARE = 0.03
_PACK = "aws"
_ONE = "aws_root_used"
_TIMES = 3
_USUAL = (
    "ec2:DescribeInstances", "s3:GetObject", "s3:PutObject", "s3:ListBuckets", "sts:AssumeRole",
    "kms:Decrypt", "ec2:DescribeVolumes", "ssm:GetParameter", "s3:ListObjects", "iam:GetRole",
    "sts:GetCallerIdentity", "logs:CreateLogStream", "logs:DescribeLogGroups", "iam:ListRoles",
    "ec2:DescribeTags", "sqs:SendMessage", "dynamodb:Query",
)  # fmt: skip
_RARE = (
    "iam:CreateAccessKey", "iam:AttachUserPolicy", "s3:PutBucketPolicy", "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging", "iam:CreateUser", "ec2:AuthorizeSecurityGroupIngress",
    "secretsmanager:GetSecretValue", "ec2:ModifySnapshotAttribute", "signin:ConsoleLogin",
    "lambda:UpdateFunctionCode20150331v2", "ec2:RunInstances", "s3:PutBucketAcl",
    "iam:CreateRole", "kms:DisableKey", "kms:ScheduleKeyDeletion", "iam:CreateLoginProfile",
    "iam:AddUserToGroup", "iam:PutUserPolicy",
)  # fmt: skip


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    count = min(_EVENTS, lab.size.events)
    events = list(_events(count))
    pack = load_rules([PACKS / _PACK]).rules
    rules = [rule for rule in pack if isinstance(rule, Rule)]
    say(f"{len(pack)} rules, {len(rules)} of them about single events, over {count:,} events")
    with _ledger(events) as ledger:
        first, *later = (_over_history(ledger, pack) for _ in range(1 + _TIMES))
        one = [rule for rule in pack if rule.head.name == _ONE]
        alone = _middle([_over_history(ledger, one) for _ in range(_TIMES)])
        _, live_s = _timed(lambda: _follow(ledger, rules, learning=False))
        _, learned_s = _timed(lambda: _follow(ledger, rules, learning=True))
    again = _middle(later)
    backtest, ours_s = again.found, again.processor_s
    columns = _columns(events, rules)
    duck_hits, duck_s = _by_duckdb(columns, rules)
    lite_hits, lite_s, converted = _by_sqlite(columns)
    found: dict[str, int] = {}
    for finding in backtest.replayed.findings:
        found[finding.rule.id] = found.get(finding.rule.id, 0) + 1
    told = {rule.head.id for rule in rules if not rule.silent}
    different = [n for n in told if n in duck_hits and duck_hits[n] != found.get(n, 0)]
    figures = [
        at_least("backtest of the pack, with columns that an earlier one kept", count / ours_s,
                 300_000, "events/s", f"{backtest.candidates:,} of {count:,} events opened"),
        plain("the same, of wall time", count / again.wall_s, "events/s"),
        at_least("the first backtest, which reads the records", count / first.processor_s, 100_000,
                 "events/s"),
        plain("the same, of wall time", count / first.wall_s, "events/s"),
        plain("one rule that no column of the index tells of, later", count / alone.processor_s,
              "events/s"),
        at_least("beside SQLite, with such columns", lite_s / ours_s, 4, "times"),
        plain("beside SQLite, the first", lite_s / first.processor_s, "times"),
        plain("SQLite, extracted columns", count / lite_s, "events/s",
              f"{converted} rules converted"),
        at_least("DuckDB, extracted columns, all rules in one scan", count / duck_s, 300_000,
                 "events/s"),
        at_least("live: from stored bytes to findings", count / live_s, 60_000, "events/s"),
        plain("the same, and learned from", count / learned_s, "events/s"),
        Figure("rules of which DuckDB and the backtest find another number", str(len(different)),
               "0", not different),
    ]  # fmt: skip
    rows = sum(lite_hits.values())
    findings = (
        f"{sum(found.values()):,} findings of {len(found)} rules; SQLite finds {rows:,} rows (it "
        "has one value of a list)."
    )
    parts = (
        f"Of a later backtest, {backtest.scan_s:.2f} s of wall time are the scan, "
        f"{backtest.replay_s:.2f} s opening and deciding."
    )
    return Section("Rules over history", figures, [findings, parts])


class _Run(Struct):
    """A backtest, and what it took in seconds of all processors and on the wall."""

    found: Backtest
    processor_s: float
    wall_s: float


def _over_history(ledger: LocalLedger, rules: Sequence[AnyRule]) -> _Run:
    begun_s = time.monotonic()
    found, spent_s = _timed(lambda: ledger.backtesting().run(ledger.caller(), rules))
    return _Run(found, spent_s, time.monotonic() - begun_s)


def _middle(runs: Sequence[_Run]) -> _Run:
    """Return the median by processor time."""
    return sorted(runs, key=lambda run: run.processor_s)[len(runs) // 2]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what it returns, and its processor time in seconds, that of ended children too."""
    begun = _spent_s()
    found = work()
    return found, _spent_s() - begun


def _spent_s() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in both)


def _events(count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(20)
    begin_us = system_clock() - count * 1_000_000
    for number in range(count):
        rare = chance.random() < _RARE_SHARE
        name = chance.choice(_RARE if rare else _USUAL)
        user = f"user{chance.randrange(200)}"
        ip = f"10.{chance.randrange(4)}.0.{chance.randrange(250)}"
        at = to_rfc3339(begin_us + number * 1_000_000)[:19] + "Z"
        yield _call(chance, name, user, ip, number) | {"eventTime": at}


def watched_call(chance: random.Random, user: str, ip: str, number: int) -> dict[str, Any]:
    """Return a record of a call that rules watch, without its time."""
    return _call(chance, chance.choice(_RARE), user, ip, number)


def _call(chance: random.Random, action: str, user: str, ip: str, number: int) -> dict[str, Any]:
    service, _, name = action.partition(":")
    return {
        "eventVersion": "1.08", "eventID": f"{number:032x}", "eventTime": "",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name, "awsRegion": chance.choice(("us-east-1", "eu-west-1")),
        "sourceIPAddress": ip,
        "userAgent": chance.choice(("aws-cli/2.15", "Boto3/1.34", "console.amazonaws.com")),
        "userIdentity": {
            "type": chance.choice(("IAMUser", "AssumedRole")), "userName": user,
            "arn": f"arn:aws:iam::123456789012:user/{user}", "accountId": "123456789012",
        },
        "requestParameters": {"bucketName": f"bucket-{chance.randrange(50)}", "userName": user},
        "responseElements": None, "readOnly": action not in _RARE,
        "recipientAccountId": "123456789012",
        **({"errorCode": "AccessDenied"} if chance.random() < 0.02 else {}),
    }  # fmt: skip


@contextmanager
def _ledger(events: Sequence[dict[str, Any]]) -> Iterator[LocalLedger]:
    BUILD.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="backtest-", dir=BUILD))
    before = os.environ.get("WHODID_KEYS")
    os.environ["WHODID_KEYS"] = str(home / "keys")
    try:
        init_ledger(home / "ledger", origin="bench.example/whodid/rules", keys_root=home / "keys")
        with open_local(home / "ledger") as ledger:
            ledger.source_for("trail", "cloudtrail")
            intake = ledger.intake()
            for at in range(0, len(events), _BATCH):
                records = [msgspec.json.encode(event) for event in events[at : at + _BATCH]]
                intake.accept(Delivery("trail", records, system_clock()))
            ledger.catch_up()
            yield ledger
    finally:
        if before is None:
            del os.environ["WHODID_KEYS"]
        else:
            os.environ["WHODID_KEYS"] = before
        shutil.rmtree(home, ignore_errors=True)


def _follow(ledger: LocalLedger, rules: Sequence[Rule], *, learning: bool) -> None:
    """Look at the whole ledger as the detector does, from its beginning."""
    found: dict[str, Looker] = {"rules": Correlating(Engine(rules, compile_rules(rules)))}
    if learning:
        found["learning"] = Learning(Scorer())
    reader = LedgerReader(ledger.directory, ledger.keys)
    file = StateFile(ledger.directory, ledger.keys, f"bench-{learning}")
    detector = Detector(reader, file, lambda: found, lambda _: None, native_of, system_clock)
    size = ledger.port.status().size
    while detector.step(size):
        pass
    reader.close()


# --- extracted columns ---------------------------------------------------------------------------


def _columns(events: Sequence[dict[str, Any]], rules: Sequence[Rule]) -> dict[str, list[Any]]:
    """Return the values of every field that a rule asks for, event by event."""
    names = sorted({name for rule in rules for name in _fields(rule.node)})
    gets = {name: getter(name) for name in names}
    return {name: [get(event) for event in events] for name, get in gets.items()}


def _fields(node: Node) -> set[str]:
    if isinstance(node, Test):
        return {node.field} - {None} if node.field else set()
    if isinstance(node, Not):
        return _fields(node.item)
    return {name for item in node.items for name in _fields(item)}


def _by_duckdb(
    columns: dict[str, list[Any]], rules: Sequence[Rule]
) -> tuple[dict[str, int], float]:
    import duckdb  # noqa: PLC0415 - slow to load
    import pyarrow as pa  # noqa: PLC0415 - as above

    named: dict[str | None, SqlColumn] = {}
    table: dict[str, Any] = {}
    for number, (name, rows) in enumerate(columns.items()):
        several = any(len(values) > 1 for values in rows)
        column = named[name] = SqlColumn(f"c{number}", "texts" if several else "text")
        texts: Any = [[text_of(value) for value in values] for values in rows]
        lower: Any = [[text.lower() for text in values] for values in texts]
        if not several:
            texts = pa.array([it[0] if it else None for it in texts], pa.string())
            lower = pa.array([it[0] if it else None for it in lower], pa.string())
            texts, lower = texts.dictionary_encode(), lower.dictionary_encode()
        table[column.name], table[column.name + FOLDED] = texts, lower
    writer = SqlWriter(named.get)
    asked = [writer.expression(rule.node) for rule in rules]
    usable = [
        n for n, sql in enumerate(asked) if not any(x in sql for x in writer.lookups.values())
    ]
    said = ", ".join(f"count(*) FILTER (WHERE {asked[n]})" for n in usable)
    engine = duckdb.connect()
    engine.execute("SET threads = 1")
    engine.register("given", pa.table(table))
    engine.execute("CREATE TABLE events AS SELECT * FROM given")
    query = f"SELECT {said} FROM events"
    rows, spent_s = _timed(lambda: engine.execute(query).fetchall())
    return {rules[n].head.id: hits for n, hits in zip(usable, rows[0], strict=True)}, spent_s


def _by_sqlite(columns: dict[str, list[Any]]) -> tuple[dict[str, int], float, int]:
    from sigma.backends import sqlite as backend  # noqa: PLC0415 - slow to load
    from sigma.collection import SigmaCollection  # noqa: PLC0415 - as above
    from sigma.exceptions import SigmaError  # noqa: PLC0415 - as above

    convert: Callable[[Any], list[str]] = getattr(backend, "sqliteBackend")().convert  # noqa: B009

    base = sqlite3.connect(":memory:")
    names = list(columns)
    made = ", ".join(f'"{name}" COLLATE NOCASE' for name in names)
    base.execute(f"CREATE TABLE logs ({made})")
    rows = zip(*([_cell(values) for values in columns[name]] for name in names), strict=True)
    base.executemany(f"INSERT INTO logs VALUES ({', '.join('?' * len(names))})", rows)
    queries: dict[str, str] = {}
    for path in sorted((PACKS / _PACK).glob("*.yml")):
        for text in path.read_text().split("\n---\n"):
            if "\ndetection:" not in text:
                continue
            collection = SigmaCollection.from_yaml(text)
            try:
                [query] = convert(collection)
            except SigmaError:  # what YAML 1.1 takes for a truth value, as a name
                continue
            if "REGEXP" not in query:
                counted = query.replace("SELECT *", "SELECT count(*)", 1)
                queries[str(collection.rules[0].id)] = counted
    hits: dict[str, int] = {}
    spent = []
    for _ in range(_TIMES):
        begun = time.process_time()
        hits = {name: base.execute(query).fetchone()[0] for name, query in queries.items()}
        spent.append(time.process_time() - begun)
    return hits, sorted(spent)[_TIMES // 2], len(queries)


def _cell(values: Sequence[Any]) -> Any:
    value = values[0] if values else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else (
        None if value is None else text_of(value)
    )  # fmt: skip
