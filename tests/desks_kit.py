"""Desks over a few rules and messages, and a process that looks over history in name only."""

import json
import threading
from types import SimpleNamespace

import msgspec

from whodid.app.desks import Desks
from whodid.app.detection_standing import DetectionStanding, Telling
from whodid.app.outbox_desk import OutboxDesk
from whodid.app.rule_backtest.kept import KeptRuns
from whodid.app.rule_backtest.runs import Runs
from whodid.app.rule_backtest.task import Answered, BacktestAnswer, Day, Found, Spared, Task
from whodid.app.rule_desk import RuleDesk
from whodid.app.rule_standing import (
    ExerciseResult,
    RulesFile,
    RulesStanding,
    Sightless,
    UsedRule,
)
from whodid.detection.delivery.kept.database import OutboxDb
from whodid.detection.delivery.kept.messages import Messages, Waiting
from whodid.detection.delivery.kept.sealing import Sealing
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.settings import AlertSettings, WebhookChannel
from whodid.detection.rule import LEVELS, Head
from whodid.detection.rulebook import Choice
from whodid.detection.sigma import Fault
from whodid.detection.windows import Settings as WindowSettings

DAY_US = 86_400_000_000
NOW_US = 1_795_000_000_000_000
KEYS = SimpleNamespace(ledger_id=b"l" * 16, keks=lambda: {1: SimpleNamespace(private=b"k" * 32)})

STANDING = DetectionStanding(
    up=True, age_s=0.4, behind=1200, behind_s=2.5, rules=8, blind=1, faulty=1, doubtful=0,
    unusable=0, state_bytes=3_500_000, memory_bytes=150_000_000, events=99, findings=7,
    failures=0, failed_events=0, channels=(Telling("chat", 2, 60.0, 1, 0),),
)  # fmt: skip

