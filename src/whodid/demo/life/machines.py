"""What runs by itself: health checks, cron, backups, nightly jobs, cloud services, releases."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from whodid.demo.act import Act
from whodid.demo.cast import AWS_ACCOUNT, RELEASES
from whodid.demo.life.cloud import aws
from whodid.demo.life.database import Statement, psql_session
from whodid.demo.life.draws import correlation, ranked, uuid4
from whodid.demo.stage import MINUTE_US, Stage
from whodid.demo.working_hours import machine_times, number

_SDK = "aws-sdk-go-v2/1.39.2 os/linux lang/go#1.25.3 md/GOOS#linux md/GOARCH#arm64"
_SERVICE_CALLS_PER_DAY = 128
_CHECKS_PER_DAY = 96
_CRON_PER_DAY = 24

_ROLES = (
    ("crm-task", "10.30.0.11", "crm"),
    ("billing-task", "10.30.0.12", "billing"),
    ("storefront-task", "10.30.0.13", "storefront"),
    ("ai-gateway-task", "10.30.0.40", "ai-gateway"),
)


def machine_acts(stage: Stage) -> Iterator[Act]:
    """Yield everything that machines do in ordinary life."""
    chance = stage.chance("machines")
    for day in range(stage.days + 1):
        yield from _checks(chance, stage, day)
        yield from _cron(chance, stage, day)
        yield from _nightly(chance, stage, day)
        calls = number(chance, _SERVICE_CALLS_PER_DAY * stage.scale)
        for time_us in machine_times(chance, stage, day, calls):
            yield _service_call(chance, time_us)
    for service, releases in RELEASES.items():
        for story_day, version in releases[1:]:
            yield from _release(chance, service, version, stage.released_us(story_day))


def _checks(chance: Random, stage: Stage, day: int) -> Iterator[Act]:
    checks = max(2, int(_CHECKS_PER_DAY * stage.scale))
    step_us = 24 * 60 * MINUTE_US // checks
    start_us = stage.at(day, 0)
    for number_of_day in range(checks):
        yield Act(
            "web-public", start_us + number_of_day * step_us + chance.randrange(2_000_000), "",
            "GET", "/healthz", ip="10.30.0.5", agent="uptime-checker/3.2",
            actor_type="anonymous", size_bytes=2, detail={"status": 200, "referer": "-"},
        )  # fmt: skip


def _cron(chance: Random, stage: Stage, day: int) -> Iterator[Act]:
    jobs = max(1, int(_CRON_PER_DAY * stage.scale))
    for job in range(jobs):
        time_us = stage.at(day, job * 24 / jobs) + 17 * MINUTE_US + 1_000_000
        detail = {"pid": chance.randrange(900, 32_000)}
        yield Act("bastion", time_us, "root", "cron opened", "bastion-1", detail=detail)
        yield Act("bastion", time_us + 800_000, "root", "cron closed", "bastion-1", detail=detail)


def _nightly(chance: Random, stage: Stage, day: int) -> Iterator[Act]:
    """Yield the backup at 01:30 and the billing run at 02:00, UTC."""
    backup_us = stage.at(day, 1.5) + chance.randrange(MINUTE_US)
    yield from psql_session(
        chance, f"backup-{day}", "backup", backup_us,
        [
            Statement("COPY", f"public.{table}", f"COPY public.{table} TO stdout", rows + day)
            for table, rows in (("customers", 417_200), ("tickets", 88_400), ("notes", 260_100))
        ],
        ip="10.30.0.20", database="crm", application="pg_dump",
    )  # fmt: skip
    yield aws(
        backup_us + 40 * MINUTE_US, "backup-runner", "s3", "PutObject",
        {"bucketName": "backups-crm", "key": f"nightly/{day:02d}.dump.zst"},
        read_only=False, role="backup-runner", ip="10.30.0.20", agent=_SDK, actor_type="service",
    )  # fmt: skip
    run_us = stage.at(day, 2)
    for step in range(number(chance, 24 * stage.scale)):
        yield Act(
            "billing", run_us + step * 1_700_000 + chance.randrange(900_000), "billing-runner",
            "invoice.create", f"invoices/{700_100 + day * 60 + step}", ip="10.30.0.12",
            agent="billing-runner/2", correlation=correlation(chance), actor_type="service",
            rows=1, duration_us=chance.randrange(9_000, 40_000),
        )  # fmt: skip


def _service_call(chance: Random, time_us: int) -> Act:
    role, ip, service = chance.choice(_ROLES)
    bucket = f"{service}-attachments"
    parameters: Mapping[str, Any]
    match ranked(chance, 6):
        case 1:
            api, call = "kms", "Decrypt"
            parameters = {"encryptionContext": {"service": service}}
        case 2:
            api, call = "s3", "GetObject"
            parameters = {"bucketName": bucket, "key": f"2026/{ranked(chance, 5_000):05d}.bin"}
        case 3:
            api, call = "sts", "AssumeRole"
            arn = f"arn:aws:iam::{AWS_ACCOUNT}:role/{role}"
            parameters = {"roleArn": arn, "roleSessionName": service}
        case 4:
            api, call = "secretsmanager", "GetSecretValue"
            parameters = {"secretId": f"prod/{service}/database"}
        case _:
            api, call = "s3", "PutObject"
            parameters = {"bucketName": bucket, "key": f"2026/{uuid4(chance)}.bin"}
    return aws(
        time_us, role, api, call, parameters, read_only=call != "PutObject", role=role, ip=ip,
        agent=_SDK, actor_type="service",
    )  # fmt: skip


def _release(chance: Random, service: str, version: str, time_us: int) -> Iterator[Act]:
    yield Act(
        "admin-console", time_us, "ci-runner", "DEPLOY", f"services/{service}", ip="10.30.0.50",
        agent="ci-runner/4.1", correlation=correlation(chance), actor_type="service",
        detail={"message": f"{service} {version} released to production"},
    )  # fmt: skip
    yield aws(
        time_us + 4_000_000, "ci-runner", "ecs", "UpdateService",
        {"cluster": "production", "service": service, "taskDefinition": f"{service}:{version}"},
        read_only=False, role="ci-runner", ip="10.30.0.50", agent=_SDK, actor_type="service",
    )  # fmt: skip
