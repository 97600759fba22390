"""Work in billing, the admin console, the HR portal and the intranet."""

from collections.abc import Iterator
from random import Random
from typing import Any

from whodid.demo.act import Act
from whodid.demo.cast import PEOPLE
from whodid.demo.life.crm import POOL
from whodid.demo.life.draws import correlation, pick, ranked
from whodid.demo.life.presence import Presence

_BILLING = {
    "invoice.view": 44, "invoice.list": 22, "payment.create": 12, "invoice.update": 12,
    "refund.create": 4, "invoice.download": 6,
}  # fmt: skip

_ADMIN = {
    "USER_VIEW": 40, "USER_LIST": 20, "PASSWORD_RESET": 14, "ROLE_GRANT": 7,
    "ROLE_REVOKE": 5, "FEATURE_FLAG_UPDATE": 8, "SETTINGS_VIEW": 6,
}  # fmt: skip
_ROLES = ("crm-user", "crm-manager", "billing-viewer", "report-author", "support-agent")
_FLAGS = ("new-checkout", "dark-mode", "bulk-edit", "fast-search")

_HR = {
    "ViewEmployee": 50, "ApproveLeave": 18, "UpdateEmployee": 12,
    "DownloadPayslip": 12, "UploadContract": 8,
}  # fmt: skip

_PAGES = (
    "/", "/news", "/canteen", "/wiki/onboarding", "/wiki/runbooks/crm", "/wiki/travel", "/people",
    "/wiki/holiday-calendar", "/wiki/brand", "/files/handbook.pdf", "/wiki/runbooks/database",
    "/wiki/security/incidents", "/search?q=expenses", "/people/org-chart", "/static/app.css",
)  # fmt: skip


def billing_act(
    chance: Random, where: Presence, time_us: int, *, correlation_id: str = ""
) -> Iterator[Act]:
    """Yield one use of billing; most come through the CRM, which wrote the same correlation id."""
    verb = pick(chance, _BILLING)
    invoice = 700_000 - ranked(chance, 60_000)
    many = verb == "invoice.list"
    resource = "invoices" if many else f"invoices/{invoice}"
    rows = chance.randrange(1, 101) if many else 1
    shared = correlation_id or correlation(chance)
    who = where.person
    if correlation_id or chance.random() < 0.45:
        yield Act(
            "crm", time_us - chance.randrange(20_000, 90_000), who.email, "BILLING_OPEN", resource,
            ip=where.public_ip, agent=who.agent, correlation=shared, session=where.session,
            detail={"country": who.office.country, "endpoint": "/crm/billing"},
        )  # fmt: skip
    yield Act(
        "billing", time_us, who.email, verb, resource,
        ip=where.public_ip, agent=who.agent, correlation=shared, session=where.session, rows=rows,
        size_bytes=chance.randrange(20_000, 190_000) if verb == "invoice.download" else None,
        duration_us=chance.randrange(5_000, 90_000),
    )  # fmt: skip
    if chance.random() < 0.35:
        writes = verb.endswith(("create", "update"))
        yield Act(
            "postgres-main", time_us + 6_000, "billing_app", "UPDATE" if writes else "SELECT",
            "public.invoices", ip="10.30.0.12", correlation=shared,
            session=f"billing-pool-{chance.randrange(POOL)}", rows=rows, actor_type="service",
            on_behalf_of=who.email,
            detail={
                "database": "billing", "application": "billing",
                "statement": "UPDATE invoices SET state = $2 WHERE id = $1" if writes
                else "SELECT id, customer_id, amount, state FROM invoices WHERE id = $1",
                "params": (str(invoice),),
            },
        )  # fmt: skip


def admin_act(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one act of administration."""
    verb = pick(chance, _ADMIN)
    subject = chance.choice(PEOPLE).email
    resource = f"users/{subject}"
    detail: dict[str, Any] = {}
    if verb == "USER_LIST":
        resource = "users"
    elif verb.startswith("ROLE"):
        role = chance.choice(_ROLES)
        resource = f"roles/{role}"
        detail = {"target": subject, "message": f"{verb.lower()} {role} for {subject}"}
    elif verb.startswith("FEATURE"):
        resource = f"flags/{chance.choice(_FLAGS)}"
        state = chance.random() < 0.5
        detail = {"changes": (("enabled", str(not state).lower(), str(state).lower()),)}
    elif verb.startswith("SETTINGS"):
        resource = "settings/general"
    yield Act(
        "admin-console", time_us, where.person.email, verb, resource,
        ip=where.private_ip, agent=where.person.agent, correlation=correlation(chance),
        session=where.session, detail=detail,
    )  # fmt: skip


def hr_act(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one use of the HR portal: the people team on anyone, others on their own record."""
    people_team = where.person.team == "people"
    subject = chance.choice(PEOPLE) if people_team else where.person
    verb = "DownloadPayslip"
    if people_team:
        verb = pick(chance, _HR)
    yield Act(
        "hr-portal", time_us, where.person.email, verb,
        f"employees/{1000 + PEOPLE.index(subject)}",
        ip=where.private_ip, agent=where.person.agent, correlation=correlation(chance),
        session=where.session, detail={"subject": subject.name},
    )  # fmt: skip


def page_view(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one page of the intranet; the first ones of the list are read most."""
    path = _PAGES[ranked(chance, len(_PAGES)) - 1]
    missing = chance.random() < 0.02
    yield Act(
        "web-intranet", time_us, where.person.login, "GET", path + "-old" if missing else path,
        ip=where.private_ip, agent=where.person.agent,
        size_bytes=153 if missing else chance.randrange(400, 60_000),
        detail={
            "status": 404 if missing else 304 if chance.random() < 0.15 else 200,
            "referer": "https://intranet.example.com/",
        },
    )  # fmt: skip
