"""The shapes of what the API tells of rules, looks over history and the outbox (JSON Schema)."""

from whodid.api.schema_parts import (
    INSTANT,
    LEVEL,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    SECONDS,
    TEXT,
    TEXTS,
    YES_NO,
    Schema,
    listed,
    reference,
    shape,
)
from whodid.limits import BACKTEST_DAYS_MAX, OUTBOX_MESSAGES_SHOWN

_VALUES: Schema = {"type": "object", "additionalProperties": TEXT}


def rule_schemas() -> dict[str, Schema]:
    """Return every schema by name."""
    rule = _rule()
    return {
        "Rule": rule,
        "Rules": shape(
            "The rules that are used; `detection` false: no detector told of any yet.",
            rules=listed(reference("Rule")), detection=YES_NO,
            learning={"type": ["boolean", "null"]}, used=INSTANT, surveyed=INSTANT,
            records=MAYBE_NUMBER,
            faults=listed(shape("What could not be read, or is doubtful (a `warning`).",
                                path=TEXT, line=NUMBER, reason=TEXT, warning=YES_NO)),
        ),
        "RuleDetail": _detail(rule),
        "BacktestRequest": {
            "type": "object",
            "properties": {
                "rule": TEXT,
                "days": {"type": "integer", "minimum": 1, "maximum": BACKTEST_DAYS_MAX,
                         "default": 30},
            },
            "required": ["rule"],
            "additionalProperties": False,
        },
        "Backtest": _backtest(),
        "BacktestAnswer": _answer(),
        **_outbox(),
    }  # fmt: skip


def _rule() -> Schema:
    return shape(
        "A rule that is used. `blind`: why it can never match here; `alerts` and `last` are null "
        "where they are withheld, or nothing was raised.",
        id=TEXT, name=MAYBE_TEXT, title=TEXT, level=LEVEL, version=TEXT, status=MAYBE_TEXT,
        kind=TEXT, about=TEXT, pack=MAYBE_TEXT, silent=YES_NO, description=TEXT,
        author=MAYBE_TEXT, tags=TEXTS,
        blind=_maybe(shape("Why it is blind.", why=TEXT, reason=TEXT)),
        exercise=_maybe(shape(
            "Its last exercise; no cases: it has no fixture.", at=INSTANT, cases=NUMBER,
            failed=NUMBER, reason=MAYBE_TEXT,
        )),
        alerts=MAYBE_NUMBER, last=INSTANT,
    )  # fmt: skip


def _maybe(one: Schema) -> Schema:
    return {"oneOf": [one, {"type": "null"}]}


def _detail(rule: Schema) -> Schema:
    more: dict[str, Schema] = {
        "text": MAYBE_TEXT, "text_told": MAYBE_TEXT, "fields": TEXTS, "references": TEXTS,
        "false_positives": TEXTS, "parts": listed(reference("Rule")),
        "over": listed(reference("Rule")), "newest": listed(reference("Alert")),
        "exclusions": listed(reference("Silence")), "backtests": listed(reference("Backtest")),
        "may_backtest": YES_NO,
    }  # fmt: skip
    return {
        "type": "object",
        "description": "A rule with its YAML (`text`), the fields that it looks at, the rules that "
        "it is built on (`parts`) and that are built on it (`over`), its newest alerts, what is "
        "excluded of it, and looks over history.",
        "properties": {**rule["properties"], **more},
        "required": [*rule["required"], *more],
    }


def _backtest() -> Schema:
    return shape(
        "A look over the events received in the last `days`; `answer` is there when it is done.",
        id=TEXT, rule=TEXT, title=TEXT, level=LEVEL, days=NUMBER, by=TEXT,
        state={"type": "string", "enum": ["running", "done", "failed", "ended"]}, begun=INSTANT,
        ended=INSTANT, error=MAYBE_TEXT,
        answer={"oneOf": [reference("BacktestAnswer"), {"type": "null"}]},
    )  # fmt: skip


def _answer() -> Schema:
    return shape(
        "What the rule would have raised: `excluded` of the `alerts` exclusions in force would "
        "mute; `events` were looked at (`looked`) or had to be opened.",
        alerts=NUMBER, excluded=NUMBER, findings=NUMBER, events=NUMBER, alerts_a_day=SECONDS,
        most_a_day=NUMBER, earlier=NUMBER,
        by_day=listed(shape("A day.", day=INSTANT, alerts=NUMBER, excluded=NUMBER)),
        keys=listed(shape("About whom, most often.", key=TEXT, alerts=NUMBER)),
        newest=listed(shape("A finding.", time=INSTANT, count=NUMBER, key=_VALUES, why=TEXT,
                            events=TEXTS)),
        suggestions=listed(shape("What could be left out.", values=_VALUES, spares=NUMBER,
                                 left=NUMBER, days=NUMBER, sigma=TEXT)),
        looked=NUMBER, opened=NUMBER, unreadable=NUMBER, seconds=SECONDS, memory_bytes=NUMBER,
        first=INSTANT, last=INSTANT, size=NUMBER, warnings=TEXTS,
    )  # fmt: skip


def _outbox() -> dict[str, Schema]:
    return {
        "Message": shape(
            "A message that waits or was given up; `alerts` null: withheld.",
            id=TEXT, channel=TEXT, state={"type": "string", "enum": ["waiting", "given up"]},
            made=INSTANT, attempts=NUMBER, held_until=INSTANT, next=INSTANT, reason=MAYBE_TEXT,
            alerts={"type": ["array", "null"], "items": TEXT},
        ),
        "Outbox": shape(
            "What is still to be told; at most "
            f"{OUTBOX_MESSAGES_SHOWN} messages of each state are here.",
            channels=listed(shape(
                "A channel; `kind` null: the settings do not name it any more.", name=TEXT,
                kind=MAYBE_TEXT, waiting=NUMBER, oldest=INSTANT, given_up=NUMBER,
            )),
            messages=listed(reference("Message")), waiting=NUMBER, given_up=NUMBER,
            may_retry=YES_NO,
        ),
        "SendAgain": {
            "type": "object", "properties": {"ids": {**TEXTS, "maxItems": OUTBOX_MESSAGES_SHOWN}},
            "required": ["ids"], "additionalProperties": False,
        },
        "Messages": shape("What will be tried again.", messages=listed(reference("Message"))),
    }  # fmt: skip
