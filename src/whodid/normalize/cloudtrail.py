"""AWS CloudTrail (format `cloudtrail`): event record versions 1.0x, from `{"Records":[…]}`.

The actor is who signed the call: an assumed role is named by its role, with the session name as
session, and with whoever the session tells it stands for. A service that calls is a service;
`sourceIPAddress` is then a service's name and becomes `host`. Fields and their meaning: AWS
CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element".

It does not read digest files, Insights or aggregated events, and does not look up names.
"""

from typing import Any, ClassVar

from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_WHO,
    Access,
    ActorType,
    Content,
    Context,
    Mapped,
    Outcome,
    What,
    Where,
    Who,
)
from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.access import access_of
from whodid.normalize.address import is_ip
from whodid.normalize.cloudtrail_names import (
    ANY_SERVICE,
    DENIED_CODES,
    DETAIL_KEYS,
    DRY_RUN_CODE,
    EXTRA_KEYS,
    SERVICE_KEYS,
)
from whodid.normalize.format import Framing
from whodid.normalize.json_record import decode, integer, text
from whodid.normalize.timestamps import naive_us, rfc3339_us

_ACTOR_TYPES: dict[str, ActorType] = {
    "IAMUser": "user", "Root": "user", "FederatedUser": "user", "SAMLUser": "user",
    "WebIdentityUser": "user", "AWSAccount": "user",
    "IdentityCenterUser": "user", "Directory": "user", "AWSService": "service",
}  # fmt: skip
_TEMPORARY_KEY = "ASIA"
_NO_DICT: dict[str, Any] = {}
_NO_NAME = "the record has neither eventName nor eventSource: it is not of CloudTrail"


class CloudTrail:
    """The format `cloudtrail`. Invariants: see `Format`; one element of Records, one event."""

    name: ClassVar[str] = "cloudtrail"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = "Records"

    def sniff(self, record: bytes) -> bool:
        """Tell whether the record is an object with the two fields that all of them have."""
        return (
            b'"eventSource"' in record
            and b'"eventName"' in record
            and record.lstrip()[:1] == b"{"
            and isinstance(decode(record), dict)
        )

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002 (its times are whole)
        """Map one record; a reason in `quarantine` when it is not JSON or not of CloudTrail."""
        found = decode(record)
        if isinstance(found, str):
            return Mapped(quarantine=found)
        action, service = text(found.get("eventName")), text(found.get("eventSource"))
        if action is None and service is None:
            return Mapped(quarantine=_NO_NAME)
        identity = _dict(found.get("userIdentity"))
        address = text(found.get("sourceIPAddress"))
        from_ip = address is not None and is_ip(address)
        extra = _dict(found.get("additionalEventData"))
        shared = text(found.get("sharedEventID"))
        labels: tuple[str, ...] = ()
        original_time = text(found.get("eventTime"))
        time = rfc3339_us(original_time) if original_time is not None else None
        if original_time is not None and time is None:
            time = naive_us(original_time)
            labels = ("assumed:utc",) if time is not None else ("unreadable:time",)
        if "mfaAuthenticated" in _dict(_dict(identity.get("sessionContext")).get("attributes")):
            mfa = _dict(identity["sessionContext"]["attributes"])["mfaAuthenticated"]
            labels += ("mfa:yes",) if mfa in ("true", True) else ("mfa:no",)
        if found.get("errorCode") is not None and text(found["errorCode"]) is None:
            labels += ("unreadable:errorCode",)
        outcome, reason = _outcome(found, action)
        error = text(found.get("errorMessage"))
        return Mapped(
            time,
            original_time,
            _who(identity),
            _what(found, action, service, outcome, reason, extra),
            Where(
                address if from_ip else None,
                None if from_ip else address,
                None,
                text(found.get("userAgent")),
            ),
            Context(
                service,
                None,
                text(found.get("vpcEndpointId")),
                shared,
                None,
                None,
                text(found.get("requestID")),
            ),
            Content(error) if error is not None else EMPTY_CONTENT,
            text(found.get("eventID")),
            labels=labels,
        )


def _dict(value: Any) -> dict[str, Any]:
    return value if value.__class__ is dict else _NO_DICT


def _who(identity: dict[str, Any]) -> Who:
    """Name the actor of a userIdentity of any type, or of none."""
    kind = text(identity.get("type"))
    invoked_by = text(identity.get("invokedBy"))
    arn = text(identity.get("arn"))
    name = text(identity.get("userName"))
    actor_type = _ACTOR_TYPES.get(kind) if kind is not None else None
    if kind in ("AssumedRole", "Role"):
        return _role(identity, arn)
    if kind == "Root":
        name = name or "root"
    elif kind == "AWSService" or (kind is None and arn is None and invoked_by is not None):
        return Who(invoked_by, None, "service", None, None, ())
    elif kind == "AWSAccount":
        arn = arn or text(identity.get("accountId"))
    elif kind == "IdentityCenterUser":
        arn = text(_dict(identity.get("onBehalfOf")).get("userId")) or arn
    elif name is None and arn is not None and ":user/" in arn:
        name = arn.rpartition("/")[2]
    actor = arn or text(identity.get("principalId")) or name
    if actor is None and kind is None:
        return EMPTY_WHO
    key = text(identity.get("accessKeyId"))
    # a temporary key is that of one login, which joins its calls
    session = key if key is not None and key.startswith(_TEMPORARY_KEY) else None
    return Who(actor, name, actor_type, None, session, ())


