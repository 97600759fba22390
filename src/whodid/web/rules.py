"""The pages of rules: `GET /rules`, narrowed by pack, level and state, and `GET /rules/{id}`.

What a rule says was written by whoever may write to its folder: it is escaped like everything else.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from whodid.app.rule_answer import RuleAnswer, RulesAnswer, ShownRule
from whodid.app.rule_backtest.run import Run
from whodid.detection.rule import LEVELS
from whodid.limits import WEB_RULES_SHOWN
from whodid.web.alerts import item_of, line_of
from whodid.web.html import count
from whodid.web.links import rule_url
from whodid.web.time_range import Choice
from whodid.web.visit import Visit

DAYS = (7, 30, 90)
_YOURS = "yours"
_STATES = ("all", "blind", "failing", "fired", "parts")
_STATE_WORDS = {
    "all": "All", "blind": "Blind", "failing": "Failing", "fired": "Fired", "parts": "Parts",
}  # fmt: skip


class Row(NamedTuple):
    """A rule in the list. `tags` are ATT&CK techniques and the like, in few words."""

    href: str
    shown: ShownRule
    pack: str
    tags: list[str]


def show(visit: Visit) -> Response:
    """Answer `GET /rules`."""
    answer = visit.site.desks.rules.rules(visit.caller())
    state, pack, level = _state(visit), visit.asked("pack"), visit.asked("level")
    loud = [one for one in answer.rules if not one.used.silent]
    found = [
        one
        for one in answer.rules
        if _is_in(one, state) and pack in {"", _pack(one)} and level in {"", one.used.head.level}
    ]
    first = _first(visit)
    rows = [_row(one) for one in found[first : first + WEB_RULES_SHOWN]]
    more = first + WEB_RULES_SHOWN
    return visit.page(
        "rules.html",
        answer=answer,
        standing=visit.site.desks.standing() if answer.whole else None,
        rows=rows,
        found=len(found),
        loud=len(loud),
        blind=sum(one.blind is not None for one in loud),
        failing=sum(_is_in(one, "failing") for one in loud),
        states=_states(answer, visit, state),
        packs=_packs(loud, visit, pack),
        levels=[
            Choice(name, _url(visit, level="" if name == level else name), chosen=name == level)
            for name in reversed(LEVELS)
        ],
        narrowed=bool(state != "all" or pack or level),
        newer=_url(visit, first=str(max(0, first - WEB_RULES_SHOWN))) if first else None,
        older=_url(visit, first=str(more)) if more < len(found) else None,
    )


def detail(visit: Visit) -> Response:
    """Answer `GET /rules/{id}`."""
    answer = visit.site.desks.rules.rule(visit.caller(), visit.request.path_params["id"])
    used = answer.rule.used
    return visit.page(
        "rule.html",
        answer=answer,
        shown=answer.rule,
        used=used,
        head=used.head,
        pack=_pack(answer.rule),
        alerts=[line_of(one) for one in answer.alerts],
        alerts_href="/alerts?" + urlencode([("rule", used.head.id), ("state", "all")]),
        exclusions=[
            (one, [item_of(pair) for pair in one.content.key] if one.content else None)
            for one in answer.exclusions
        ],
        parts=[_row(one) for one in answer.parts],
        over=[_row(one) for one in answer.over],
        runs=[(run, told(run)) for run in answer.runs],
        all_days=DAYS,
        busy=_busy(visit, answer),
    )


def told(run: Run) -> str:
    """Return in few words how a look over history ended, or that it runs."""
    if run.answer is not None:
        return count(run.answer.alerts, "alert")
    if run.state == "ended" and run.error:
        return "ended with the server"
    return {"running": "runs", "ended": "was ended", "failed": "failed"}.get(run.state, run.state)


def _busy(visit: Visit, answer: RuleAnswer) -> Run | None:
    return visit.site.desks.rules.running(visit.caller()) if answer.may_backtest else None


# --- the list ------------------------------------------------------------------------------------


def _row(one: ShownRule) -> Row:
    head = one.used.head
    return Row(rule_url(head.id), one, _pack(one), [tag_text(tag) for tag in head.tags])


def tag_text(tag: str) -> str:
    """Return a tag as people say it: `T1110.003` of `attack.t1110.003`."""
    name = tag.removeprefix("attack.")
    return name.upper() if name[:1] == "t" and name[1:2].isdigit() else name.replace("-", " ")


def _pack(one: ShownRule) -> str:
    return one.used.pack or _YOURS


def _state(visit: Visit) -> str:
    asked = visit.asked("state")
    return asked if asked in _STATES else "all"


def _is_in(one: ShownRule, state: str) -> bool:
    if state == "parts":
        return one.used.silent
    if one.used.silent:
        return False
    if state == "blind":
        return one.blind is not None
    if state == "failing":
        return one.exercise is not None and one.exercise.failed > 0
    return state != "fired" or one.raised is not None


def _states(answer: RulesAnswer, visit: Visit, state: str) -> list[Choice]:
    names: Sequence[str] = _STATES
    if not answer.whole:
        names = ("all",)
    elif not answer.counts:
        names = [name for name in _STATES if name != "fired"]
    found = []
    for name in names:
        number = sum(_is_in(one, name) for one in answer.rules)
        href = _url(visit, state="" if name == "all" else name)
        found.append(Choice(f"{_STATE_WORDS[name]} {number:,}", href, chosen=name == state))
    return found if len(found) > 1 else []


def _packs(loud: Sequence[ShownRule], visit: Visit, pack: str) -> list[Choice]:
    counts = Counter(_pack(one) for one in loud)
    names = sorted(counts, key=lambda name: (name != _YOURS, name))
    return [
        Choice(
            f"{name} {counts[name]:,}", _url(visit, pack="" if name == pack else name),
            chosen=name == pack,
        )
        for name in names
    ]  # fmt: skip


def _url(visit: Visit, **changes: str) -> str:
    """Return the address of the list as it is asked for, with changes, from its beginning."""
    given = {name: visit.asked(name) for name in ("state", "pack", "level")} | changes
    pairs = [(name, value) for name, value in given.items() if value and value != "0"]
    return "/rules?" + urlencode(pairs) if pairs else "/rules"


def _first(visit: Visit) -> int:
    text = visit.asked("first")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
