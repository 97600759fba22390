"""One request seen by many: nginx, CRM, PostgreSQL, an agent; and CRM and billing 47 s apart."""

from collections.abc import Iterator

from whodid.demo.act import Act
from whodid.demo.cast import BENGALURU, BY_EMAIL, OSAKA, inside_ip
from whodid.demo.life.crm import crm_chain
from whodid.demo.life.draws import session
from whodid.demo.life.presence import Presence
from whodid.demo.scenes.names import (
    CHAIN_ACTOR,
    CHAIN_CUSTOMER,
    CHAIN_ID,
    SKEW_ACTOR,
    SKEW_ID,
    SKEW_INVOICE,
)
from whodid.demo.stage import Stage

_DAY = 28


def chain_acts(stage: Stage) -> Iterator[Act]:
    """Yield one look at one customer, as four systems wrote it under one id."""
    chance = stage.chance("chain")
    person = BY_EMAIL[CHAIN_ACTOR]
    day = stage.workday(_DAY)
    where = Presence(person, day, False, person.office.network, inside_ip(person), session(chance))
    time_us = stage.at(day, 11.35, OSAKA)
    yield from crm_chain(
        chance, where, time_us, "CUSTOMER_VIEW", CHAIN_CUSTOMER,
        path=f"/crm/{CHAIN_CUSTOMER}", rows=1, correlation_id=CHAIN_ID,
    )  # fmt: skip
    yield Act(
        "ai-gateway", time_us + 1_400_000, "ticket-triage", "crm.read_customer", CHAIN_CUSTOMER,
        ip="10.30.0.40", correlation=CHAIN_ID, session=where.session, rows=1, actor_type="agent",
        on_behalf_of=CHAIN_ACTOR, duration_us=410_000,
        detail={"model": "meridian-4-small", "prompt_bytes": 1_312},
    )  # fmt: skip


def skew_acts(stage: Stage) -> Iterator[Act]:
    """Yield one invoice opened through the CRM; billing's clock makes it look 47 s later."""
    chance = stage.chance("skew")
    person = BY_EMAIL[SKEW_ACTOR]
    time_us = stage.at(stage.workday(_DAY), 14.6, BENGALURU)
    in_session = session(chance)
    yield Act(
        "crm", time_us, SKEW_ACTOR, "BILLING_OPEN", SKEW_INVOICE, ip=person.office.network,
        agent=person.agent, session=in_session, correlation=SKEW_ID,
        detail={"country": "IN", "endpoint": "/crm/billing"},
    )  # fmt: skip
    yield Act(
        "billing", time_us + 38_000, SKEW_ACTOR, "invoice.view", SKEW_INVOICE,
        ip=person.office.network, agent=person.agent, session=in_session, correlation=SKEW_ID,
        rows=1, duration_us=21_000,
    )  # fmt: skip
