"""What attack techniques leave in logs: calls that stratus-red-team documents, as records.

Facts of github.com/DataDog/stratus-red-team (docs/attack-techniques) in records of our own making.
No user agent tells that it is a tool: what is done must be enough.
"""

from collections.abc import Iterator
from typing import Any

Event = dict[str, Any]
_ACCOUNT = "123456789012"
_ARN = f"arn:aws:iam::{_ACCOUNT}:user/christophe"


def _time(second: int) -> str:
    minute, rest = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"2026-02-02T{10 + hour:02}:{minute:02}:{rest:02}Z"


def _aws(service: str, name: str, parameters: Event | None = None, **more: Any) -> Event:
    return {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": _ARN, "accountId": _ACCOUNT,
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "christophe",
        },
        "eventSource": f"{service}.amazonaws.com", "eventName": name, "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.77",
        "userAgent": "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOARCH#amd64",
        "requestParameters": parameters, "responseElements": None, "eventType": "AwsApiCall",
        "managementEvent": True, "eventCategory": "Management", "recipientAccountId": _ACCOUNT,
        **more,
    }  # fmt: skip


def _role(name: str, session: str) -> Event:
    return {
        "type": "AssumedRole", "principalId": f"AROAEXAMPLE:{session}",
        "arn": f"arn:aws:sts::{_ACCOUNT}:assumed-role/{name}/{session}", "accountId": _ACCOUNT,
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "userName": name, "accountId": _ACCOUNT,
                              "arn": f"arn:aws:iam::{_ACCOUNT}:role/{name}"},
            "attributes": {"mfaAuthenticated": "false"}, "ec2RoleDelivery": "2.0",
        },
    }  # fmt: skip


