"""AWS CloudTrail, event version 1.11: single sign-on people and service roles of one account."""

from typing import Any

from whodid.demo.act import Act
from whodid.demo.cast import AWS_ACCOUNT, AWS_REGION
from whodid.demo.life.draws import uuid4
from whodid.demo.sources.recorder import exact_json_bytes, rfc3339_s
from whodid.demo.stage import HOUR_US, Stage

_DATA_CALLS = frozenset({"GetObject", "PutObject", "DeleteObject"})
_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class CloudTrail:
    """Recorder of `aws-cloudtrail`. Each record has its own `eventID`; time is to the second.

    `_ids` remembers the AWS ids of names, which never change.
    """

    def __init__(self, stage: Stage) -> None:
        self._chance = stage.chance("source/cloudtrail")
        self._ids: dict[str, tuple[str, str]] = {}

    def record(self, act: Act) -> bytes:
        """Return one record of a delivery."""
        detail = act.detail
        sign_in = act.action == "ConsoleLogin"
        data_call = act.action in _DATA_CALLS
        record: dict[str, Any] = {
            "eventVersion": "1.11",
            "userIdentity": self._identity(act),
            "eventTime": rfc3339_s(act.time_us),
            "eventSource": f"{detail['service']}.amazonaws.com",
            "eventName": act.action,
            "awsRegion": AWS_REGION,
            "sourceIPAddress": act.ip,
            "userAgent": act.agent,
        }
        if detail["error"]:
            record["errorCode"] = detail["error"]
            record["errorMessage"] = (
                f"User: {record['userIdentity']['arn']} is not authorized to perform: "
                f"{detail['service']}:{act.action}"
            )
        record |= {
            "requestParameters": dict(detail["parameters"]) or None,
            "responseElements": {"ConsoleLogin": "Success"} if sign_in else detail["response"],
            "requestID": uuid4(self._chance),
            "eventID": uuid4(self._chance),
            "readOnly": detail["read_only"],
        }
        resources = _resources(act)
        if resources:
            record["resources"] = resources
        record |= {
            "eventType": "AwsConsoleSignIn" if sign_in else "AwsApiCall",
            "managementEvent": not data_call,
            "recipientAccountId": AWS_ACCOUNT,
            "eventCategory": "Data" if data_call else "Management",
        }
        if sign_in:
            record["additionalEventData"] = {"MFAUsed": "Yes", "MobileVersion": "No"}
        return exact_json_bytes(record)

    def _identity(self, act: Act) -> dict[str, Any]:
        """Everybody works through a role: people by single sign-on, services by their task."""
        role = act.detail["role"]
        role_name = (
            role if act.actor_type == "service" else f"AWSReservedSSO_{role}_0f1e2d3c4b5a6978"
        )
        session = f"{role}-1" if act.actor_type == "service" else act.actor
        principal, key = self._ids.get(session) or ("", "")
        if not principal:
            principal, key = "AROA" + _letters(role_name, 17), "ASIA" + _letters(session, 16)
            self._ids[session] = principal, key
        return {
            "type": "AssumedRole",
            "principalId": f"{principal}:{session}",
            "arn": f"arn:aws:sts::{AWS_ACCOUNT}:assumed-role/{role_name}/{session}",
            "accountId": AWS_ACCOUNT,
            "accessKeyId": key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": principal,
                    "arn": f"arn:aws:iam::{AWS_ACCOUNT}:role/{role_name}",
                    "accountId": AWS_ACCOUNT,
                    "userName": role_name,
                },
                "attributes": {
                    "creationDate": rfc3339_s(act.time_us // HOUR_US * HOUR_US),
                    "mfaAuthenticated": "false",
                },
            },
        }


def _resources(act: Act) -> list[dict[str, str]]:
    parameters = act.detail["parameters"]
    if "key" in parameters:
        bucket = f"arn:aws:s3:::{parameters['bucketName']}"
        return [
            {"type": "AWS::S3::Object", "ARN": f"{bucket}/{parameters['key']}"},
            {"accountId": AWS_ACCOUNT, "type": "AWS::S3::Bucket", "ARN": bucket},
        ]
    if "encryptionContext" in parameters:
        keys = f"arn:aws:kms:{AWS_REGION}:{AWS_ACCOUNT}:key"
        name = parameters["encryptionContext"]["service"]
        return [{"accountId": AWS_ACCOUNT, "type": "AWS::KMS::Key", "ARN": f"{keys}/{name}"}]
    return []


def _letters(text: str, count: int) -> str:
    """Return letters that stand for a name, always the same ones."""
    state = 0
    for char in text:
        state = (state * 131 + ord(char)) % (1 << 61)
    chars = []
    for _ in range(count):
        chars.append(_ID_CHARS[state & 31])
        state = (state * 2_862_933_555_777_941_757 + 3_037_000_493) % (1 << 61)
        state ^= state >> 23
    return "".join(chars)