ANSWER = BacktestAnswer(
    alerts=9, excluded=2, findings=12, matched=40, alerts_a_day=0.3, most_a_day=5,
    days=(
        Day(NOW_US // DAY_US * DAY_US - 6 * DAY_US, 4, 0),
        Day(NOW_US // DAY_US * DAY_US - DAY_US, 5, 2),
    ),
    earlier=1, keys=(("actor.id=alice", 6), ("actor.id=bob", 3)),
    found=(Found(NOW_US - DAY_US, 3, (("actor.id", "alice"),), "3 within an hour", ("e-1",)),),
    suggestions=(Spared((("actor.id", "alice"),), 6, 3, 2, "  filter_usual:\n    actor.id: x"),),
    looked=123_456, opened=789, unreadable=0, seconds=1.25, memory_bytes=90_000_000,
    first_us=NOW_US - 20 * DAY_US, last_us=NOW_US, size=123_500, warnings=("a warning",),
)  # fmt: skip


class FakeProcess:
    """Takes a task; answers when `free` is set; ends when its standard input closes."""

    def __init__(self, answered=None, *, waits=False, raw=None):
        self.answered = Answered(ANSWER) if answered is None else answered
        self.raw = raw
        self.free = threading.Event()
        if not waits:
            self.free.set()
        self.gone = threading.Event()
        self.task = None
        self.stdin, self.stdout = self, self
        self.killed = False

    def write(self, data):
        self.task = msgspec.json.decode(data, type=Task)

    def flush(self):
        pass

    def close(self):
        self.gone.set()
        self.free.set()

    def read(self, _size):
        self.free.wait(30)
        if self.raw is not None:
            return self.raw
        return b"" if self.gone.is_set() else msgspec.json.encode(self.answered)

    def poll(self):
        return 0 if self.gone.is_set() else None

    def wait(self, _timeout=None):
        assert self.gone.is_set()

    def kill(self):
        self.killed = True
        self.close()


def used_rule(name, level="medium", **more):
    head = Head(
        name, f"Title of {name}", level, f"version of {name}", name=name,
        description="Somebody did more of it.", tags=("attack.credential-access", "attack.t1110"),
        reads=("actor.id", "eventName"), **more,
    )  # fmt: skip
    return UsedRule(head, "rule", "aws/cloudtrail", "aws")


def standing(folder, text=""):
    """Rules of every level with what is known of them; the text of one stands in a file."""
    path = folder / "shown.yml"
    path.write_text(text or "title: Title of rule-high\nlogsource: {product: aws}\n", "utf-8")
    rules = [used_rule(f"rule-{level}", level, path=str(path), line=1) for level in LEVELS]
    rules[0] = msgspec.structs.replace(rules[0], pack="")
    part = msgspec.structs.replace(used_rule("part", "low"), silent=True)
    over = UsedRule(
        Head("over", "Title of over", "high", "v", name="over"), "event_count", "1 rule", "aws",
        rules=("part",),
    )  # fmt: skip
    return RulesStanding(
        NOW_US - DAY_US, (*rules, part, over), (Fault("DIR/rules/bad.yml", 3, "it is no rule"),),
        surveyed_us=NOW_US, records=2000,
        blind={"rule-low": Sightless("source", "logsource aws: no declared source brings it")},
        exercises={
            "rule-high": ExerciseResult("version of rule-high", NOW_US, 3, 1, "'a' found nothing"),
            "rule-medium": ExerciseResult("version of rule-medium", NOW_US, 4),
            "over": ExerciseResult("v", NOW_US),
        },
    )  # fmt: skip


def hostile(folder, texts):
    """Rules and messages with a hostile text in every field, and what a look answers of one."""
    rules, blind, exercises = [], {}, {}
    for number, text in enumerate(texts):
        path = folder / f"hostile-{number}.yml"
        path.write_text(text, "utf-8", newline="")
        name = f"{number} {text}"
        head = Head(
            name, text, "high", text, f"name {number}", text, text, text, (text, text), (text,),
            (text,), (text,), str(path), 1, (text, text),
        )  # fmt: skip
        rules.append(UsedRule(head, text, text, text, rules=(f"{number - 1} {texts[number - 1]}",)))
        blind[name] = Sightless(text, text)
        exercises[name] = ExerciseResult(text, NOW_US, 3, number % 2, text)
    faults = tuple(Fault(text, 7, text, text) for text in texts)
    RulesFile(folder, KEYS).write(
        RulesStanding(NOW_US, tuple(rules), faults, blind=blind, exercises=exercises)
    )
    for number, text in enumerate(texts):
        messages(folder, text, text, f"{number}-{text}"[:200], number)
    return [rule.head for rule in rules]


def hostile_answer(text):
    """An answer of a look over history with a hostile text in every field."""
    return Answered(msgspec.structs.replace(
        ANSWER, keys=((text, 3),), warnings=(text,),
        found=(Found(NOW_US, 1, ((text, text), ("actor.id", text)), text, (text,)),),
        suggestions=(Spared(((text, text),), 3, 1, 2, text),),
    ))  # fmt: skip


def messages(folder, reason="HTTP 503", alert="a1", channel="chat", number=0):
    """An outbox with one message that waits, one that was tried, one that was given up."""
    db = OutboxDb(folder, Sealing(KEYS.ledger_id, KEYS.keks()))
    kept = Messages(db)
    common = {"channel": channel, "made_us": NOW_US - DAY_US, "last": 24, "alerts": (alert,)}
    tried = {"reason": reason, **common}
    for at, line, more in (
        (1, "x", {"state": "waiting", **common}),
        (2, "y", {"state": "waiting", "attempts": 2, "retry_us": NOW_US * 2, **tried}),
        (3, "z", {"state": "dead", "attempts": 24, **tried}),
    ):
        row = Waiting(id=f"m{number or ''}{at}", seq=3 * number + at, line=line, **more)
        kept.put(row, Message(row.id))
    db.close()


def desks(folder, alerts, write, clock=lambda: NOW_US, *, start=FakeProcess, shown=STANDING):
    """Desks whose looks over history are done by what `start` returns."""
    rules = RuleDesk(
        RulesFile(folder, KEYS), lambda: alerts,
        lambda: (Choice(), WindowSettings()), write,
        Runs(folder, write, clock, KeptRuns(folder, KEYS), start),
    )  # fmt: skip
    settings = AlertSettings(channels={"chat": WebhookChannel(url="https://hooks.example/x")})
    outbox = OutboxDesk(folder, KEYS, lambda: settings, write, clock)
    return Desks(rules, outbox, lambda: shown)


def with_rules(folder, text=""):
    """Have a detector told of rules."""
    RulesFile(folder, KEYS).write(standing(folder, text))


def plain(document):
    """What JSON makes of a document."""
    return json.loads(msgspec.json.encode(document))
