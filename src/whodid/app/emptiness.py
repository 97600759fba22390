"""Why an answer is empty: what each part of the search finds alone, and the others without it.

Only for answers that came soon, and for a second at most: whoever asks something long is not kept
waiting for what explains it.
"""

import difflib
import time
from collections.abc import Callable

from whodid.app.answer import Caller, Clause
from whodid.errors import AccessDeniedError, UsageError
from whodid.index.analyst import Analyst, Wanted
from whodid.index.page import Page
from whodid.limits import FACET_VALUES_MAX
from whodid.query.countable import why_not_counted
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.render import to_text
from whodid.query.rights import restrict
from whodid.query.times import resolve
from whodid.query.tree import And, Everything, Node, Query, Term, all_of

_SECONDS_MAX = 1.0
_PARTS_MAX = 8
_NEAR = 3
_PREFIX_MIN = 3


class Emptiness:
    """Explains empty answers, in the turn of the search that found nothing."""

    def __init__(
        self,
        page: Callable[..., Page],
        analyst: Analyst,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._page = page
        self._analyst = analyst
        self._clock = clock
        self._monotonic = monotonic

    def explain(
        self, caller: Caller, query: Query, page: Page, began_s: float, *, own: bool
    ) -> list[Clause]:
        """Return the parts of the search; none when there is something, or no time to look.

        `began_s` is when the search began, by the same clock.
        """
        asked = query.filter if query.asked is None else query.asked
        items = asked.items if isinstance(asked, And) else (asked,)
        if page.total or not page.total_is_exact or isinstance(asked, Everything):
            return []
        if len(items) > _PARTS_MAX or self._monotonic() - began_s > _SECONDS_MAX:
            return []
        end_s = self._monotonic() + _SECONDS_MAX
        found: list[Clause] = []
        for number, item in enumerate(items):
            if self._monotonic() > end_s:
                break
            others = [other for at, other in enumerate(items) if at != number]
            if not others:
                found.append(Clause(to_text(item), 0, None, self._near(caller, item, own=own)))
                break
            alone = self._count(caller, item, own=own)
            without = self._count(caller, all_of(others), own=own)
            nothing = not alone.total and alone.total_is_exact
            found.append(Clause(
                to_text(item), alone.total, without.total,
                self._near(caller, item, own=own) if nothing else [],
                alone.total_is_exact, without.total_is_exact,
            ))  # fmt: skip
        return found

    def _count(self, caller: Caller, node: Node, *, own: bool) -> Page:
        query = resolve(restrict(Query(node), caller.rights), self._clock())
        return self._page(query, 1, None, own=own)

    def _near(self, caller: Caller, node: Node, *, own: bool) -> list[str]:
        """Return values of the field that resemble one that no event has."""
        if not isinstance(node, Term) or not isinstance(node.value, str):
            return []
        field = SEARCH_FIELDS[node.field]
        if node.op not in {"has", "is"} or field.kind != "exact" or why_not_counted(field):
            return []
        try:
            everything = resolve(restrict(Query(Everything()), caller.rights), self._clock())
            wanted = Wanted(0, (field.name,), FACET_VALUES_MAX)
            durable = self._page(everything, 1, None, own=own).size
            found = self._analyst.overview(everything, wanted, durable=durable, own=own)
        except (AccessDeniedError, UsageError):
            return []
        values = [str(value) for value, _ in found.facets[0].values] if found.facets else []
        return _resembling(node.value, values)


def _resembling(value: str, values: list[str]) -> list[str]:
    folded = value.casefold()
    within = [v for v in values if len(folded) >= _PREFIX_MIN and folded in v.casefold()]
    by_fold = {v.casefold(): v for v in reversed(values)}
    close = [by_fold[f] for f in difflib.get_close_matches(folded, by_fold, _NEAR, 0.6)]
    return list(dict.fromkeys([*within, *close]))[:_NEAR]
