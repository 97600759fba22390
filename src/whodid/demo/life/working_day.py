"""The working day: each person, each day, each application of the team, in local hours."""

from collections.abc import Callable, Iterator
from random import Random

from whodid.demo.act import Act
from whodid.demo.cast import PEOPLE, Person
from whodid.demo.life.agents import agent_of, agent_run
from whodid.demo.life.cloud import console_login, engineer_call
from whodid.demo.life.crm import crm_act, crm_login
from whodid.demo.life.database import analyst_session
from whodid.demo.life.office_apps import admin_act, billing_act, hr_act, page_view
from whodid.demo.life.presence import Presence, presence, vpn_day
from whodid.demo.life.shell import engineer_session
from whodid.demo.stage import Stage
from whodid.demo.working_hours import desk_times, number, works

Desk = Callable[[Random, Presence, int], Iterator[Act]]

_MEANS: dict[str, dict[str, float]] = {
    "sales": {"crm": 32, "billing": 2, "intranet": 7, "hr": 0.1, "agent": 1.3},
    "support": {"crm": 40, "billing": 2, "intranet": 6, "hr": 0.1, "agent": 1.6},
    "finance": {"billing": 40, "crm": 2, "intranet": 6, "hr": 0.1, "agent": 1.6},
    "people": {"hr": 20, "intranet": 10},
    "engineering": {
        "cloud": 16,
        "shell": 1.1,
        "intranet": 8,
        "database": 0.4,
        "agent": 1.4,
        "hr": 0.1,
    },
    "data": {"database": 8, "cloud": 7, "intranet": 6, "hr": 0.1},
    "operations": {"admin": 12, "cloud": 9, "shell": 2.2, "intranet": 6, "agent": 0.6, "hr": 0.1},
    "contractor": {"intranet": 8, "database": 1.6},
    "management": {"crm": 4, "intranet": 6, "hr": 0.1, "agent": 1.5},
}
"""Team → application → uses on a working day of a full-size story."""


def working_day_acts(stage: Stage) -> Iterator[Act]:
    """Yield the ordinary work of everybody."""
    for person in PEOPLE:
        chance = stage.chance(person.email)
        for day in range(stage.days + 1):
            if works(chance, stage, person, day):
                yield from _day(chance, stage, person, day)


def _day(chance: Random, stage: Stage, person: Person, day: int) -> Iterator[Act]:
    where = presence(chance, person, day)
    for app, mean in _MEANS[person.team].items():
        count = number(chance, mean * stage.scale)
        times = desk_times(chance, stage, person, day, count)
        if not times:
            continue
        if app == "crm":
            yield from crm_login(chance, where, times[0])
            if where.at_home:
                yield from vpn_day(chance, where, times)
        elif app == "cloud":
            yield from console_login(where, times[0] - 30_000_000)
            if where.at_home:
                yield from vpn_day(chance, where, times)
        desk = _DESKS[app]
        for time_us in times:
            yield from desk(chance, where, time_us)


def _ask_agent(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    agent = agent_of(where.person.team)
    if agent is not None:
        yield from agent_run(chance, agent, where, time_us)


_DESKS: dict[str, Desk] = {
    "crm": crm_act,
    "billing": billing_act,
    "hr": hr_act,
    "admin": admin_act,
    "agent": _ask_agent,
    "cloud": engineer_call,
    "shell": engineer_session,
    "database": analyst_session,
    "intranet": page_view,
}
