"""Events of an office whose people have habits, as records; numbers that do not hang on luck."""

from random import Random

from whodid.detection.record import Record
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    Envelope,
    Event,
    What,
    When,
    Where,
    Who,
    encode_groups,
)

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
FIRST_DAY = 20_458  # Monday 2026-01-05


def record(
    entry,
    time_us,
    actor,
    resource=None,
    action="read",
    *,
    parent=None,
    ip="10.0.0.7",
    agent="Firefox/128",
    groups=(),
    rows=None,
    outcome="success",
    access=None,
    received=None,
):
    event = Event(
        When(id=f"id-{entry}", received=time_us if received is None else received, time=time_us),
        Who(actor_id=actor, actor_groups=tuple(groups)),
        What(
            action=action,
            access=access,
            resource_name=resource,
            resource_parent=parent,
            rows=rows,
            outcome=outcome,
        ),
        Where(ip=ip, agent=agent),
        EMPTY_CONTEXT,
        EMPTY_CONTENT,
        b"",
        Envelope(source="office", format="json"),
    )
    return Record(entry, encode_groups(event), lambda _raw, _format: None)


def at(day, hour, minute=0):
    """The time of day number `day` of the office."""
    return (FIRST_DAY + day) * DAY_US + hour * HOUR_US + minute * 60_000_000


def moments(days=40, people=12, seed=1, first=0):
    """Return (time µs, actor, resource, parent, ip) of ordinary days, by time.

    People of a team (number modulo 3) share twelve resources; each has a network of his own.
    """
    random = Random(seed)
    out = []
    for day in range(first, first + days):
        for number in range(people):
            if day % 7 >= 5 or random.random() < 0.05:
                continue
            team = number % 3
            for _ in range(random.randint(4, 12)):
                if random.random() < 0.05:
                    name, parent = f"wiki-{random.randrange(30)}", "wiki"
                else:
                    name, parent = f"t{team}-{int(12 ** random.random())}", f"team-{team}"
                time_us = at(day, 8 + number % 3) + random.randrange(8 * HOUR_US)
                out.append((time_us, f"p{number:02}", name, parent, f"10.0.{number}.7"))
    return sorted(out)


def office(days=40, people=12, seed=1, extra=()):
    """Return the records of ordinary days, with `extra` moments among them."""
    found = sorted([*moments(days, people, seed), *extra])
    return [
        record(entry, time_us, actor, name, parent=parent, ip=ip)
        for entry, (time_us, actor, name, parent, ip) in enumerate(found)
    ]


def intrusion(day, actor="p03", hour=3):
    """Return moments of a night on which `actor` reads what he never read, from elsewhere."""
    return [
        (at(day, hour, minute), actor, f"payroll-{minute}", "payroll", "203.0.113.9")
        for minute in range(12)
    ]
