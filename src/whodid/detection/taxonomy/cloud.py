"""Kinds of logs of clouds and services, as their makers document them and Sigma's rules name them.

CloudTrail: "record contents", version 1.11. Azure: activity, sign-in, audit and risk logs as they
leave through diagnostic settings, and as Sentinel renames them. Google Cloud: AuditLog inside a
LogEntry. Okta: System Log. GitHub: audit log. Microsoft 365: Management Activity API. Kubernetes:
audit.k8s.io/v1.
"""

from whodid.detection.taxonomy.kind import Kind, words

_CLOUDTRAIL = Kind(
    "cloudtrail",
    formats=words("cloudtrail"),
    marks=(
        words("eventsource eventname awsregion"),
        words("eventsource eventname useridentity"),
        words("eventname eventtype recipientaccountid"),
    ),
    categories=words("cloud"),
    products=words("aws"),
    services=words("cloudtrail"),
    top=words(
        "eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress "
        "userAgent errorCode errorMessage requestParameters responseElements additionalEventData "
        "requestID eventID eventType apiVersion managementEvent readOnly resources "
        "recipientAccountId serviceEventDetails sharedEventID vpcEndpointId vpcEndpointAccountId "
        "eventCategory addendum sessionCredentialFromConsole eventContext edgeDeviceDetails "
        "tlsDetails insightDetails"
    ),
)

_KUBERNETES = Kind(
    "kubernetes",
    formats=words("kubernetes"),
    marks=(
        words("auditid verb requesturi"),
        words("auditid stage verb"),
        words("verb objectref"),
    ),
    categories=words("application"),
    products=words("kubernetes"),
    services=words("audit kubernetes kube-apiserver"),
    fields={
        "resource": ("objectRef.resource",),
        "subresource": ("objectRef.subresource",),
        "namespace": ("objectRef.namespace",),
        "apiGroup": ("objectRef.apiGroup",),
        "username": ("user.username",),
        "hostPath": ("requestObject.spec.volumes.hostPath.path",),
        "capabilities": (
            "requestObject.spec.containers.securityContext.capabilities.add",
            "requestObject.spec.initContainers.securityContext.capabilities.add",
        ),
    },
    top=words(
        "kind apiVersion level auditID stage requestURI verb user impersonatedUser sourceIPs "
        "userAgent objectRef responseStatus requestObject responseObject requestReceivedTimestamp "
        "stageTimestamp annotations metadata timestamp authenticationMetadata"
    ),
    dotted=True,
)

_OKTA = Kind(
    "okta",
    marks=(words("eventtype actor outcome"), words("eventtype published uuid")),
    categories=words("identity"),
    products=words("okta"),
    services=words("okta system"),
    fields={"displaymessage": ("displayMessage",), "severity": ("severity",)},
    folds=True,
    dotted=True,
)

_GITHUB = Kind(
    "github",
    marks=(
        words("action actor org"), words("action actor repo"), words("action actor _document_id"),
        words("action actor business"), words("action actor actor_id created_at"),
    ),
    products=words("github"),
    services=words("audit"),
    dotted=True,
)  # fmt: skip

_BITBUCKET = Kind(
    "bitbucket",
    marks=(words("audittype affectedobjects"), words("audittype author")),
    products=words("bitbucket"),
    services=words("audit"),
    dotted=True,
)

_GCP = Kind(
    "gcp",
    marks=(words("protopayload"), words("protopayload logname resource")),
    categories=words("cloud"),
    products=words("gcp"),
    services=words("gcp.audit audit cloudaudit"),
    fields={
        "gcp.audit.method_name": ("protoPayload.methodName",),
        "gcp.audit.service_name": ("protoPayload.serviceName",),
        "gcp.audit.resource_name": ("protoPayload.resourceName",),
        "gcp.audit.authentication_info.principal_email": (
            "protoPayload.authenticationInfo.principalEmail",
        ),
        "data.protoPayload.logName": ("logName",),
        "data.protoPayload.resource.type": ("resource.type",),
        "severity": ("severity",),
    },
    below=("protoPayload",),
    above=("data",),
    folds=True,
    dotted=True,
)

_WORKSPACE_VALUES = ("events.parameters.value", "protoPayload.metadata.event.parameter.value")

_WORKSPACE = Kind(
    "google_workspace",
    marks=(
        words("id actor events"),
        words("kind id actor ipaddress"),
        words("id actor name parameters"),
        words("id actor name type ipaddress"),
        words("id kind name parameters"),
    ),
    products=words("gcp google_workspace google"),
    services=words("google_workspace.admin google_workspace.login google_workspace"),
    fields={
        "eventService": ("id.applicationName+.googleapis.com", "protoPayload.serviceName"),
        "eventName": ("events.name", "protoPayload.metadata.event.eventName", "name"),
        "eventType": ("events.type", "protoPayload.metadata.event.eventType", "type"),
        "google_workspace.admin.new_value": _WORKSPACE_VALUES,
        "new_value": _WORKSPACE_VALUES,
        "setting_name": _WORKSPACE_VALUES,
    },
    folds=True,
)

