"""AI agents at work: tool calls through the gateway, each on behalf of a person who is awake."""

from collections.abc import Iterator
from random import Random

from whodid.demo.act import Act
from whodid.demo.cast import AGENTS, CUSTOMERS, Agent
from whodid.demo.life.crm import SELECT_CUSTOMER
from whodid.demo.life.draws import correlation, ranked, session
from whodid.demo.life.presence import Presence
from whodid.demo.stage import SECOND_US

_BY_TEAM = {team: agent for agent in AGENTS for team in agent.teams}


def agent_of(team: str) -> Agent | None:
    """Return the agent that works for a team, None for most teams."""
    return _BY_TEAM.get(team)


def agent_run(chance: Random, agent: Agent, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one errand of an agent: a few tool calls, seconds apart."""
    errand = session(chance)
    for _ in range(chance.randrange(2, 9)):
        time_us += chance.randrange(1, 14) * SECOND_US + chance.randrange(SECOND_US)
        tool, resource, rows_max = chance.choice(agent.tools)
        refused = chance.random() < 0.02
        rows = 0 if refused else chance.randrange(1, rows_max + 1)
        shared = correlation(chance)
        single = rows_max == 1 and resource == "customers"
        customer = ranked(chance, CUSTOMERS)
        yield Act(
            "ai-gateway", time_us, agent.id, tool, f"customers/{customer}" if single else resource,
            "denied" if refused else "success", ip="10.30.0.40", correlation=shared,
            session=errand, rows=rows, actor_type="agent", on_behalf_of=where.person.email,
            duration_us=chance.randrange(40_000, 900_000),
            detail={
                "model": agent.model,
                "prompt_bytes": chance.randrange(180, 5_200),
                "reason": "tool is not granted to this person" if refused else "",
            },
        )  # fmt: skip
        if single and not refused and chance.random() < 0.4:
            yield Act(
                "postgres-main", time_us + 18_000, "crm_app", "SELECT", "public.customers",
                ip="10.30.0.11", correlation=shared, session="crm-pool-0", rows=1,
                actor_type="service", on_behalf_of=where.person.email,
                detail={
                    "database": "crm", "application": "crm", "statement": SELECT_CUSTOMER,
                    "params": (str(customer),),
                },
            )  # fmt: skip