def _role(identity: dict[str, Any], arn: str | None) -> Who:
    """Name who uses an assumed role: the role, its session, and the person who shows in that."""
    issuer = _dict(_dict(identity.get("sessionContext")).get("sessionIssuer"))
    principal = text(identity.get("principalId"))
    session = arn.rpartition("/")[2] if arn is not None and "/" in arn else None
    if session is None and principal is not None and ":" in principal:
        session = principal.partition(":")[2] or None
    role = text(issuer.get("arn")) or arn
    name = text(issuer.get("userName")) or text(identity.get("userName"))
    if name is None and role is not None and ":assumed-role/" in role:
        name = role.split("/")[1] or None
    # an e-mail address as session name is a person behind a role (SSO, SAML)
    behalf = session if session is not None and "@" in session else None
    return Who(
        role or principal or name, name, _role_type(role, session, behalf), behalf, session, ()
    )


def _role_type(arn: str | None, session: str | None, behalf: str | None) -> ActorType | None:
    """Tell who uses a role where its path or its session is certain: people and programs may."""
    if behalf is not None or (arn is not None and "/aws-reserved/sso.amazonaws.com/" in arn):
        return "user"
    if arn is not None and "/aws-service-role/" in arn:
        return "service"
    return "service" if session is not None and session.startswith("i-0") else None


def _outcome(found: dict[str, Any], action: str | None) -> tuple[Outcome, str | None]:
    """Tell the outcome from errorCode, and for a login from its response."""
    code = text(found.get("errorCode"))
    if code is not None:
        plain = code.lower().rpartition("client.")[2]
        if plain == DRY_RUN_CODE:
            return "success", code
        denied = any(part in plain for part in DENIED_CODES)
        return ("denied" if denied else "failure"), code
    response = _dict(found.get("responseElements"))
    if action is not None and response.get(action) == "Failure":
        return "failure", text(found.get("errorMessage"))
    if text(found.get("errorMessage")) is not None:
        return "failure", text(found.get("errorMessage"))
    return "success", None


def _what(
    found: dict[str, Any],
    action: str | None,
    service: str | None,
    outcome: Outcome,
    reason: str | None,
    extra: dict[str, Any],
) -> What:
    access = access_of(action, service) if action is not None else None
    if access is None and found.get("readOnly") is True:
        access = "read"
    kind, resource, others = _resource(found, service, extra)
    moved = integer(extra.get("bytesTransferredOut")) or integer(extra.get("bytesTransferredIn"))
    return What(
        action,
        access if access is not None else _other(action),
        kind,
        resource,
        text(found.get("recipientAccountId")),
        _labels(found),
        others,
        outcome,
        reason,
        None,
        moved,
    )


def _other(action: str | None) -> Access | None:
    return None if action is None else "other"


def _labels(found: dict[str, Any]) -> tuple[str, ...]:
    region = text(found.get("awsRegion"))
    return () if region is None else (f"region:{region}",)


def _resource(
    found: dict[str, Any], service: str | None, extra: dict[str, Any]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return type and name of what was touched, and the ARNs of the others."""
    short = service.partition(".")[0] if service is not None else ""
    parameters = _dict(found.get("requestParameters"))
    listed: list[str] = []
    kind = None
    resources = found.get("resources")
    if resources.__class__ is list:
        for item in resources[: LIST_ITEMS_MAX + 1]:
            entry = _dict(item)
            arn = text(entry.get("ARN")) or text(entry.get("ARNPrefix"))
            if arn is not None and arn not in listed:
                listed.append(arn)
                kind = kind or text(entry.get("type"))
    named = _parameter(parameters, short)
    if named is None:
        details = _dict(found.get("serviceEventDetails"))
        named = _first(details, DETAIL_KEYS) or _first(extra, EXTRA_KEYS)
    if short == "s3" and (key := text(parameters.get("key"))) is not None and named is not None:
        return "object", f"{named[0]}/{key}", tuple(listed)
    if named is not None:
        return named[1], named[0], tuple(listed)
    if listed:
        return kind, listed[0], tuple(listed[1:])
    if short == "signin":
        return "console", "console", ()
    return None, None, ()


def _first(values: dict[str, Any], keys: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    for key, kind in keys:
        name = text(values.get(key))
        if name is not None:
            return name, kind
    return None


def _parameter(parameters: dict[str, Any], short: str) -> tuple[str, str] | None:
    """Return the name and type of the resource in requestParameters, also one in an EC2 set."""
    if not parameters:
        return None
    named = _first(parameters, SERVICE_KEYS.get(short, ())) or _first(parameters, ANY_SERVICE)
    if named is not None or short != "ec2":
        return named
    for value in parameters.values():
        items = _dict(value).get("items")
        if items.__class__ is list and len(items) == 1:
            named = _first(_dict(items[0]), SERVICE_KEYS["ec2"])
            if named is not None:
                return named
    return None
