"""People at the database: a psql session from connection to disconnection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from whodid.demo.act import Act
from whodid.demo.life.draws import ranked
from whodid.demo.life.presence import Presence
from whodid.demo.stage import SECOND_US


@dataclass(slots=True, frozen=True)
class Statement:
    """One SQL statement: its command, the object pgaudit names, the text and its row count."""

    command: str
    table: str
    sql: str
    rows: int
    object_type: str = "TABLE"


_ANALYSES: dict[str, tuple[Statement, ...]] = {
    "analytics": (
        Statement("SELECT", "public.daily_revenue", "SELECT * FROM daily_revenue LIMIT 100", 100),
        Statement(
            "SELECT", "public.churn_scores",
            "SELECT plan, avg(score) FROM churn_scores GROUP BY plan", 4,
        ),
        Statement(
            "SELECT", "public.sign_ups",
            "SELECT date_trunc('week', at), count(*) FROM sign_ups GROUP BY 1 ORDER BY 1", 26,
        ),
        Statement("SELECT", "public.campaigns", "SELECT id, name, budget FROM campaigns", 61),
    ),
    "crm": (
        Statement("SELECT", "public.customers", "SELECT count(*) FROM customers", 1),
        Statement("SELECT", "public.tickets", "SELECT state, count(*) FROM tickets GROUP BY 1", 5),
        Statement(
            "SELECT", "public.customers",
            "SELECT id, plan FROM customers WHERE updated_at > now() - interval '1 day'", 214,
        ),
        Statement("SELECT", "public.notes", "SELECT count(*) FROM notes", 1),
    ),
}  # fmt: skip


def analyst_session(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one session of somebody who asks the database questions."""
    database = "analytics" if chance.random() < 0.7 else "crm"
    choices = _ANALYSES[database]
    statements = [choices[ranked(chance, len(choices)) - 1] for _ in range(chance.randrange(1, 7))]
    key = f"{where.person.login}-{time_us}"
    yield from psql_session(
        chance,
        key,
        where.person.login,
        time_us,
        statements,
        ip=where.private_ip,
        database=database,
    )


def psql_session(
    chance: Random,
    key: str,
    role: str,
    time_us: int,
    statements: Sequence[Statement],
    *,
    ip: str,
    database: str,
    application: str = "psql",
) -> Iterator[Act]:
    """Yield a whole session of `role`: connection, authentication, statements, end."""
    port = chance.randrange(32_768, 61_000)
    common = {"database": database, "application": application, "port": port}
    start_us = time_us
    for step, action in enumerate(("connection received", "authenticated", "authorized")):
        yield Act(
            "postgres-main", time_us + step * 7_000, role, action, database,
            ip=ip, session=key, detail=common,
        )  # fmt: skip
    for statement in statements:
        time_us += chance.randrange(4, 160) * SECOND_US + chance.randrange(SECOND_US)
        yield Act(
            "postgres-main", time_us, role, statement.command, statement.table,
            ip=ip, session=key, rows=statement.rows,
            detail={
                **common, "statement": statement.sql, "object_type": statement.object_type,
            },
        )  # fmt: skip
    time_us += chance.randrange(2, 90) * SECOND_US
    yield Act(
        "postgres-main", time_us, role, "disconnection", database,
        ip=ip, session=key, duration_us=time_us - start_us, detail=common,
    )  # fmt: skip


def refused_login(
    chance: Random, role: str, time_us: int, *, ip: str, database: str
) -> Iterator[Act]:
    """Yield a connection with a wrong password."""
    common = {"database": database, "port": chance.randrange(32_768, 61_000)}
    key = f"refused-{role}-{time_us}"
    yield Act(
        "postgres-main", time_us, role, "connection received", database,
        ip=ip, session=key, detail=common,
    )  # fmt: skip
    yield Act(
        "postgres-main", time_us + 9_000, role, "password failed", database, "failure",
        ip=ip, session=key, detail=common,
    )  # fmt: skip
