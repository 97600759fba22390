"""Work in the CRM: views, searches and changes, and what nginx and PostgreSQL see of them."""

from collections.abc import Iterator
from random import Random

from whodid.demo.act import Act
from whodid.demo.cast import CUSTOMERS
from whodid.demo.life.draws import correlation, pick, ranked
from whodid.demo.life.presence import Presence
from whodid.demo.stage import SECOND_US

_SALES = {
    "CUSTOMER_VIEW": 46, "CUSTOMER_SEARCH": 20, "CUSTOMER_UPDATE": 12, "NOTE_CREATE": 10,
    "OPPORTUNITY_VIEW": 8, "REPORT_DOWNLOAD": 3, "CUSTOMER_EXPORT": 1,
}  # fmt: skip
_SUPPORT = {
    "TICKET_VIEW": 40, "CUSTOMER_VIEW": 26, "TICKET_UPDATE": 20, "CUSTOMER_SEARCH": 10,
    "NOTE_CREATE": 4,
}  # fmt: skip

SELECT_CUSTOMER = "SELECT id, name, email, phone, plan FROM customers WHERE id = $1"
_SELECT_LIKE = "SELECT id, name, plan FROM customers WHERE name ILIKE $1 ORDER BY name LIMIT 50"
_UPDATE = "UPDATE customers SET phone = $2, updated_at = now() WHERE id = $1"
_NOTE = "INSERT INTO notes (customer_id, author, body) VALUES ($1, $2, $3)"
_TICKET = "SELECT * FROM tickets WHERE id = $1"
_TICKET_UPDATE = "UPDATE tickets SET state = $2 WHERE id = $1"

_STATEMENTS = {
    "CUSTOMER_VIEW": ("SELECT", "public.customers", SELECT_CUSTOMER),
    "CUSTOMER_SEARCH": ("SELECT", "public.customers", _SELECT_LIKE),
    "CUSTOMER_UPDATE": ("UPDATE", "public.customers", _UPDATE),
    "NOTE_CREATE": ("INSERT", "public.notes", _NOTE),
    "TICKET_VIEW": ("SELECT", "public.tickets", _TICKET),
    "TICKET_UPDATE": ("UPDATE", "public.tickets", _TICKET_UPDATE),
}
_SEEN_BY_NGINX = 0.5
_SEEN_BY_DATABASE = 0.5
_DENIED = 0.012
POOL = 6


def crm_login(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield the login of a day, now and then after a wrong password."""
    outcomes = ["failure", "success"] if chance.random() < 0.05 else ["success"]
    for number, outcome in enumerate(outcomes):
        yield Act(
            "crm",
            time_us + (number - 2) * 21 * SECOND_US,
            where.person.email,
            "LOGIN",
            "crm",
            "failure" if outcome == "failure" else "success",
            ip=where.public_ip,
            agent=where.person.agent,
            session=where.session if outcome == "success" else "",
            correlation=correlation(chance),
            detail={"country": where.person.office.country},
        )


def crm_act(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one use of the CRM, and by chance its traces in nginx and in the database."""
    verb = pick(chance, _SUPPORT if where.person.team == "support" else _SALES)
    resource, path, rows = _resource(chance, verb)
    denied = chance.random() < _DENIED
    yield from crm_chain(
        chance, where, time_us, verb, resource,
        path=path, rows=0 if denied else rows, denied=denied,
        with_nginx=chance.random() < _SEEN_BY_NGINX,
        with_database=chance.random() < _SEEN_BY_DATABASE,
    )  # fmt: skip


def crm_chain(
    chance: Random,
    where: Presence,
    time_us: int,
    verb: str,
    resource: str,
    *,
    path: str,
    rows: int,
    denied: bool = False,
    with_nginx: bool = True,
    with_database: bool = True,
    correlation_id: str = "",
) -> Iterator[Act]:
    """Yield one request as nginx, the CRM and PostgreSQL each write it, under one correlation."""
    shared = correlation_id or correlation(chance)
    duration_us = chance.randrange(8_000, 160_000) + rows * 12
    yield Act(
        "crm", time_us, where.person.email, verb, resource,
        "denied" if denied else "success",
        ip=where.public_ip, agent=where.person.agent, correlation=shared, session=where.session,
        rows=rows, duration_us=duration_us,
        detail={"country": where.person.office.country, "endpoint": path},
    )  # fmt: skip
    if with_nginx:
        yield Act(
            "web-intranet", time_us + duration_us, where.person.login,
            "POST" if verb.endswith(("CREATE", "UPDATE")) else "GET", path,
            ip=where.private_ip, agent=where.person.agent, correlation=shared,
            size_bytes=chance.randrange(900, 24_000) + rows * 180,
            detail={"status": 403 if denied else 200, "referer": "https://intranet.example.com/"},
        )  # fmt: skip
    statement = _STATEMENTS.get(verb)
    if with_database and statement and not denied:
        command, table, sql = statement
        yield Act(
            "postgres-main", time_us + duration_us // 3, "crm_app", command, table,
            ip="10.30.0.11", correlation=shared, session=f"crm-pool-{chance.randrange(POOL)}",
            rows=rows, actor_type="service", on_behalf_of=where.person.email,
            detail={
                "database": "crm", "application": "crm", "statement": sql,
                "params": (resource.rpartition("/")[2],),
            },
        )  # fmt: skip


def _resource(chance: Random, verb: str) -> tuple[str, str, int]:
    """Return (resource, path on the server, rows) of a verb."""
    if verb.startswith("TICKET"):
        ticket = 90_000 - ranked(chance, 4_000)
        return f"tickets/{ticket}", f"/crm/tickets/{ticket}", 1
    if verb.startswith("OPPORTUNITY"):
        opportunity = ranked(chance, 2_600)
        return f"opportunities/{opportunity}", f"/crm/opportunities/{opportunity}", 1
    if verb == "CUSTOMER_SEARCH":
        return "customers", "/crm/customers?q=" + chance.choice(_WORDS), chance.randrange(0, 51)
    if verb == "CUSTOMER_EXPORT":
        return "customers", "/crm/customers/export", chance.randrange(40, 900)
    if verb == "REPORT_DOWNLOAD":
        week = chance.randrange(40, 48)
        return f"reports/pipeline-w{week}.xlsx", f"/crm/reports/pipeline-w{week}.xlsx", 1
    customer = ranked(chance, CUSTOMERS)
    return f"customers/{customer}", f"/crm/customers/{customer}", 1


_WORDS = ("harbour", "lindgren", "bakery", "ferreira", "nakano", "orchard", "steelworks", "ojo")
