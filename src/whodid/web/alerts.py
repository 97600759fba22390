"""The pages of alerts: `GET /alerts`, `GET /alerts/{id}`, and the forms on them.

Everything that an alert tells is of a rule or of events, which strangers write: it is escaped like
everything else, and names lead nowhere but to our own pages.
"""

from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from whodid.app.alert_acts import AlertAct, do, key_of, level_of
from whodid.app.alert_answer import (
    AlertAnswer,
    AlertQuery,
    AlertsAnswer,
    ShownAlert,
    Value,
    place_of,
    place_text,
)
from whodid.detection.alerts.alert import DISPOSITIONS
from whodid.detection.alerts.record import AlertRecord, Handled, Raised
from whodid.detection.rule import LEVELS
from whodid.errors import UsageError
from whodid.limits import ALERT_NOTE_CHARS_MAX, WEB_PAGE_ROWS
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.own import is_own
from whodid.query.tree import Term
from whodid.web.links import (
    around,
    exact_term,
    rule_url,
    search_url,
    text_of,
    trace_url,
)
from whodid.web.row import Badge, rows_by_day
from whodid.web.time_range import Choice
from whodid.web.visit import Visit, redirect

_STATES = (
    ("Active", "active"), ("Open", "open"), ("Acknowledged", "acknowledged"),
    ("Closed", "closed"), ("Muted", "muted"), ("All", "all"),
)  # fmt: skip
_AROUND_MINUTES = 15
_LATE_US = 600_000_000
_DONE = {
    "fired": "Raised", "repeated": "Found again", "muted": "Muted", "acknowledge": "Acknowledged",
    "assign": "Assigned", "close": "Closed", "reopen": "Opened again", "note": "Noted",
    "quiet": "Over: nothing more came",
}  # fmt: skip


class Item(NamedTuple):
    """A field and its value; `href` None where no search finds it, `value` None: withheld."""

    field: str
    value: str | None
    href: str | None


class Line(NamedTuple):
    """An alert as a row of the list. `found_us` is when it was found, where that was later."""

    href: str
    time_us: int
    found_us: int | None
    shown: ShownAlert
    key: list[Item]
    assignee_href: str | None


class Done(NamedTuple):
    """A record as the page tells it: what, by whom (empty: whodid), what was said."""

    href: str | None
    time_us: int
    done: str
    by: str
    said: str


def show(visit: Visit) -> Response:
    """Answer `GET /alerts`."""
    asked = _asked(visit)
    answer = visit.site.reading.alerts.page(visit.caller(), asked)
    return visit.page(
        "alerts.html",
        answer=answer,
        lines=[_line(shown, visit) for shown in answer.alerts],
        states=[
            Choice(words, _url(visit, state=name, below=None), chosen=_state(visit) == name)
            for words, name in _STATES
        ],
        levels=_levels(answer, visit),
        taken=_taken(visit),
        open_total=sum(answer.open.values()) if answer.open is not None else None,
        older=_url(visit, below=place_text(answer.next)) if answer.next is not None else None,
        newest=_url(visit, below=None) if visit.asked("below") else None,
        narrowed=bool(_taken(visit) or visit.asked("below")) or _state(visit) != "active",
        all_href="/alerts?state=all",
    )


def detail(visit: Visit) -> Response:
    """Answer `GET /alerts/{id}`."""
    return _detail(visit, visit.request.path_params["id"])


def act(visit: Visit) -> Response:
    """Answer `POST /alerts/{id}`: a form of the alert's page."""
    alert_id, form = visit.request.path_params["id"], visit.form
    asked = AlertAct(
        form.get("act", ""), form.get("note", "").strip(), form.get("assignee", "").strip(),
        form.get("disposition", ""), form.get("duplicate_of", "").strip(),
    )  # fmt: skip
    try:
        do(visit.site.reading.alerts, visit.caller(), alert_id, asked)
    except UsageError as error:
        return _detail(visit, alert_id, str(error))
    return redirect(f"/alerts/{alert_id}")


def _detail(visit: Visit, alert_id: str, error: str = "") -> Response:
    answer = visit.site.reading.alerts.show(visit.caller(), alert_id)
    shown, content = answer.shown, answer.shown.content
    alert = shown.alert
    return visit.page(
        "alert.html",
        400 if error else 200,
        error=error,
        answer=answer,
        shown=shown,
        alert=alert,
        rule=content.rule if content else None,
        key=[item_of(pair) for pair in shown.key],
        values=[item_of(pair) for pair in shown.values],
        days=rows_by_day(answer.hits, lambda term: search_url(text_of([term]))),
        badge_href=_badge_href,
        done=[_done(record) for _, record in reversed(answer.records)],
        related=[_line(one, visit) for one in answer.related],
        story_href=_story(answer),
        around_href=_around(answer),
        rule_href=rule_url(alert.rule),
        same_rule_href="/alerts?" + urlencode([("rule", alert.rule), ("state", "all")]),
        records_href=search_url(
            f'service:whodid (correlation:"{alert.id}" OR resource:"{alert.id}")', own=True
        ),
        muted_href=_muted_by(alert.muted),
        mute_href=f"/alerts/{alert.id}/mute",
        may_mute=answer.may_handle and visit.caller().rights.whole,
        me=visit.session.user.name if visit.session else "",
        dispositions=DISPOSITIONS,
        note_max=ALERT_NOTE_CHARS_MAX,
    )


