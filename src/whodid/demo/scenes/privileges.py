"""Rights and their use: a role granted and used, secrets taken, root by break-glass."""

from collections.abc import Iterator

from whodid.demo.act import Act
from whodid.demo.cast import BY_EMAIL, LISBON, inside_ip
from whodid.demo.life.cloud import aws
from whodid.demo.life.draws import correlation, session
from whodid.demo.life.shell import ssh_session
from whodid.demo.scenes.names import (
    BREAK_GLASS,
    BREAK_GLASS_IP,
    GRANTED,
    GRANTED_ROLE,
    GRANTOR,
    NEW_SERVICE,
    REFUNDS,
)
from whodid.demo.stage import MINUTE_US, SECOND_US, Stage

_GRANT_DAY = 15
_SECRETS_DAY = 24
_BREAK_GLASS_DAY = 23
_SECRETS = (
    "prod/crm/database", "prod/billing/database", "prod/hr/database", "prod/payments/signing-key",
    "prod/ai-gateway/model-key", "prod/mail/relay", "prod/backup/encryption-key",
    "prod/sso/client-secret", "prod/billing/payment-provider",
)  # fmt: skip
_ROOT_COMMANDS = (
    "/usr/bin/systemctl stop auditd", "/usr/bin/cat /etc/shadow",
    "/usr/sbin/usermod -aG sudo deploy", "/usr/bin/systemctl start auditd",
)  # fmt: skip


def grant_acts(stage: Stage) -> Iterator[Act]:
    """Yield a contractor made billing admin for forty minutes, and eleven refunds in them."""
    chance = stage.chance("grant")
    time_us = stage.at(stage.workday(_GRANT_DAY), 18.87, LISBON)
    for verb, after_us in (("ROLE_GRANT", 0), ("ROLE_REVOKE", 41 * MINUTE_US)):
        yield Act(
            "admin-console", time_us + after_us, GRANTOR, verb, GRANTED_ROLE,
            ip=inside_ip(BY_EMAIL[GRANTOR]), agent=BY_EMAIL[GRANTOR].agent,
            correlation=correlation(chance),
            detail={"target": GRANTED, "message": f"{verb.lower()} billing-admin for {GRANTED}"},
        )  # fmt: skip
    in_session = session(chance)
    time_us += 9 * MINUTE_US
    for number in range(REFUNDS):
        time_us += chance.randrange(40, 130) * SECOND_US
        yield Act(
            "billing", time_us, GRANTED, "refund.create", f"invoices/{640_000 + number * 17}",
            ip=BY_EMAIL[GRANTED].home_ip, agent=BY_EMAIL[GRANTED].agent, session=in_session,
            correlation=correlation(chance), rows=1,
            detail={"amount": chance.randrange(900, 990)},
        )  # fmt: skip


def new_service_acts(stage: Stage) -> Iterator[Act]:
    """Yield a role that nobody has seen before: it reads nine secrets, one is refused."""
    chance = stage.chance("new service")
    time_us = stage.at(stage.day(_SECRETS_DAY), 21.4)
    for secret in _SECRETS:
        time_us += chance.randrange(1, 6) * SECOND_US
        yield aws(
            time_us, NEW_SERVICE, "secretsmanager", "GetSecretValue", {"secretId": secret},
            read_only=True, role=NEW_SERVICE, ip="10.30.0.77", agent="Boto3/1.40.61 md/Botocore",
            actor_type="service", error="AccessDenied" if secret.startswith("prod/sso") else "",
        )  # fmt: skip


def break_glass_acts(stage: Stage) -> Iterator[Act]:
    """Yield the emergency account at night: audit off, passwords read, audit on again."""
    chance = stage.chance("break glass")
    time_us = stage.at(stage.day(_BREAK_GLASS_DAY), 1.3)
    yield from ssh_session(chance, BREAK_GLASS, BREAK_GLASS_IP, time_us, _ROOT_COMMANDS)
