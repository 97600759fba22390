"""A page of alerts, and what is at its bound."""

from collections.abc import Callable

from msgspec import Struct

from whodid.app.alert_answer import AlertQuery
from whodid.detection.alerts.alert import STATES, Alert
from whodid.detection.alerts.alerts import Alerts
from whodid.detection.alerts.fold import DROPPED, UNLISTED
from whodid.detection.alerts.reads import Place, Reads
from whodid.detection.alerts.texts import storable
from whodid.detection.rule import LEVELS, Level
from whodid.errors import UsageError
from whodid.limits import ALERT_LOOKED_MAX, ALERTS_ACTIVE_MAX, PAGE_ROWS_MAX

STATES_ASKED = ("active", *STATES, "all")
_AT_ONCE = 200


class ListPage(Struct, frozen=True):
    """Alerts in the order of `Place`; `next` is where the next page goes on."""

    alerts: list[Alert]
    next: Place | None
    warnings: list[str]


class AlertList:
    """Looks for a page. `sees` tells which alerts the reader sees, None: all of them."""

    def __init__(
        self, asked: AlertQuery, alerts: Alerts, sees: Callable[[Alert], bool] | None
    ) -> None:
        if asked.state not in STATES_ASKED:
            raise UsageError(f"a state of alerts is one of: {', '.join(STATES_ASKED)}")
        self._asked = asked
        self._alerts = alerts
        self._sees = sees
        self._tags = set(alerts.tagger.key_tags(asked.key))

    def page(self) -> ListPage:
        """Return it. Of a reader who does not see all, at most ALERT_LOOKED_MAX are looked at."""
        limit = max(1, min(self._asked.limit, PAGE_ROWS_MAX))
        found: list[Alert] = []
        below, looked = self._asked.below, 0
        while True:
            some = self._some(below)
            for alert in some:
                if not self._tags <= set(alert.tags):
                    continue
                if self._sees is not None and looked >= ALERT_LOOKED_MAX:
                    told = f"{ALERT_LOOKED_MAX} alerts were looked at; there may be older ones"
                    return ListPage(found, below, [told])
                looked += 1
                if self._sees is not None and not self._sees(alert):
                    below = Place.of(alert)
                    continue
                if len(found) == limit:
                    return ListPage(found, Place.of(found[-1]), [])
                found.append(alert)
                below = Place.of(alert)
            if len(some) < _AT_ONCE:
                return ListPage(found, None, [])
            below = Place.of(some[-1])

    def _some(self, below: Place | None) -> list[Alert]:
        asked = self._asked
        parts, values = ["TRUE"], list[object]()
        if asked.state == "active":
            parts.append("state <> 'closed'")
        elif asked.state != "all":
            parts.append("state = ?")
            values.append(asked.state)
        if asked.muted:
            parts.append("muted <> ''")
        elif asked.state != "all":
            parts.append("muted = ''")
        for column, value in (("rule", asked.rule), ("assignee", asked.assignee)):
            if value:
                parts.append(f"{column} = ?")
                values.append(storable(value))
        if asked.level is not None:
            parts.append("level >= ?")
            values.append(LEVELS.index(asked.level))
        where = " AND ".join(parts)
        return self._alerts.read(lambda reads: reads.page(where, values, below, _AT_ONCE))


def open_by_level(counts: dict[tuple[str, int, bool], int]) -> dict[Level, int]:
    """Return how many alerts nobody acknowledged, the gravest level first."""
    return {
        level: counts.get(("open", number, False), 0)
        for number, level in reversed(list(enumerate(LEVELS)))
    }


def saturation(reads: Reads) -> list[str]:
    """Return what is at its bound, as sentences."""
    found = []
    if reads.active_count() >= ALERTS_ACTIVE_MAX:
        found.append(
            f"{ALERTS_ACTIVE_MAX:,} alerts go on: of each rule one more stands for all others"
        )
    full = reads.alerts("overflow = 1 AND state <> 'closed' AND quiet_us IS NULL", limit=5)
    found += [f"the rule {alert.title!r} raises more alerts than are kept apart" for alert in full]
    dropped, unlisted = reads.counter(DROPPED), reads.counter(UNLISTED)
    if dropped:
        found.append(f"{dropped:,} alerts that were over left this list; the ledger has them")
    if unlisted:
        found.append(f"{unlisted:,} repetitions are found in the ledger only")
    return found
