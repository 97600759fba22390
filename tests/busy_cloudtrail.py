"""Ordinary CloudTrail of a busy account, without an attack: what rules must not be loud about.

Services at work, autoscaling, functions, deployments, a scanner of configurations, people in the
console with a second factor, programs that read and tidy buckets. Made by dice; the same seed
gives the same events.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Event = dict[str, Any]
_ACCOUNT = "111122223333"
_BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 3
_READS = {
    "ec2": "DescribeInstances DescribeVolumes DescribeSnapshots DescribeSecurityGroups "
           "DescribeVpcs DescribeSubnets DescribeImages DescribeRegions DescribeAddresses "
           "DescribeNetworkInterfaces DescribeFlowLogs DescribeInstanceAttribute",
    "s3": "ListBuckets GetBucketAcl GetBucketPolicy GetBucketVersioning GetBucketEncryption "
          "GetBucketLogging GetBucketPublicAccessBlock GetBucketLocation GetBucketPolicyStatus",
    "iam": "ListUsers ListRoles ListPolicies GetRole GetPolicyVersion ListAttachedRolePolicies "
           "GetAccountSummary GetAccountPasswordPolicy ListAccessKeys GetCredentialReport "
           "GetAccountAuthorizationDetails ListMFADevices GenerateCredentialReport",
    "rds": "DescribeDBInstances DescribeDBSnapshots DescribeDBClusters",
    "lambda": "ListFunctions20150331 GetFunction20150331v2 GetPolicy20150331v2 "
              "ListEventSourceMappings20150331",
    "kms": "ListKeys DescribeKey GetKeyPolicy GetKeyRotationStatus",
    "cloudtrail": "DescribeTrails GetTrailStatus GetEventSelectors",
    "guardduty": "ListDetectors GetDetector", "config": "DescribeConfigurationRecorders",
    "sns": "ListTopics GetTopicAttributes", "sqs": "ListQueues GetQueueAttributes",
    "secretsmanager": "ListSecrets DescribeSecret", "ssm": "DescribeParameters",
    "ses": "GetSendQuota ListIdentities", "bedrock": "ListFoundationModels",
}  # fmt: skip
_ALL = [(service, name) for service, names in _READS.items() for name in names.split()]
_REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")


def _role(name: str, session: str) -> Event:
    return {
        "type": "AssumedRole", "principalId": f"AROA{name.upper()}:{session}",
        "arn": f"arn:aws:sts::{_ACCOUNT}:assumed-role/{name}/{session}", "accountId": _ACCOUNT,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {"sessionIssuer": {
            "type": "Role", "userName": name, "accountId": _ACCOUNT,
            "arn": f"arn:aws:iam::{_ACCOUNT}:role/{name}"}},
    }  # fmt: skip


def _user(name: str) -> Event:
    return {"type": "IAMUser", "arn": f"arn:aws:iam::{_ACCOUNT}:user/{name}", "userName": name,
            "accountId": _ACCOUNT, "accessKeyId": "AKIAEXAMPLE", "principalId": "AIDA"}  # fmt: skip


class BusyLife:
    """Makes events of `count`, in order of time."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)

    def events(self, count: int) -> list[Event]:
        """Return so many events, in order of time."""
        made: list[tuple[datetime, Event]] = []
        lives: list[tuple[Callable[[], Iterator[Event]], int, float]] = [
            (self._services, 30, 1), (self._scaling, 12, 2), (self._functions, 40, 0.2),
            (self._recorder, 6, 0.4), (self._scanner, 3, 0.3), (self._deployment, 6, 2),
            (self._person, 10, 6), (self._job, 14, 0.1), (self._backup, 6, 0.5),
            (self._nodes, 20, 3), (self._tidies, 3, 0.2), (self._mistakes, 2, 9),
            (self._visitors, 6, 4),
        ]  # fmt: skip
        weights = [weight for _, weight, _ in lives]
        while len(made) < count:
            life, _, pause = self._dice.choices(lives, weights)[0]
            now = _BEGIN + timedelta(seconds=self._dice.random() * _DAYS * 86_400)
            for event in life():
                now += timedelta(seconds=self._dice.random() * 2 * pause)
                made.append((now, event))
        made = sorted(made[:count], key=lambda item: item[0])
        return [
            {**event, "eventTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "eventID": f"id-{number}"}
            for number, (now, event) in enumerate(made)
        ]

    def _call(
        self, who: Event, service: str, name: str, parameters: Event | None = None, **more: Any
    ) -> Event:
        return {
            "eventVersion": "1.11", "userIdentity": who, "eventSource": f"{service}.amazonaws.com",
            "eventName": name, "awsRegion": self._dice.choice(_REGIONS[:2]),
            "sourceIPAddress": "198.51.100.40", "userAgent": "aws-sdk-java/2.25",
            "requestParameters": parameters, "responseElements": None, "eventType": "AwsApiCall",
            "readOnly": name.startswith(("Get", "List", "Describe")), "managementEvent": True,
            "eventCategory": "Management", "recipientAccountId": _ACCOUNT, **more,
        }  # fmt: skip

    def _services(self) -> Iterator[Event]:
        service = self._dice.choice(("ec2", "lambda", "ecs-tasks", "config", "states", "events"))
        who = {"type": "AWSService", "invokedBy": f"{service}.amazonaws.com"}
        name = self._dice.choice(("web", "worker", "nightly", "report"))
        yield self._call(
            who, "sts", "AssumeRole",
            {"roleArn": f"arn:aws:iam::{_ACCOUNT}:role/{name}", "roleSessionName": "x"},
            sourceIPAddress=f"{service}.amazonaws.com", userAgent=f"{service}.amazonaws.com",
        )  # fmt: skip

    def _scaling(self) -> Iterator[Event]:
        who = _role("AWSServiceRoleForAutoScaling", "AutoScaling")
        at = {"sourceIPAddress": "autoscaling.amazonaws.com", "invokedBy": "x",
              "userAgent": "autoscaling.amazonaws.com"}  # fmt: skip
        yield self._call(who, "ec2", "DescribeInstanceStatus", {}, **at)
        instance = f"i-{self._dice.randrange(10**9):017x}"
        if self._dice.random() < 0.5:
            parameters = {"instanceType": "m6i.large", "instancesSet": {"items": [{"minCount": 1}]}}
            yield self._call(who, "ec2", "RunInstances", parameters, **at)
        else:
            parameters = {"instancesSet": {"items": [{"instanceId": instance}]}}
            yield self._call(who, "ec2", "TerminateInstances", parameters, **at)
        yield self._call(who, "elasticloadbalancing", "RegisterTargets", {}, **at)

    def _functions(self) -> Iterator[Event]:
        name = self._dice.choice(("orders", "mails", "thumbs", "prices"))
        who = _role(f"{name}-fn", name)
        yield self._call(who, "logs", "CreateLogStream", {"logGroupName": f"/aws/lambda/{name}"})
        if self._dice.random() < 0.5:
            yield self._call(who, "kms", "Decrypt", {"encryptionContext": {"app": name}})
        if self._dice.random() < 0.3:
            yield self._call(who, "secretsmanager", "GetSecretValue", {"secretId": f"{name}/db"})
        if self._dice.random() < 0.3:
            at = {"names": [f"/{name}/url", f"/{name}/key"], "withDecryption": True}
            yield self._call(who, "ssm", "GetParameters", at)

    def _recorder(self) -> Iterator[Event]:
        who = _role("AWSServiceRoleForConfig", "AWSConfig-Describe")
        for service, name in self._dice.sample(_ALL, 25):
            yield self._call(who, service, name, {}, sourceIPAddress="config.amazonaws.com",
                             userAgent="config.amazonaws.com")  # fmt: skip

    def _scanner(self) -> Iterator[Event]:
        who = _role("posture-scanner", "scan")
        for region in _REGIONS:
            for service, name in self._dice.sample(_ALL, len(_ALL) // 2):
                denied = {"errorCode": "AccessDenied"} if self._dice.random() < 0.03 else {}
                parameters = {"bucketName": f"shop-{self._dice.randrange(40)}"}
                at = {"sourceIPAddress": "192.0.2.80", "userAgent": "Boto3/1.34 Botocore/1.34"}
                yield self._call(
                    who, service, name, parameters, **{"awsRegion": region, **at, **denied}
                )

    def _deployment(self) -> Iterator[Event]:
        who = _role("deploy", "GitHubActions")
        at = {"userAgent": "APN/1.0 HashiCorp/1.0 Terraform/1.7 aws-sdk-go-v2/1.25",
              "sourceIPAddress": "203.0.113.9"}  # fmt: skip
        for service, name in self._dice.sample(_ALL, 12):
            yield self._call(who, service, name, {}, **at)
        trust = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}'
        inside = {"items": [{"ipProtocol": "tcp", "fromPort": 443, "toPort": 443,
                             "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}}]}  # fmt: skip
        policy = {"Statement": [{"Effect": "Allow", "Action": "s3:Get*",
                                 "Principal": {"Service": "cloudfront"}}]}  # fmt: skip
        for service, name, parameters in self._dice.sample([
            ("iam", "CreateRole", {"roleName": "r", "assumeRolePolicyDocument": trust}),
            ("iam", "AttachRolePolicy",
             {"roleName": "r", "policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasic"}),
            ("ec2", "AuthorizeSecurityGroupIngress", {"groupId": "sg-1", "ipPermissions": inside}),
            ("lambda", "UpdateFunctionCode20150331v2", {"functionName": "orders"}),
            ("lambda", "UpdateFunctionConfiguration20150331v2", {"functionName": "orders"}),
            ("s3", "PutBucketPolicy", {"bucketName": "shop-web", "bucketPolicy": policy}),
            ("s3", "PutBucketVersioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
            ("logs", "PutRetentionPolicy", {"logGroupName": "/aws/x", "retentionInDays": 90}),
            ("ecs", "RegisterTaskDefinition", {"family": "web"}),
            ("ecs", "UpdateService", {"service": "web"}),
            ("rds", "ModifyDBInstance", {"dBInstanceIdentifier": "shop", "applyImmediately": True}),
            ("ec2", "CreateSnapshot", {"volumeId": "vol-1"}),
        ], 5):  # fmt: skip
            yield self._call(who, service, name, parameters, **at)

    def _person(self) -> Iterator[Event]:
        name = self._dice.choice(("ada", "bob", "eve", "kim"))
        at = {"sourceIPAddress": "198.51.100.7", "userAgent": "Mozilla/5.0 (Macintosh)"}
        if self._dice.random() < 0.3:
            yield self._call(
                _user(name), "signin", "ConsoleLogin", None, eventType="AwsConsoleSignIn",
                responseElements={"ConsoleLogin": "Success"},
                additionalEventData={"MFAUsed": "Yes", "MobileVersion": "No"}, **at,
            )  # fmt: skip
        who = {**_user(name), "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}}
        for service, call in self._dice.sample(_ALL, self._dice.randint(3, 10)):
            yield self._call(who, service, call, {}, sessionCredentialFromConsole="true", **at)

    def _job(self) -> Iterator[Event]:
        who = _role("lake-job", "emr")
        at = {"managementEvent": False, "eventCategory": "Data"}
        day = self._dice.randrange(90)
        for number in range(self._dice.randint(20, 80)):
            key = {"bucketName": "shop-lake", "key": f"events/day={day}/part-{number}.parquet"}
            yield self._call(who, "s3", "GetObject", key, **at)
            if self._dice.random() < 0.3:
                key = {"bucketName": "shop-lake", "key": f"out/day={day}/_temporary/{number}"}
                yield self._call(who, "s3", "PutObject", key, **at)
                yield self._call(who, "s3", "DeleteObject", key, **at)

    def _backup(self) -> Iterator[Event]:
        at = {"managementEvent": False, "eventCategory": "Data"}
        yield self._call(_user("backup"), "s3", "ListObjects", {"bucketName": "shop-backup"}, **at)
        for number in range(self._dice.randint(10, 60)):
            key = {"bucketName": "shop-backup", "key": f"dump/{number}.gz"}
            yield self._call(_user("backup"), "s3", "PutObject", key, **at)

    def _nodes(self) -> Iterator[Event]:
        who = _role("node", f"i-{self._dice.randrange(30):017x}")
        for name in ("DescribeInstances", "DescribeNetworkInterfaces", "AssignPrivateIpAddresses"):
            yield self._call(who, "ec2", name, {}, userAgent="amazon-vpc-cni-k8s")
        yield self._call(who, "ssm", "UpdateInstanceInformation", {"agentName": "amazon-ssm-agent"})
        yield self._call(who, "ecr", "BatchGetImage", {"repositoryName": "web"})

    def _tidies(self) -> Iterator[Event]:
        at = {"managementEvent": False, "eventCategory": "Data"}
        for _ in range(self._dice.randint(2, 8)):
            yield self._call(
                _role("cleaner", "nightly"), "s3", "DeleteObjects", {"bucketName": "shop-tmp"}, **at
            )

    def _mistakes(self) -> Iterator[Event]:
        name = self._dice.choice(("ada", "bob"))
        for service, call in self._dice.sample(_ALL, 2):
            yield self._call(_user(name), service, call, {}, errorCode="AccessDenied")

    def _visitors(self) -> Iterator[Event]:
        who = {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}
        at = {"managementEvent": False, "eventCategory": "Data",
              "sourceIPAddress": f"203.0.113.{self._dice.randrange(256)}",
              "userAgent": "[Mozilla/5.0 (Windows NT 10.0; Win64; x64)]"}  # fmt: skip
        for key in self._dice.sample(("index.html", "app.js", "app.css", "logo.svg"), 3):
            yield self._call(who, "s3", "GetObject", {"bucketName": "shop-web", "key": key}, **at)
