"""The plot: every scene as a stable sentence with the search that finds it. The best five first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from whodid.demo.act import Act
from whodid.demo.cast import LEAVER
from whodid.demo.life.machines import machine_acts
from whodid.demo.life.site import site_acts
from whodid.demo.life.working_day import working_day_acts
from whodid.demo.scenes.broken_records import broken_acts
from whodid.demo.scenes.bulk_export import bulk_export_acts
from whodid.demo.scenes.guessed_passwords import guess_acts, spray_acts
from whodid.demo.scenes.leaver import leaver_acts
from whodid.demo.scenes.names import (
    BREAK_GLASS,
    BULK_AGENT,
    CHAIN_ID,
    GRANTED,
    GRANTED_ROLE,
    GUESSER_IP,
    NEW_SERVICE,
    NIGHT_TABLE,
    SALARY_TABLE,
    SHARED,
    SILENT_SOURCE,
    SKEW_ID,
    SPRAY_NETWORK,
)
from whodid.demo.scenes.one_request import chain_acts, skew_acts
from whodid.demo.scenes.privileges import break_glass_acts, grant_acts, new_service_acts
from whodid.demo.scenes.shared_account import shared_account_acts
from whodid.demo.scenes.tables import night_change_acts, salary_acts
from whodid.demo.stage import Stage

Telling = Callable[[Stage], Iterator[Act]]


@dataclass(slots=True, frozen=True)
class Scene:
    """Something worth finding: a title, what happened in one sentence, and the search for it.

    Invariant: the same words in every telling of 30 days; `query` is text of the query language.
    """

    title: str
    what_happened: str
    query: str


PLOT: tuple[Scene, ...] = (
    Scene(
        "A leaver who is still active",
        "Tobias Krantz left on day 12; from day 20 on his account reads customers in the evening.",
        f"actor:{LEAVER} time:[now-11d TO now]",
    ),
    Scene(
        "A bulk export at 3 a.m.",
        "The AI agent renewal-scout exports 417,600 customers for Inês Almeida, who is asleep.",
        f"actor:{BULK_AGENT} rows:>1000",
    ),
    Scene(
        "A password guessed",
        "64 wrong passwords for Caio Figueira's CRM account from one address, then the right one.",
        f"ip:{GUESSER_IP}",
    ),
    Scene(
        "An account in two countries",
        "The shared account of the front desk works in Portugal and in Chile in the same minutes.",
        f"actor:{SHARED}",
    ),
    Scene(
        "One request, four witnesses",
        "Yui Kanemoto asks an agent about a customer: nginx, CRM, database and gateway saw it.",
        CHAIN_ID,
    ),
    Scene(
        "A clock that is 47 seconds fast",
        "The CRM and billing wrote the same request down, and billing's time is 47 s later.",
        f"correlation:{SKEW_ID}",
    ),
    Scene(
        "A network tries every door",
        "420 attempts on the SSH logins of half the company from one network; none succeeds.",
        f"ip:{SPRAY_NETWORK} outcome:failure",
    ),
    Scene(
        "A right granted, used and taken back",
        "A contractor is billing admin for 41 minutes, and makes eleven refunds in them.",
        f"resource:{GRANTED_ROLE} OR (actor:{GRANTED} action:refund.create)",
    ),
    Scene(
        "A new service collects secrets",
        "The role invoice-mailer-task, never seen before, reads nine secrets in half a minute.",
        f"actor:{NEW_SERVICE} action:GetSecretValue",
    ),
    Scene(
        "A contractor reads the salaries",
        "Claire Dubreuil, a contractor, lists the tables of HR and reads every salary.",
        f"resource:{SALARY_TABLE}",
    ),
    Scene(
        "A table changed at night",
        "Łukasz Wrona drops a column of the invoices in production at half past two.",
        f"actor:lwrona resource:{NIGHT_TABLE}",
    ),
    Scene(
        "Break-glass",
        "The emergency account stops auditd, reads the password file, and starts auditd again.",
        f"actor:{BREAK_GLASS}",
    ),
    Scene(
        "A source that fell silent",
        "The VPN gateway has not said a word since day 26.",
        f"source:{SILENT_SOURCE}",
    ),
    Scene(
        "Deliveries that came twice",
        "A fifth of CloudTrail was delivered a second time; each record is here once.",
        "source:aws-cloudtrail",
    ),
    Scene(
        "Records that could not be read",
        "Four records were cut or garbled by their systems; they are kept, and say why.",
        "_quarantined:true",
    ),
)
"""All scenes; the first five are things to try."""

LIFE: tuple[Telling, ...] = (working_day_acts, machine_acts, site_acts)
"""Ordinary life, which grows with the size of the story."""

SCENES: tuple[Telling, ...] = (
    leaver_acts,
    bulk_export_acts,
    guess_acts,
    spray_acts,
    shared_account_acts,
    chain_acts,
    skew_acts,
    grant_acts,
    new_service_acts,
    break_glass_acts,
    salary_acts,
    night_change_acts,
    broken_acts,
)
"""The scenes, of the same size in every story. Silence and redelivery are made in `story`."""
