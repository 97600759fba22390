"""Presence: where a person sits on a day, and what the systems see of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from whodid.demo.act import Act
from whodid.demo.cast import Person, inside_ip
from whodid.demo.life.draws import session
from whodid.demo.stage import MINUTE_US

_HOME_SHARE = 0.38


@dataclass(slots=True, frozen=True)
class Presence:
    """One person's day. `public_ip` is what the internet sees, `private_ip` the own network."""

    person: Person
    day: int
    at_home: bool
    public_ip: str
    private_ip: str
    session: str


def presence(chance: Random, person: Person, day: int) -> Presence:
    """Draw where a person works on a day; at home the private address is that of the VPN."""
    at_home = chance.random() < _HOME_SHARE or person.team == "contractor"
    return Presence(
        person,
        day,
        at_home,
        person.home_ip if at_home else person.office.network,
        f"10.99.{day % 8}.{int(inside_ip(person).rpartition('.')[2])}"
        if at_home
        else inside_ip(person),
        session(chance),
    )


def vpn_day(chance: Random, where: Presence, times: list[int]) -> Iterator[Act]:
    """Yield the VPN's view of a day at home: connect, perhaps a reconnect, disconnect."""
    first_us = times[0] - chance.randrange(2, 25) * MINUTE_US
    last_us = times[-1] + chance.randrange(5, 50) * MINUTE_US
    moments = [("connect", first_us), ("disconnect", last_us)]
    if chance.random() < 0.3:
        noon_us = (first_us + last_us) // 2
        moments[1:1] = [("disconnect", noon_us), ("connect", noon_us + 40_000_000)]
    if chance.random() < 0.06:
        moments.insert(0, ("login_failed", first_us - 45_000_000))
    for action, time_us in moments:
        failed = action == "login_failed"
        yield Act(
            "vpn",
            time_us,
            where.person.email,
            "connect" if failed else action,
            "vpn-gateway-1",
            "failure" if failed else "success",
            ip=where.public_ip,
            agent="openconnect/9.12",
            session=where.session,
            size_bytes=chance.randrange(2_000_000, 900_000_000) if action == "disconnect" else None,
            detail={
                "assigned": where.private_ip,
                "country": where.person.office.country,
                "reason": "one-time code was wrong" if failed else "",
            },
        )
