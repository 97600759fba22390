"""Three in the morning: an AI agent exports nearly all customers for somebody who sleeps."""

from collections.abc import Iterator

from whodid.demo.act import Act
from whodid.demo.cast import LISBON
from whodid.demo.life.draws import correlation, session
from whodid.demo.scenes.names import BULK_AGENT, BULK_CALLS, BULK_OWNER, BULK_ROWS
from whodid.demo.stage import SECOND_US, Stage

_DAY = 24
_SQL = "SELECT id, name, email, phone FROM customers WHERE id > $1 ORDER BY id LIMIT 11600"


def bulk_export_acts(stage: Stage) -> Iterator[Act]:
    """Yield the calls, what PostgreSQL saw of each, and the link that was shared at the end."""
    chance = stage.chance("bulk export")
    errand = session(chance)
    time_us = stage.at(stage.day(_DAY), 3.07, LISBON)
    for number in range(BULK_CALLS):
        time_us += chance.randrange(9, 21) * SECOND_US + chance.randrange(SECOND_US)
        shared = correlation(chance)
        yield _call(
            time_us, "crm.export_customers", "customers", rows=BULK_ROWS, errand=errand,
            shared=shared, size_bytes=BULK_ROWS * 212 + chance.randrange(9_000),
        )  # fmt: skip
        yield Act(
            "postgres-main", time_us + 35_000, "crm_app", "SELECT", "public.customers",
            ip="10.30.0.11", correlation=shared, session="crm-pool-0", rows=BULK_ROWS,
            actor_type="service", on_behalf_of=BULK_OWNER,
            detail={
                "database": "crm", "application": "crm", "statement": _SQL,
                "params": (str(number * BULK_ROWS),),
            },
        )  # fmt: skip
    yield _call(
        time_us + 44 * SECOND_US, "files.share_link", "exports/customers-all.csv.gz", rows=1,
        errand=errand, shared=correlation(chance), size_bytes=88_531_200,
    )  # fmt: skip


def _call(
    time_us: int,
    tool: str,
    resource: str,
    *,
    rows: int,
    errand: str,
    shared: str,
    size_bytes: int,
) -> Act:
    return Act(
        "ai-gateway", time_us, BULK_AGENT, tool, resource, ip="10.30.0.40", correlation=shared,
        session=errand, rows=rows, size_bytes=size_bytes, actor_type="agent",
        on_behalf_of=BULK_OWNER, duration_us=1_900_000,
        detail={"model": "meridian-4-large", "prompt_bytes": 2_210},
    )  # fmt: skip
