"""Work in the cloud account: what engineers and services ask of AWS."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from whodid.demo.act import Act
from whodid.demo.life.draws import ranked
from whodid.demo.life.presence import Presence

_BUCKETS = ("storefront-assets", "crm-attachments", "billing-archive", "data-lake-raw")
_SERVICES = ("crm", "billing", "storefront", "ai-gateway")

_CALLS: tuple[tuple[str, str, bool, int], ...] = (
    ("ec2", "DescribeInstances", True, 20),
    ("ecs", "DescribeServices", True, 16),
    ("logs", "FilterLogEvents", True, 18),
    ("s3", "GetObject", True, 14),
    ("s3", "ListObjectsV2", True, 8),
    ("cloudwatch", "GetMetricData", True, 10),
    ("iam", "ListRoles", True, 4),
    ("iam", "GetRole", True, 4),
    ("s3", "PutObject", False, 5),
    ("ecs", "UpdateService", False, 2),
    ("ssm", "GetParameter", True, 5),
    ("lambda", "UpdateFunctionConfiguration", False, 1),
    ("ec2", "CreateTags", False, 1),
)
"""(service, call, reads only, weight)"""
_WEIGHTS = [call[3] for call in _CALLS]

SSO_ROLES = {"engineering": "Engineer", "operations": "Operator", "data": "Analyst"}


def console_login(where: Presence, time_us: int) -> Iterator[Act]:
    """Yield a sign-in to the AWS console."""
    yield aws(
        time_us, where.person.email, "signin", "ConsoleLogin", {}, read_only=False,
        role=SSO_ROLES[where.person.team], ip=where.public_ip, agent=where.person.agent,
    )  # fmt: skip


def engineer_call(chance: Random, where: Presence, time_us: int) -> Iterator[Act]:
    """Yield one AWS call of an engineer; two in a hundred are not allowed."""
    service, call, read_only, _ = chance.choices(_CALLS, _WEIGHTS)[0]
    yield aws(
        time_us, where.person.email, service, call, _parameters(chance, service, call),
        read_only=read_only, role=SSO_ROLES[where.person.team], ip=where.public_ip,
        agent="aws-cli/2.31.2 md/awscrt#0.28.1 ua/2.1 os/linux#6.8 lang/python#3.13",
        error="AccessDenied" if chance.random() < 0.02 else "",
    )  # fmt: skip


def aws(
    time_us: int,
    actor: str,
    service: str,
    call: str,
    parameters: Mapping[str, Any],
    *,
    read_only: bool,
    role: str,
    ip: str,
    agent: str,
    error: str = "",
    actor_type: str = "user",
    response: Mapping[str, Any] | None = None,
) -> Act:
    """Return one call of an AWS service (`s3` for s3.amazonaws.com) by `actor` in a role."""
    return Act(
        "aws-cloudtrail", time_us, actor, call, "",
        "denied" if error else "success", ip=ip, agent=agent, actor_type=actor_type,
        detail={
            "service": service, "parameters": parameters, "read_only": read_only, "role": role,
            "error": error, "response": response,
        },
    )  # fmt: skip


def _parameters(chance: Random, service: str, call: str) -> dict[str, Any]:
    owner = chance.choice(_SERVICES)
    match service, call:
        case "s3", "ListObjectsV2":
            return {"bucketName": chance.choice(_BUCKETS), "prefix": "2026/"}
        case "s3", _:
            bucket = _BUCKETS[ranked(chance, len(_BUCKETS)) - 1]
            return {"bucketName": bucket, "key": f"2026/{ranked(chance, 5_000):05d}.bin"}
        case "ec2", "CreateTags":
            items = [{"resourceId": f"i-{chance.getrandbits(68):017x}"}]
            return {"resourcesSet": {"items": items}}
        case _:
            by_service: dict[str, dict[str, Any]] = {
                "ecs": {"cluster": "production", "service": owner},
                "logs": {"logGroupName": f"/ecs/{owner}", "limit": 100},
                "iam": {"roleName": f"{owner}-task"} if call == "GetRole" else {},
                "ssm": {"name": f"/{owner}/log-level", "withDecryption": False},
                "lambda": {"functionName": "thumbnailer"},
            }
            return by_service.get(service, {})