# --- the list ------------------------------------------------------------------------------------


def _asked(visit: Visit) -> AlertQuery:
    state = _state(visit)
    muted = state == "muted"
    return AlertQuery(
        state="active" if muted else state,
        level=level_of(visit.asked("level")),
        rule=visit.asked("rule"),
        assignee=visit.asked("assignee"),
        muted=muted,
        key=key_of(visit.asked("key")),
        below=place_of(visit.asked("below")),
        limit=WEB_PAGE_ROWS,
    )


def _state(visit: Visit) -> str:
    return visit.asked("state") or "active"


def _url(visit: Visit, **changes: str | None) -> str:
    """Return the address of the list as it is asked for, with changes."""
    names = ("state", "level", "rule", "assignee", "key", "below")
    given: dict[str, str | None] = {name: visit.asked(name) for name in names}
    given |= changes
    if given["state"] == "active":
        given["state"] = None
    pairs = [(name, value) for name, value in given.items() if value]
    return "/alerts?" + urlencode(pairs) if pairs else "/alerts"


def _levels(answer: AlertsAnswer, visit: Visit) -> list[tuple[str, int | None, str, bool]]:
    """Return each level with how many are open, the gravest first, and the list of it."""
    chosen = visit.asked("level")
    found: list[tuple[str, int | None, str, bool]] = []
    for level in reversed(LEVELS):
        number = None if answer.open is None else answer.open[level]
        href = _url(visit, level=None if level == chosen else level, below=None)
        found.append((level, number, href, level == chosen))
    return found


def _taken(visit: Visit) -> list[tuple[str, str]]:
    """Return what narrows the list, in words, and the list without it."""
    words = {"level": "at least", "rule": "rule", "assignee": "for", "key": "with"}
    return [
        (f"{word} {visit.asked(name)}", _url(visit, **{name: None}, below=None))
        for name, word in words.items()
        if visit.asked(name)
    ]


def _line(shown: ShownAlert, visit: Visit) -> Line:
    alert = shown.alert
    who = _url(visit, assignee=alert.assignee, below=None) if alert.assignee else None
    return line_of(shown, who)


def line_of(shown: ShownAlert, assignee_href: str | None = None) -> Line:
    """Return an alert as a row of a list."""
    key = [item_of(pair) for pair in shown.key]
    alert = shown.alert
    found_us = alert.seen_us if alert.seen_us - alert.last_us >= _LATE_US else None
    return Line(f"/alerts/{alert.id}", alert.last_us, found_us, shown, key, assignee_href)


# --- one alert -----------------------------------------------------------------------------------


def item_of(pair: Value) -> Item:
    """Return a field and its value with the search that finds it."""
    field, value = pair
    term = _term(field, value)
    return Item(field, value, search_url(text_of([term])) if term else None)


def _term(field: str, value: str | None) -> Term | None:
    return exact_term(field, value) if value is not None and field in SEARCH_FIELDS else None


def _story(answer: AlertAnswer) -> str | None:
    """Return the story of the last event: of what links it to others, else its own."""
    if not answer.hits or is_own(answer.hits[-1].event):
        return None  # own events are in no story
    context = answer.hits[-1].event.context
    linked = context.correlation or context.trace or context.request
    if linked and linked.isprintable():
        return trace_url(linked)
    return trace_url(answer.hits[-1].event.when.id)


def _around(answer: AlertAnswer) -> str | None:
    """Return the search for what those of its key did around it."""
    terms = [term for pair in answer.shown.key if (term := _term(*pair)) is not None]
    if not terms:
        return None
    return search_url(text_of([*terms, around(answer.shown.alert.last_us, _AROUND_MINUTES)]))


def _badge_href(badge: Badge) -> str:
    return search_url(text_of([badge.term]))


def _muted_by(muted: str) -> str | None:
    kind, _, name = muted.partition(":")
    if kind == "alert":
        return f"/alerts/{name}"
    return "/silences?ended=1" if kind == "silence" else None


def _done(record: AlertRecord) -> Done:
    if isinstance(record, Raised):
        told = f"{record.events:,} event{'' if record.events == 1 else 's'}"
        why = f"{told}. {record.why}" if record.why else told
        return Done(_muted_by(record.muted), record.at_us, _DONE[record.kind], "", why)
    if isinstance(record, Handled):
        parts = [f"to {record.assignee}" if record.assignee else "", record.disposition or ""]
        parts += [f"of {record.duplicate_of}" if record.duplicate_of else "", record.note]
        said = ": ".join(part for part in parts if part)
        return Done(None, record.at_us, _DONE[record.act], record.by, said)
    return Done(None, record.at_us, "Changed", record.by, "")
