"""Muting: `GET /alerts/{id}/mute` shows the effect on history first; `GET /silences` lists."""

from collections.abc import Sequence

from starlette.responses import Response

from whodid.app.alert_acts import HOURS_DEFAULT, SilenceAsked, level_of, silence
from whodid.app.alert_answer import Effect, ShownAlert, ShownSilence, Value
from whodid.detection.alerts.silence import is_on
from whodid.detection.rule import LEVELS
from whodid.errors import UsageError
from whodid.limits import ALERT_NOTE_CHARS_MAX, SILENCE_DAYS_MAX
from whodid.web.alerts import Item, item_of
from whodid.web.visit import Visit, redirect

_DAYS = (7, 30, 90, 365)
_DAYS_DEFAULT = 30
_HOURS = (
    (1, "an hour"), (8, "8 hours"), (24, "a day"), (72, "3 days"), (168, "a week"),
    (720, "30 days"),
)  # fmt: skip


def show(visit: Visit) -> Response:
    """Answer `GET /silences`."""
    ended = visit.asked("ended") == "1"
    desk = visit.site.reading.alerts
    found = desk.silences(visit.caller(), ended=ended)
    return visit.page(
        "silences.html",
        rows=[(one, _items(one), is_on(one.silence, desk.now())) for one in found],
        ended=ended,
        may_end=visit.caller().handles,
    )


def end(visit: Visit) -> Response:
    """Answer `POST /silences/end`."""
    visit.site.reading.alerts.end_silence(
        visit.caller(), visit.form.get("id", ""), visit.form.get("note", "").strip()
    )
    return redirect("/silences")


def ask(visit: Visit) -> Response:
    """Answer `GET /alerts/{id}/mute`: what would be muted, and what would have been."""
    return _ask(visit, visit.request.path_params["id"])


def mute(visit: Visit) -> Response:
    """Answer `POST /alerts/{id}/mute`."""
    alert_id = visit.request.path_params["id"]
    shown = visit.site.reading.alerts.show(visit.caller(), alert_id).shown
    chosen = _chosen(shown, visit.form.get("fields", "").split(","))
    asked = SilenceAsked(
        visit.form.get("reason", ""), visit.form.get("kind", ""),
        shown.alert.rule if visit.form.get("rule") == "1" else "", visit.form.get("level", ""),
        {field: value for field, value in chosen if value}, _number(visit.form.get("hours", "")),
    )  # fmt: skip
    try:
        silence(visit.site.reading.alerts, visit.caller(), asked)
    except UsageError as error:
        return _ask(visit, alert_id, str(error))
    return redirect(f"/alerts/{alert_id}")


def _ask(visit: Visit, alert_id: str, error: str = "") -> Response:
    given = visit.form or dict(visit.request.query_params.multi_items())
    desk, caller = visit.site.reading.alerts, visit.caller()
    shown = desk.show(caller, alert_id).shown
    asked_already = "kind" in given
    numbers = visit.request.query_params.getlist("field")
    if visit.form:
        numbers = visit.form.get("fields", "").split(",")
    chosen = _chosen(shown, numbers) if asked_already else list(shown.key)
    rule = given.get("rule") == "1" if asked_already else True
    kind = "exclusion" if given.get("kind") == "exclusion" else "silence"
    level, days = given.get("level", ""), int(_number(given.get("days", ""), _DAYS_DEFAULT))
    effect: Effect | None = None
    try:
        effect = desk.effect(
            caller, rule=shown.alert.rule if rule else "", level=level_of(level),
            key=tuple((field, value) for field, value in chosen if value is not None), days=days,
        )  # fmt: skip
    except UsageError as met:
        error = error or str(met)
    return visit.page(
        "mute.html",
        400 if error and visit.form else 200,
        error=error,
        shown=shown,
        alert=shown.alert,
        fields=[(number, item_of(pair), pair in chosen) for number, pair in enumerate(shown.key)],
        chosen=",".join(str(number) for number, pair in enumerate(shown.key) if pair in chosen),
        told=[item_of(pair) for pair in chosen],
        rule=rule,
        kind=kind,
        level=level,
        levels=LEVELS,
        hours=int(_number(given.get("hours", ""))),
        all_hours=_HOURS,
        days=days,
        all_days=_DAYS,
        effect=effect,
        reason=given.get("reason", ""),
        reason_max=ALERT_NOTE_CHARS_MAX,
        days_max=SILENCE_DAYS_MAX,
    )


def _chosen(shown: ShownAlert, numbers: Sequence[str]) -> list[Value]:
    """Return the fields of the key that were chosen, by their numbers."""
    wanted = {number for number in numbers if number.isascii() and number.isdigit()}
    return [pair for number, pair in enumerate(shown.key) if str(number) in wanted]


def _number(text: str, default: float = HOURS_DEFAULT) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 5 else default


def _items(one: ShownSilence) -> list[Item] | None:
    return None if one.content is None else [item_of(pair) for pair in one.content.key]
