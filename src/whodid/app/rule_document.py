"""The JSON form of rules and of looks over history with them."""

from typing import Any

from whodid.app.alert_document import alert_document, silence_document
from whodid.app.instant import instant
from whodid.app.rule_answer import RuleAnswer, RulesAnswer, ShownRule
from whodid.app.rule_backtest.run import Run
from whodid.app.rule_backtest.task import BacktestAnswer

Document = dict[str, Any]


def rules_document(answer: RulesAnswer) -> Document:
    """Return the JSON form of the rules that are used; what is withheld is null."""
    standing = answer.standing
    return {
        "rules": [rule_document(one) for one in answer.rules],
        "detection": standing is not None,
        "learning": None if standing is None else standing.learning,
        "used": instant(standing.used_us) if standing else None,
        "surveyed": instant(standing.surveyed_us) if standing and standing.surveyed_us else None,
        "records": standing.records if standing and answer.whole else None,
        "faults": [
            {"path": one.path, "line": one.line, "reason": one.reason, "warning": one.warning}
            for one in (standing.faults if standing else ())
        ],
    }  # fmt: skip


def rule_document(shown: ShownRule) -> Document:
    """Return the JSON form of a rule."""
    used, head = shown.used, shown.used.head
    exercise, raised = shown.exercise, shown.raised
    return {
        "id": head.id, "name": head.name or None, "title": head.title, "level": head.level,
        "version": head.version, "status": head.status or None, "kind": used.kind,
        "about": used.about, "pack": used.pack or None, "silent": used.silent,
        "description": head.description,
        "author": head.author or None, "tags": list(head.tags),
        "blind": None if shown.blind is None else {
            "why": shown.blind.why, "reason": shown.blind.reason
        },
        "exercise": None if exercise is None else {
            "at": instant(exercise.at_us), "cases": exercise.cases, "failed": exercise.failed,
            "reason": exercise.reason or None,
        },
        "alerts": None if raised is None else raised.alerts,
        "last": None if raised is None else instant(raised.last_us),
    }  # fmt: skip


def rule_answer_document(answer: RuleAnswer) -> Document:
    """Return the JSON form of one rule with all that is shown of it."""
    head = answer.rule.used.head
    return {
        **rule_document(answer.rule),
        "text": answer.text, "text_told": answer.text_told or None,
        "fields": list(head.reads), "references": list(head.references),
        "false_positives": list(head.false_positives),
        "parts": [rule_document(one) for one in answer.parts],
        "over": [rule_document(one) for one in answer.over],
        "newest": [alert_document(one) for one in answer.alerts],
        "exclusions": [silence_document(one) for one in answer.exclusions],
        "backtests": [run_document(one, whole=False) for one in answer.runs],
        "may_backtest": answer.may_backtest,
    }  # fmt: skip


def run_document(run: Run, *, whole: bool = True) -> Document:
    """Return the JSON form of a look over history; its answer when it is `whole`."""
    return {
        "id": run.id, "rule": run.rule.id, "title": run.rule.title, "level": run.rule.level,
        "days": run.days, "by": run.by, "state": run.state, "begun": instant(run.begun_us),
        "ended": instant(run.ended_us) if run.ended_us else None, "error": run.error or None,
        "answer": _answer_document(run.answer) if run.answer is not None and whole else None,
    }  # fmt: skip


def _answer_document(found: BacktestAnswer) -> Document:
    return {
        "alerts": found.alerts, "excluded": found.excluded, "findings": found.findings,
        "events": found.matched, "alerts_a_day": found.alerts_a_day,
        "most_a_day": found.most_a_day, "earlier": found.earlier,
        "by_day": [
            {"day": instant(day.start_us), "alerts": day.alerts, "excluded": day.excluded}
            for day in found.days
        ],
        "keys": [{"key": key, "alerts": count} for key, count in found.keys],
        "newest": [
            {
                "time": instant(one.time_us), "count": one.count, "key": dict(one.key),
                "why": one.why, "events": list(one.events),
            }
            for one in found.found
        ],
        "suggestions": [
            {
                "values": dict(one.values), "spares": one.alerts, "left": one.left,
                "days": one.days, "sigma": one.sigma,
            }
            for one in found.suggestions
        ],
        "looked": found.looked, "opened": found.opened, "unreadable": found.unreadable,
        "seconds": round(found.seconds, 3), "memory_bytes": found.memory_bytes,
        "first": instant(found.first_us) if found.first_us else None,
        "last": instant(found.last_us) if found.last_us else None,
        "size": found.size, "warnings": list(found.warnings),
    }  # fmt: skip