_AZURE_FIELDS = {
    "CallerIpAddress": ("callerIpAddress", "@ip"),
    "ResourceProviderValue": (
        "resourceProviderValue",
        "resourceProvider",
        "resourceProviderName.value",
    ),
    "category": ("category.value", "category"),
    "Category": ("category.value", "category"),
    "CategoryValue": ("category.value", "category"),
    "resultType": ("resultType", "status.value"),
    "ResultType": ("resultType", "status.value"),
    "operationName": ("operationName.value", "operationName", "activityDisplayName"),
    "OperationName": ("operationName.value", "operationName", "activityDisplayName"),
    "OperationNameValue": ("operationName.value", "operationName"),
    "ActivityStatusValue": ("activityStatusValue", "resultType", "status.value", "status"),
    "properties.message": ("properties.message", "operationName"),
    "LoggedByService": ("properties.loggedByService", "loggedByService"),
    "ActivityDisplayName": ("properties.activityDisplayName", "activityDisplayName"),
    "InitiatedBy": ("properties.initiatedBy", "initiatedBy"),
    "Initiatedby": ("properties.initiatedBy", "initiatedBy"),
    "TargetResources": ("properties.targetResources", "targetResources"),
    "Target": ("properties.targetResources", "targetResources"),
    "TargetUserPrincipalName": ("properties.targetResources.userPrincipalName",),
    "UserPrincipalName": ("properties.userPrincipalName", "userPrincipalName"),
    "Username": ("properties.userPrincipalName", "userPrincipalName"),
    "Location": ("properties.location", "location"),
    "Status": ("properties.status", "status", "resultType"),
}


def _azure(name: str, services: str, told: str, *marks: str) -> Kind:
    return Kind(
        name,
        told=words(told),
        marks=tuple(map(words, marks)),
        categories=words("cloud"),
        products=words("azure m365entra entra"),
        services=words(services),
        fields=_AZURE_FIELDS,
        below=("properties",),
        folds=True,
        dotted=True,
    )


_AZURE = (
    _azure(
        "azure-activity", "activitylogs azureactivity activity", "",
        "operationname resourceid", "operationname resourceuri", "operationnamevalue resourceid",
    ),
    _azure(
        "azure-signin", "signinlogs signin",
        "signinlogs noninteractiveusersigninlogs serviceprincipalsigninlogs "
        "managedidentitysigninlogs adfssigninlogs",
        "userprincipalname appdisplayname", "conditionalaccessstatus createddatetime",
    ),
    _azure(
        "azure-audit", "auditlogs audit azuread pim", "auditlogs provisioninglogs",
        "activitydisplayname initiatedby", "operationname initiatedby",
        "operationname targetresources",
    ),
    _azure(
        "azure-risk", "riskdetection riskyusers",
        "riskyusers userriskevents riskyserviceprincipals serviceprincipalriskevents",
        "riskeventtype risklevel",
        "riskeventtype risklevelaggregated", "riskeventtype riskstate",
    ),
)  # fmt: skip

_M365 = Kind(
    "m365",
    marks=(words("operation workload recordtype"), words("operation organizationid userid"),
           words("operation organizationid usertype")),
    categories=words("cloud"),
    products=words("m365 o365 office365"),
    services=words("audit exchange threat_management threat_detection sharepoint general"),
    fields={
        "eventSource": ("Workload",),
        "eventName": ("Name", "Operation"),
        "status": ("ResultStatus", "Status"),
        "Payload": ("Payload", "Parameters"),
        "ActorIpAddress": ("ActorIpAddress", "ClientIP"),
    },
    folds=True,
    dotted=True,
)  # fmt: skip

_ONELOGIN = Kind(
    "onelogin",
    marks=(words("event_type_id account_id"), words("event_type_id user_name")),
    products=words("onelogin"),
    services=words("onelogin.events onelogin"),
)

_DUO = Kind(
    "duo",
    marks=(words("action description isotimestamp username"), words("factor result access_device")),
    products=words("cisco duo"),
    services=words("duo"),
)

CLOUD: tuple[Kind, ...] = (
    _CLOUDTRAIL, _KUBERNETES, _OKTA, _GITHUB, _BITBUCKET, _GCP, _WORKSPACE,
    *_AZURE, _M365, _ONELOGIN, _DUO,
)  # fmt: skip
"""Those that come as plain JSON are tried in this order: the most particular marks first."""
