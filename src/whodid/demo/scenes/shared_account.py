"""One account for the whole front desk: two countries use it within the same minutes."""

from collections.abc import Iterator
from random import Random

from whodid.demo.act import Act
from whodid.demo.cast import BROWSERS
from whodid.demo.life.draws import correlation, ranked, session
from whodid.demo.scenes.names import SHARED, SHARED_COUNTRIES, SHARED_IPS
from whodid.demo.stage import MINUTE_US, SECOND_US, Stage

_BOTH_DAY = 25
_BOTH_ACTS = 36


def shared_account_acts(stage: Stage) -> Iterator[Act]:
    """Yield the desk's ordinary mornings in Lisbon, and the one with a second place."""
    chance = stage.chance("shared account")
    for day in range(stage.days + 1):
        if stage.is_workday(day):
            morning = session(chance)
            for step in range(4):
                yield _ticket(chance, stage.at(day, 8.2 + step * 0.3), 0, morning)
    both = stage.workday(_BOTH_DAY)
    sessions = (session(chance), session(chance))
    time_us = stage.at(both, 10.1)
    for place in (0, 1):
        yield Act(
            "crm", time_us - MINUTE_US + place * 20 * SECOND_US, SHARED, "LOGIN", "crm",
            ip=SHARED_IPS[place], agent=BROWSERS[place], session=sessions[place],
            correlation=correlation(chance), detail={"country": SHARED_COUNTRIES[place]},
        )  # fmt: skip
    for step in range(_BOTH_ACTS):
        time_us += chance.randrange(15, 70) * SECOND_US
        yield _ticket(chance, time_us, step % 2, sessions[step % 2])


def _ticket(chance: Random, time_us: int, place: int, in_session: str) -> Act:
    ticket = 90_000 - ranked(chance, 4_000)
    return Act(
        "crm", time_us + chance.randrange(SECOND_US), SHARED, "TICKET_VIEW", f"tickets/{ticket}",
        ip=SHARED_IPS[place], agent=BROWSERS[place], session=in_session, rows=1,
        correlation=correlation(chance),
        detail={"country": SHARED_COUNTRIES[place], "endpoint": f"/crm/tickets/{ticket}"},
    )  # fmt: skip
