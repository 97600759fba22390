"""Somebody left on day 12, the account did not: customers read in the evenings of day 20 and on."""

from collections.abc import Iterator

from whodid.demo.act import Act
from whodid.demo.cast import BERLIN, BY_EMAIL, CUSTOMERS, LEAVER, OTHER_LEAVER, PEOPLE
from whodid.demo.life.crm import crm_chain
from whodid.demo.life.draws import correlation, session
from whodid.demo.life.presence import Presence
from whodid.demo.stage import SECOND_US, Stage

_EVENINGS = (20, 21, 23, 27)
_READS = 17


def leaver_acts(stage: Stage) -> Iterator[Act]:
    """Yield two leavings, of which only one is followed by a deactivation, and the late reads."""
    chance = stage.chance("leaver")
    for email in (OTHER_LEAVER, LEAVER):
        left_us = stage.at(stage.day(BY_EMAIL[email].left_day or 0), 17.2, BERLIN)
        number = 1000 + PEOPLE.index(BY_EMAIL[email])
        yield Act(
            "hr-portal", left_us, "zsofia.bartok@example.com", "TerminateEmployment",
            f"employees/{number}", ip="10.20.2.51", agent=BY_EMAIL[email].agent,
            correlation=correlation(chance),
            detail={"subject": BY_EMAIL[email].name, "message": "last day of work is today"},
        )  # fmt: skip
    yield Act(
        "admin-console", stage.at(stage.day(9), 18, BERLIN), "mateus.pinho@example.com",
        "USER_DEACTIVATE", f"users/{OTHER_LEAVER}", ip="10.20.1.68",
        agent=PEOPLE[0].agent, correlation=correlation(chance), detail={"target": OTHER_LEAVER},
    )  # fmt: skip
    person = BY_EMAIL[LEAVER]
    for evening in _EVENINGS:
        day = stage.day(evening)
        where = Presence(person, day, True, person.home_ip, "", session(chance))
        time_us = stage.at(day, 20.6, BERLIN) + chance.randrange(1_800) * SECOND_US
        yield Act(
            "crm", time_us, LEAVER, "LOGIN", "crm", ip=person.home_ip, agent=person.agent,
            session=where.session, correlation=correlation(chance), detail={"country": "DE"},
        )  # fmt: skip
        for _ in range(_READS):
            time_us += chance.randrange(9, 75) * SECOND_US
            customer = f"customers/{chance.randrange(1, CUSTOMERS)}"
            yield from crm_chain(
                chance, where, time_us, "CUSTOMER_VIEW", customer, path=f"/crm/{customer}", rows=1,
                with_nginx=False, with_database=chance.random() < 0.5,
            )  # fmt: skip
        yield from crm_chain(
            chance, where, time_us + 60 * SECOND_US, "CUSTOMER_EXPORT", "customers",
            path="/crm/customers/export", rows=chance.randrange(2_000, 4_000), with_nginx=False,
        )  # fmt: skip
