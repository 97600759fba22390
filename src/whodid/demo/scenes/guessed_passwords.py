"""Failed logins: many accounts over SSH from one network; one of the CRM until it gives way."""

from collections.abc import Iterator
from ipaddress import ip_network

from whodid.demo.act import Act
from whodid.demo.cast import BY_EMAIL, CUSTOMERS, PEOPLE, RECIFE
from whodid.demo.life.crm import crm_chain
from whodid.demo.life.draws import correlation, session
from whodid.demo.life.presence import Presence
from whodid.demo.scenes.names import (
    GUESSED,
    GUESSER_IP,
    GUESSES,
    SPRAY_ATTEMPTS,
    SPRAY_NETWORK,
)
from whodid.demo.stage import SECOND_US, Stage

_SPRAY_DAY = 17
_GUESS_DAY = 22
_UNKNOWN = ("admin", "oracle", "ubuntu", "test", "git", "deploy", "postgres", "jenkins", "pi")
_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


def spray_acts(stage: Stage) -> Iterator[Act]:
    """Yield failed SSH logins of people and of invented accounts; none succeeds."""
    chance = stage.chance("spray")
    network = ip_network(SPRAY_NETWORK)
    time_us = stage.at(stage.day(_SPRAY_DAY), 4.3)
    logins = [person.login for person in PEOPLE]
    for attempt in range(SPRAY_ATTEMPTS):
        time_us += chance.randrange(1, 13) * SECOND_US
        ip = str(network[chance.randrange(1, 42)])
        detail = {"port": chance.randrange(1_025, 65_000), "pid": 20_000 + attempt}
        known = chance.random() < 0.55
        login = logins[attempt % len(logins)] if known else chance.choice(_UNKNOWN)
        steps = ("failed",) if known else ("invalid", "failed invalid")
        if login == "root" or attempt % 40 == 39:
            login, steps = "root", ("failed", "repeated")
        for step in (*steps, "preauth closed"):
            yield Act(
                "bastion", time_us, login, step, "bastion-1", "failure", ip=ip,
                detail={**detail, "times": 5},
            )  # fmt: skip
            time_us += 400_000


def guess_acts(stage: Stage) -> Iterator[Act]:
    """Yield wrong passwords for one account of the CRM, the right one, and what followed."""
    chance = stage.chance("guess")
    time_us = stage.at(stage.day(_GUESS_DAY), 0.7, RECIFE)

    def login(outcome: str, in_session: str = "") -> Act:
        wrong = outcome == "failure"
        return Act(
            "crm", time_us, GUESSED, "LOGIN", "crm", "failure" if wrong else "success",
            ip=GUESSER_IP, agent=_AGENT, session=in_session, correlation=correlation(chance),
            detail={"country": "NL", "reason": "wrong password" if wrong else ""},
        )  # fmt: skip

    for _ in range(GUESSES):
        time_us += chance.randrange(3, 14) * SECOND_US
        yield login("failure")
    time_us += 6 * SECOND_US
    where = Presence(BY_EMAIL[GUESSED], 0, True, GUESSER_IP, "", session(chance))
    yield login("success", where.session)
    for _ in range(31):
        time_us += chance.randrange(4, 19) * SECOND_US
        customer = f"customers/{chance.randrange(1, CUSTOMERS)}"
        yield from crm_chain(
            chance, where, time_us, "CUSTOMER_VIEW", customer, path=f"/crm/{customer}", rows=1,
            with_nginx=False,
        )  # fmt: skip
