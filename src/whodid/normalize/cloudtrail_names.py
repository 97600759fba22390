"""Where the record of each AWS service names what it touched: data, one table.

Keys of `requestParameters`, the most particular first; those of `ANY_SERVICE` hold for services
that are not listed, and after the own keys of those that are.
"""

SERVICE_KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "s3": (("bucketName", "bucket"), ("bucket", "bucket")),
    "iam": (
        ("accessKeyId", "access_key"), ("userName", "user"), ("roleName", "role"),
        ("groupName", "group"), ("instanceProfileName", "instance_profile"),
        ("policyArn", "policy"), ("policyName", "policy"), ("sAMLProviderArn", "saml_provider"),
        ("openIDConnectProviderArn", "oidc_provider"), ("serialNumber", "mfa_device"),
        ("name", "user"),
    ),
    "sts": (("roleArn", "role"), ("name", "federated_user")),
    "ec2": (
        ("instanceId", "instance"), ("snapshotId", "snapshot"), ("imageId", "image"),
        ("volumeId", "volume"), ("groupId", "security_group"), ("groupName", "security_group"),
        ("networkInterfaceId", "network_interface"), ("routeTableId", "route_table"),
        ("networkAclId", "network_acl"), ("subnetId", "subnet"), ("allocationId", "address"),
        ("natGatewayId", "nat_gateway"), ("internetGatewayId", "internet_gateway"),
        ("keyName", "key_pair"), ("vpcId", "vpc"), ("fleetId", "fleet"),
        ("launchTemplateName", "launch_template"),
    ),
    "ec2-instance-connect": (("instanceId", "instance"),),
    "ssm": (
        ("name", "parameter"), ("instanceId", "instance"), ("resourceId", "resource"),
        ("documentName", "document"), ("commandId", "command"), ("target", "instance"),
        ("sessionId", "session"),
    ),
    "secretsmanager": (("secretId", "secret"), ("name", "secret")),
    "kms": (("keyId", "key"), ("aliasName", "alias")),
    "lambda": (("functionName", "function"), ("layerName", "layer")),
    "rds": (
        ("dBInstanceIdentifier", "db_instance"), ("dBSnapshotIdentifier", "db_snapshot"),
        ("dBClusterIdentifier", "db_cluster"), ("dBClusterSnapshotIdentifier", "db_snapshot"),
        ("resourceName", "resource"),
    ),
    "dynamodb": (("tableName", "table"),),
    "glue": (("tableName", "table"), ("databaseName", "database"), ("name", "job")),
    "cloudtrail": (("name", "trail"), ("trailName", "trail")),
    "logs": (("logGroupName", "log_group"), ("logGroupNamePrefix", "log_group")),
    "bedrock": (("modelId", "model"), ("guardrailIdentifier", "guardrail"), ("name", "guardrail")),
    "eks": (("name", "cluster"), ("clusterName", "cluster")),
    "ecs": (("cluster", "cluster"), ("service", "service"), ("taskDefinition", "task")),
    "ecr": (("repositoryName", "repository"),),
    "sns": (("topicArn", "topic"), ("name", "topic")),
    "sqs": (("queueUrl", "queue"), ("queueName", "queue")),
    "guardduty": (("detectorId", "detector"),),
    "config": (
        ("configurationRecorderName", "recorder"), ("deliveryChannelName", "delivery_channel"),
        ("configRuleName", "rule"),
    ),
    "organizations": (("accountId", "account"), ("policyId", "policy")),
    "cloudformation": (("stackName", "stack"),),
    "route53": (("hostedZoneId", "hosted_zone"), ("domainName", "domain")),
    "route53resolver": (("vpcId", "vpc"),),
    "rolesanywhere": (
        ("trustAnchorId", "trust_anchor"), ("profileId", "profile"), ("name", "name"),
    ),
}  # fmt: skip

ANY_SERVICE: tuple[tuple[str, str], ...] = (
    ("resourceArn", "resource"), ("resourceARN", "resource"), ("arn", "resource"),
    ("functionName", "function"), ("bucketName", "bucket"), ("tableName", "table"),
    ("instanceId", "instance"), ("clusterName", "cluster"), ("stackName", "stack"),
    ("repositoryName", "repository"), ("secretId", "secret"), ("keyId", "key"),
    ("userName", "user"), ("roleName", "role"), ("id", "resource"), ("name", "resource"),
)  # fmt: skip

DETAIL_KEYS: tuple[tuple[str, str], ...] = (
    ("snapshotId", "snapshot"), ("keyId", "key"), ("bucketName", "bucket"), ("stackName", "stack"),
)  # fmt: skip
"""Keys of `serviceEventDetails`, for what a service did by itself."""

EXTRA_KEYS: tuple[tuple[str, str], ...] = (("Name", "resource"), ("ARN", "resource"))
"""Keys of `additionalEventData`, where a service names what it rotated or deleted by itself."""

DENIED_CODES: tuple[str, ...] = (
    "accessdenied", "unauthorized", "notauthorized", "authfailure", "forbidden", "optinrequired",
    "invalidclienttokenid", "signaturedoesnotmatch", "expiredtoken", "kms.accessdenied",
    "authorizationerror", "failedauthentication", "missingauthenticationtoken",
)  # fmt: skip
"""Parts of an errorCode, in lower case, that say that the caller may not."""

DRY_RUN_CODE = "dryrunoperation"
"""Not a failure: EC2 answers so when the caller may do what it only asked about."""