_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":'
    '{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"},{"Effect":"Allow","Principal":'
    '{"AWS":"arn:aws:iam::193672423079:root"},"Action":"sts:AssumeRole"}]}'
)
_BUCKET_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::193672423079:root"},
        "Action": ["s3:GetObject", "s3:GetBucketLocation", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::corp-data/*", "arn:aws:s3:::corp-data"],
    }],
}  # fmt: skip
_DATA = {"managementEvent": False, "eventCategory": "Data", "readOnly": False}
_INSTANCE = {"userIdentity": _role("stratus-ec2-role", "i-0123456789abcdef0")}


def _screenshots() -> Iterator[Event]:
    for number in range(12):
        yield _aws(
            "ec2", "GetConsoleScreenshot", {"instanceId": f"i-{number:017x}"},
            errorCode="Client.UnauthorizedOperation",
            userIdentity=_role("screenshots", "aws-go-sdk"),
        )  # fmt: skip


def _enumerates() -> Iterator[Event]:
    for service, name in (
        ("sts", "GetCallerIdentity"), ("s3", "ListBuckets"), ("iam", "GetAccountSummary"),
        ("iam", "ListRoles"), ("iam", "ListUsers"), ("iam", "GetAccountAuthorizationDetails"),
        ("ec2", "DescribeSnapshots"), ("cloudtrail", "DescribeTrails"),
        ("guardduty", "ListDetectors"),
    ):  # fmt: skip
        yield _aws(service, name, {}, **_INSTANCE)


def _ses() -> Iterator[Event]:
    for name in (
        "GetAccount",
        "GetSendQuota",
        "ListIdentities",
        "GetIdentityVerificationAttributes",
    ):
        yield _aws("ses", name, {})


def _models() -> Iterator[Event]:
    for region in ("us-east-1", "us-west-2", "eu-west-3", "ap-northeast-1", "sa-east-1"):
        yield _aws(
            "bedrock", "InvokeModel", {"modelId": "anthropic.claude-3-5-sonnet-20241022-v2:0"},
            awsRegion=region, errorCode="ValidationException",
        )  # fmt: skip


def _parameters() -> Iterator[Event]:
    yield _aws("ssm", "DescribeParameters", {"maxResults": 50})
    for batch in range(4):
        names = [f"/credentials/stratus-red-team/credentials-{batch * 10 + n}" for n in range(10)]
        yield _aws("ssm", "GetParameters", {"names": names, "withDecryption": True})


def _deleted_one_by_one() -> Iterator[Event]:
    yield _aws("s3", "ListObjectVersions", {"bucketName": "corp-data"}, **_DATA)
    for number in range(51):
        at = {"bucketName": "corp-data", "key": f"records/{number}.csv"}
        yield _aws("s3", "GetObject", at, **{**_DATA, "readOnly": True})
        yield _aws("s3", "DeleteObject", at, **_DATA)
    yield _aws("s3", "PutObject", {"bucketName": "corp-data", "key": "FILES-DELETED.txt"}, **_DATA)


def _deleted_in_batch() -> Iterator[Event]:
    yield _aws("s3", "ListObjectVersions", {"bucketName": "corp-data"}, **_DATA)
    yield _aws("s3", "DeleteObjects", {"bucketName": "corp-data", "delete": ""}, **_DATA)
    yield _aws("s3", "PutObject", {"bucketName": "corp-data", "key": "FILES-DELETED.txt"}, **_DATA)


def _encrypted() -> Iterator[Event]:
    yield _aws("s3", "ListObjects", {"bucketName": "corp-data"}, **_DATA)
    for number in range(51):
        yield _aws("s3", "CopyObject", {
            "bucketName": "corp-data", "key": f"records/{number}.csv",
            "x-amz-copy-source": f"corp-data/records/{number}.csv",
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
        }, **_DATA)  # fmt: skip
    yield _aws(
        "s3", "PutObject", {"bucketName": "corp-data", "key": "FILES-ENCRYPTED.txt"}, **_DATA
    )


def _sessions() -> Iterator[Event]:
    for number in range(3):
        yield _aws("ssm", "StartSession", {"target": f"i-{number:017x}"})


AWS: dict[str, list[Event]] = {
    "aws.collection.ec2-console-screenshots": list(_screenshots()),
    "aws.credential-access.ssm-retrieve-securestring-parameters": list(_parameters()),
    "aws.defense-evasion.bedrock-guardrail-delete": [
        _aws("bedrock", "DeleteGuardrail", {"guardrailIdentifier": "abc"})],
    "aws.defense-evasion.bedrock-model-invocation-logging-delete": [
        _aws("bedrock", "DeleteModelInvocationLoggingConfiguration", None)],
    "aws.defense-evasion.cloudtrail-delete": [_aws("cloudtrail", "DeleteTrail", {"name": "corp"})],
    "aws.defense-evasion.cloudtrail-stop": [_aws("cloudtrail", "StopLogging", {"name": "corp"})],
    "aws.defense-evasion.cloudtrail-lifecycle-rule": [
        _aws("s3", "PutBucketLifecycle", {
            "bucketName": "corp-trail", "lifecycle": "",
            "LifecycleConfiguration": {"Rule": {
                "ID": "nuke-cloudtrail-logs-after-1-day", "Status": "Enabled", "Prefix": "*",
                "Expiration": {"Days": 1}}}})],
    "aws.defense-evasion.dns-delete-logs": [
        _aws("route53resolver", "DisassociateResolverQueryLogConfig", {"resourceId": "vpc-1"}),
        _aws("route53resolver", "DeleteResolverQueryLogConfig",
             {"resolverQueryLogConfigId": "rqlc-1"})],
    "aws.discovery.bedrock-enumerate-models-multiple-regions": list(_models()),
    "aws.discovery.ec2-enumerate-from-instance": list(_enumerates()),
    "aws.discovery.ses-enumerate": list(_ses()),
    "aws.execution.sagemaker-update-lifecycle-config": [
        _aws("sagemaker", "StopNotebookInstance", {"notebookInstanceName": "n"}),
        _aws("sagemaker", "CreateNotebookInstanceLifecycleConfig",
             {"notebookInstanceLifecycleConfigName": "x", "onStart": [{"content": "IyE="}]}),
        _aws("sagemaker", "UpdateNotebookInstance",
             {"notebookInstanceName": "n", "lifecycleConfigName": "x"}),
        _aws("sagemaker", "StartNotebookInstance", {"notebookInstanceName": "n"})],
    "aws.execution.ssm-start-session": list(_sessions()),
    "aws.exfiltration.rds-share-snapshot": [
        _aws("rds", "ModifyDBSnapshotAttribute", {
            "attributeName": "restore", "dBSnapshotIdentifier": "s",
            "valuesToAdd": ["193672423079"]})],
    "aws.exfiltration.s3-backdoor-bucket-policy": [
        _aws("s3", "PutBucketPolicy", {"bucketName": "corp-data", "bucketPolicy": _BUCKET_POLICY})],
    "aws.impact.ec2-deregister-ami": [
        _aws("ec2", "DeregisterImage",
             {"imageId": "ami-0b87ea1d007078d18", "deleteAssociatedSnapshots": False})],
    "aws.impact.s3-ransomware-batch-deletion": list(_deleted_in_batch()),
    "aws.impact.s3-ransomware-client-side-encryption": list(_encrypted()),
    "aws.impact.s3-ransomware-individual-deletion": list(_deleted_one_by_one()),
    "aws.initial-access.console-login-without-mfa": [
        _aws("signin", "ConsoleLogin", None, eventType="AwsConsoleSignIn",
             userAgent="Mozilla/5.0 (X11; Linux x86_64)",
             responseElements={"ConsoleLogin": "Success"},
             additionalEventData={"MobileVersion": "No", "MFAUsed": "No",
                                  "LoginTo": "https://console.aws.amazon.com/console/home"})],
    "aws.persistence.ec2-create-suspicious-keypair": [
        _aws("ec2", "DescribeInstances", {"filterSet": {"items": [
            {"name": "key-name", "valueSet": {"items": [{"value": "temp_key_pair"}]}}]}}),
        _aws("ec2", "CreateKeyPair", {"keyName": "temp_key_pair", "keyType": "rsa"})],
    "aws.persistence.iam-backdoor-role": [
        _aws("iam", "UpdateAssumeRolePolicy", {"roleName": "app", "policyDocument": _TRUST})],
    "aws.persistence.iam-create-backdoor-role": [
        _aws("iam", "CreateRole", {"roleName": "helper", "assumeRolePolicyDocument": _TRUST}),
        _aws("iam", "AttachRolePolicy", {
            "roleName": "helper", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})],
    "aws.persistence.rolesanywhere-create-trust-anchor": [
        _aws("rolesanywhere", "CreateTrustAnchor", {
            "name": "malicious", "enabled": True,
            "source": {"sourceType": "CERTIFICATE_BUNDLE", "sourceData": {}}}),
        _aws("rolesanywhere", "CreateProfile", {"name": "p", "roleArns": ["arn"]})],
    "aws.persistence.sts-federation-token": [
        _aws("sts", "GetFederationToken", {"name": "stratus", "durationSeconds": 3600}),
        _aws("sts", "GetCallerIdentity", None, userIdentity={
            "type": "FederatedUser", "arn": f"arn:aws:sts::{_ACCOUNT}:federated-user/stratus",
            "accountId": _ACCOUNT, "accessKeyId": "ASIAEXAMPLE"})],
    "eks.lateral-movement.create-access-entry": [
        _aws("eks", "CreateAccessEntry", {
            "name": "prod", "principalArn": f"arn:aws:iam::{_ACCOUNT}:role/helper",
            "type": "STANDARD"}),
        _aws("eks", "AssociateAccessPolicy", {
            "name": "prod", "principalArn": f"arn:aws:iam::{_ACCOUNT}:role/helper",
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "accessScope": {"type": "cluster"}})],
}  # fmt: skip
"""CloudTrail by technique."""
for _events in AWS.values():
    for _number, _event in enumerate(_events):
        _event["eventTime"] = _time(_number * 3)
        _event["eventID"] = f"00000000-0000-4000-8000-{_number:012}"


def _gcp(service: str, method: str, resource: str = "projects/corp", **payload: Any) -> Event:
    return {
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "status": {}, "authenticationInfo": {"principalEmail": "eve@corp.example"},
            "requestMetadata": {"callerIp": "203.0.113.77", "callerSuppliedUserAgent": "go"},
            "serviceName": f"{service}.googleapis.com", "methodName": method,
            "resourceName": resource, **payload,
        },
        "insertId": "abc", "resource": {"type": "project", "labels": {"project_id": "corp"}},
        "timestamp": "2026-02-02T10:00:00Z", "severity": "NOTICE",
        "logName": "projects/corp/logs/cloudaudit.googleapis.com%2Factivity",
    }  # fmt: skip


def _bound(member: str, role: str, audit: bool = False) -> Event:
    delta: Event = {"bindingDeltas": [{"action": "ADD", "role": role, "member": member}]}
    return {"serviceData": {"policyDelta": {} if audit else delta},
            "request": {"policy": {"bindings": [{"role": role, "members": [member]}]}}}  # fmt: skip


_OUTSIDER = "user:attacker@outside.example"
GCP: dict[str, list[Event]] = {
    "gcp.credential-access.secretmanager-retrieve-secrets": [
        _gcp("secretmanager",
             "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
             f"projects/1/secrets/stratus-{n}/versions/1") for n in range(42)],
    "gcp.defense-evasion.delete-dns-logs": [
        _gcp("dns", "dns.policies.delete", "policies/p")],
    "gcp.defense-evasion.delete-logging-sink": [
        _gcp("logging", "google.logging.v2.ConfigServiceV2.DeleteSink", "projects/corp/sinks/s")],
    "gcp.defense-evasion.disable-logging-sink": [
        _gcp("logging", "google.logging.v2.ConfigServiceV2.UpdateSink", "projects/corp/sinks/s",
             request={"sink": {"name": "s", "disabled": True}, "updateMask": "disabled"})],
    "gcp.defense-evasion.reduce-sink-log-retention": [
        _gcp("logging", "google.logging.v2.ConfigServiceV2.UpdateBucket",
             "projects/corp/locations/global/buckets/b",
             request={"bucket": {"retentionDays": 1}, "updateMask": "retentionDays"})],
    "gcp.defense-evasion.disable-audit-logs": [
        _gcp("cloudresourcemanager", "SetIamPolicy", serviceData={"policyDelta": {
            "auditConfigDeltas": [{"action": "REMOVE", "service": "storage.googleapis.com",
                                   "logType": "DATA_READ"}]}})],
    "gcp.defense-evasion.remove-project-from-organization": [
        _gcp("cloudresourcemanager", "google.cloud.resourcemanager.v3.Projects.MoveProject")],
    "gcp.defense-evasion.remove-vpc-flow-logs": [
        _gcp("compute", "v1.compute.subnetworks.patch", "projects/corp/regions/r/subnetworks/s",
             request={"logConfig": {"enable": False}, "enableFlowLogs": False})],
    "gcp.discovery.enumerate-permissions": [
        _gcp("cloudresourcemanager", "TestIamPermissions", request={
            "permissions": [f"service{m}.thing{n}.get" for n in range(100)]}) for m in range(30)],
    "gcp.execution.modify-gce-startup-script": [
        _gcp("compute", "v1.compute.instances.setMetadata", "projects/corp/zones/z/instances/i",
             metadata={"instanceMetadataDelta": {"modifiedMetadataKeys": ["startup-script"]}},
             request={"fingerprint": "x"})],
    "gcp.exfiltration.backdoor-gcs-bucket": [
        _gcp("storage", "storage.setIamPermissions", "projects/_/buckets/b",
             **_bound("allUsers", "roles/storage.objectViewer"))],
    "gcp.exfiltration.open-port-22-ingress": [
        _gcp("compute", "v1.compute.firewalls.insert", "projects/corp/global/firewalls/f",
             request={"direction": "INGRESS", "sourceRanges": ["0.0.0.0/0"],
                      "alloweds": [{"IPProtocol": "tcp", "ports": ["22"]}]})],
    "gcp.exfiltration.share-compute-disk": [
        _gcp("compute", "v1.compute.disks.setIamPolicy", "projects/corp/zones/z/disks/d",
             **_bound(_OUTSIDER, "roles/owner"))],
    "gcp.exfiltration.share-compute-image": [
        _gcp("compute", "v1.compute.images.setIamPolicy", "projects/corp/global/images/i",
             **_bound(_OUTSIDER, "roles/compute.imageUser"))],
    "gcp.exfiltration.share-compute-snapshot": [
        _gcp("compute", "v1.compute.snapshots.setIamPolicy", "projects/corp/global/snapshots/s",
             **_bound(_OUTSIDER, "roles/compute.storageAdmin"))],
    "gcp.lateral-movement.add-sshkey-instance-metadata": [
        _gcp("compute", "v1.compute.instances.setMetadata", "projects/corp/zones/z/instances/i",
             metadata={"instanceMetadataDelta": {"addedMetadataKeys": ["ssh-keys"]}})],
    "gcp.persistence.backdoor-service-account-policy": [
        _gcp("iam", "google.iam.admin.v1.SetIAMPolicy", "projects/-/serviceAccounts/1",
             **_bound(_OUTSIDER, "roles/iam.serviceAccountTokenCreator"))],
    "gcp.persistence.create-admin-service-account": [
        _gcp("iam", "google.iam.admin.v1.CreateServiceAccount"),
        _gcp("cloudresourcemanager", "SetIamPolicy",
             **_bound("serviceAccount:x@corp.iam.gserviceaccount.com", "roles/owner"))],
    "gcp.persistence.create-service-account-key": [
        _gcp("iam", "google.iam.admin.v1.CreateServiceAccountKey",
             "projects/-/serviceAccounts/1")],
    "gcp.persistence.invite-external-user": [
        _gcp("cloudresourcemanager", "SetIamPolicy",
             **_bound("user:attacker@gmail.com", "roles/editor"))],
    "gcp.privilege-escalation.impersonate-service-accounts": [
        _gcp("iamcredentials", "GenerateAccessToken", f"projects/-/serviceAccounts/{n}",
             status={"code": 7, "message": "PERMISSION_DENIED"} if n else {},
             metadata={"identityDelegationChain": []}) for n in range(10)],
}  # fmt: skip
"""Cloud Audit Logs by technique."""


def _azure(operation: str, **more: Any) -> Event:
    return {
        "time": "2026-02-02T10:00:00Z", "resourceId": "/SUBSCRIPTIONS/1/RESOURCEGROUPS/RG/X",
        "operationName": operation.upper(), "category": "Administrative",
        "resultType": "Success", "callerIpAddress": "203.0.113.77",
        "identity": {"claims": {"name": "eve"}}, "properties": {"message": operation}, **more,
    }  # fmt: skip


def _entra(activity: str, kind: str, **more: Any) -> Event:
    return {
        "time": "2026-02-02T10:00:00Z", "category": "AuditLogs", "operationName": activity,
        "resourceId": "/tenants/t/providers/Microsoft.aadiam", "tenantId": "t",
        "resultSignature": "None", "properties": {
            "activityDisplayName": activity, "result": "success",
            "initiatedBy": {"user": {"userPrincipalName": "eve@corp.example"}},
            "targetResources": [
                {"type": kind, "displayName": "x", "modifiedProperties": [], **more},
            ],
        },
    }  # fmt: skip


AZURE: dict[str, list[Event]] = {
    "azure.execution.vm-custom-script-extension": [
        _azure("Microsoft.Compute/virtualMachines/extensions/write")],
    "azure.execution.vm-run-command": [
        _azure("Microsoft.Compute/virtualMachines/runCommand/action")],
    "azure.exfiltration.disk-export": [_azure("Microsoft.Compute/disks/beginGetAccess/action")],
    "azure.exfiltration.storage-public-access": [
        _azure("Microsoft.Storage/storageAccounts/blobServices/containers/write", properties={
            "requestbody": '{"properties":{"publicAccess":"Container"}}'})],
    "azure.exfiltration.storage-sas-export": [
        _azure("Microsoft.Storage/storageAccounts/listKeys/action")],
    "azure.persistence.create-bastion-shareable-link": [
        _azure("Microsoft.Network/bastionHosts/createShareableLinks/action")],
    "azure.credential-access.app-service-publishing-credentials": [
        _azure("Microsoft.Web/sites/publishxml/action")],
    "azure.impact.resource-lock": [_azure("Microsoft.Authorization/locks/delete")],
    "azure.privilege-escalation.root-user-access-administrator": [
        _azure("Microsoft.Authorization/elevateAccess/action")],
    "azure.persistence.backdoor-managed-identity-fic": [
        _azure("Microsoft.ManagedIdentity/userAssignedIdentities/"
               "federatedIdentityCredentials/write")],
    "entra-id.persistence.backdoor-application": [
        _entra("Update application \u2013 Certificates and secrets management", "Application",
               modifiedProperties=[{"displayName": "KeyDescription", "oldValue": "[]",
                                    "newValue": '["[KeyType=Password]"]'}])],
    "entra-id.persistence.backdoor-application-sp": [
        _entra("Add service principal credentials", "ServicePrincipal",
               modifiedProperties=[{"displayName": "KeyDescription", "oldValue": "[]",
                                    "newValue": '["[KeyType=Password]"]'}])],
    "entra-id.persistence.new-application": [
        _entra("Add application", "Application"),
        _entra("Add service principal", "ServicePrincipal"),
        _entra("Add service principal credentials", "ServicePrincipal"),
        _entra("Add member to role", "ServicePrincipal", modifiedProperties=[
            {"displayName": "Role.DisplayName", "newValue": '"Global Administrator"'}])],
    "entra-id.persistence.guest-user": [_entra("Invite external user", "User", userPrincipalName=(
        "evil_outside.example#EXT#@corp.onmicrosoft.com"))],
    "entra-id.persistence.hidden-au": [
        _entra("Add administrative unit", "AdministrativeUnit", modifiedProperties=[
            {"displayName": "Visibility", "newValue": '["HiddenMembership"]'}])],
    "entra-id.persistence.restricted-au": [
        _entra("Add administrative unit", "AdministrativeUnit", modifiedProperties=[
            {"displayName": "IsMemberManagementRestricted", "newValue": "[true]"}])],
}  # fmt: skip
"""Azure's activity log and Entra's audit log by technique."""


def _k8s(verb: str, resource: str, name: str = "x", **more: Any) -> Event:
    where = more.pop("objectRef", {})
    return {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
        "auditID": "1", "stage": "ResponseComplete", "requestURI": f"/api/v1/{resource}",
        "verb": verb, "user": {"username": "eve", "groups": ["system:authenticated"]},
        "sourceIPs": ["203.0.113.77"], "userAgent": "go-client",
        "objectRef": {"resource": resource, "name": name, "apiVersion": "v1", **where},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": "2026-02-02T10:00:00.000000Z",
        "stageTimestamp": "2026-02-02T10:00:00.000000Z",
        "annotations": {"authorization.k8s.io/decision": "allow"}, **more,
    }  # fmt: skip


_RBAC = {"apiGroup": "rbac.authorization.k8s.io"}
KUBERNETES: dict[str, list[Event]] = {
    "k8s.credential-access.dump-secrets": [_k8s("list", "secrets", "")],
    "k8s.credential-access.steal-serviceaccount-token": [
        _k8s("create", "pods", requestURI=(
            "/api/v1/namespaces/n/pods/x/exec?command=cat&command=%2Fvar%2Frun%2Fsecrets%2F"
            "kubernetes.io%2Fserviceaccount%2Ftoken"),
            objectRef={"subresource": "exec", "namespace": "n"})],
    "k8s.persistence.create-admin-clusterrole": [
        _k8s("create", "clusterroles", objectRef=_RBAC, requestObject={
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
        _k8s("create", "clusterrolebindings", objectRef=_RBAC, requestObject={
            "roleRef": {"kind": "ClusterRole", "name": "x"},
            "subjects": [{"kind": "ServiceAccount", "name": "x"}]})],
    "k8s.persistence.create-client-certificate": [
        _k8s("create", "certificatesigningrequests", objectRef={"apiGroup": "certificates.k8s.io"},
             requestObject={"spec": {"signerName": "kubernetes.io/kube-apiserver-client"}})],
    "k8s.persistence.create-token": [
        _k8s("create", "serviceaccounts", "clusterrole-aggregation-controller",
             objectRef={"subresource": "token", "namespace": "kube-system"},
             requestObject={"spec": {"expirationSeconds": 315360000}})],
    "k8s.privilege-escalation.hostpath-volume": [
        _k8s("create", "pods", objectRef={"namespace": "default"}, requestObject={"spec": {
            "volumes": [{"name": "h", "hostPath": {"path": "/"}}],
            "containers": [{"name": "c"}]}})],
    "k8s.privilege-escalation.nodes-proxy": [
        _k8s("get", "nodes", objectRef={"subresource": "proxy"},
             requestURI="/api/v1/nodes/n/proxy/runningpods/")],
    "k8s.privilege-escalation.privileged-pod": [
        _k8s("create", "pods", objectRef={"namespace": "default"}, requestObject={"spec": {
            "containers": [{"name": "c", "securityContext": {"privileged": True}}]}})],
    "eks.persistence.backdoor-aws-auth-configmap": [
        _k8s("patch", "configmaps", "aws-auth", objectRef={"namespace": "kube-system"})],
}  # fmt: skip
"""Kubernetes' audit log by technique."""
