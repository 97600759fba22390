"""Names of fields that rules of others use, against records as their makers write them."""

import pytest

from rule_kit import record, rule_text, rules_of
from whodid.detection.compiled import compile_rules

_GCP = {"product": "gcp", "service": "gcp.audit"}
_WORKSPACE = {"product": "gcp", "service": "google_workspace.admin"}
_ACTIVITY = {"product": "azure", "service": "activitylogs"}
_AUDIT = {"product": "azure", "service": "auditlogs"}
_LOG_ENTRY = {
    "protoPayload": {
        "serviceName": "accesscontextmanager.googleapis.com", "methodName": "x.DeleteAccessPolicy",
        "authorizationInfo": [{"permission": "a.delete", "granted": True}],
    },
    "resource": {"type": "audited_resource"}, "logName": "projects/p/logs/activity",
}  # fmt: skip
_REPORT = {
    "kind": "admin#reports#activity", "id": {"applicationName": "admin"}, "actor": {},
    "ipAddress": "192.0.2.1",
    "events": [{"name": "ENFORCE_STRONG_AUTHENTICATION", "type": "SECURITY_SETTINGS",
                "parameters": [{"name": "NEW_VALUE", "value": "false"}]}],
}  # fmt: skip
_REPORT_ENTRY = {
    "protoPayload": {
        "serviceName": "admin.googleapis.com", "methodName": "google.admin.AdminService.x",
        "metadata": {"event": [{
            "eventName": "ENFORCE_STRONG_AUTHENTICATION", "eventType": "SECURITY_SETTINGS",
            "parameter": [{"name": "NEW_VALUE", "value": "false"}],
        }]},
    },
    "logName": "organizations/1/logs/activity",
}  # fmt: skip
_MFA_OFF = (
    "s: {eventService: admin.googleapis.com, eventName: ENFORCE_STRONG_AUTHENTICATION, "
    "new_value: 'false'}\ncondition: s"
)
_DELETED = (
    "s: {data.protoPayload.authorizationInfo.granted: 'true', "
    "data.protoPayload.serviceName: accesscontextmanager.googleapis.com}\ncondition: s"
)
_LINK = "Microsoft.Network/bastionHosts/createshareablelinks/action"
_LINK_RULE = f"s: {{operationName: {_LINK.upper()}}}\ncondition: s"


@pytest.mark.parametrize(
    ("where", "detection", "sent", "source"),
    [
        (_GCP, _DELETED, _LOG_ENTRY, "gcp"),
        (_GCP, "s: {protoPayload.methodName: x.DeleteAccessPolicy}\ncondition: s",
         _LOG_ENTRY, "any"),
        (_GCP, "s: {gcp.audit.method_name: x.DeleteAccessPolicy}\ncondition: s", _LOG_ENTRY, "any"),
        (_GCP, "s: {data.protoPayload.resource.type: audited_resource}\ncondition: s",
         _LOG_ENTRY, "any"),
        (_WORKSPACE, _MFA_OFF, _REPORT, "any"),
        (_WORKSPACE, _MFA_OFF, _REPORT_ENTRY, "gcp"),
        (_ACTIVITY, _LINK_RULE, {"operationName": {"value": _LINK}, "resourceId": "/s"}, "any"),
        (_ACTIVITY, _LINK_RULE, {"operationName": _LINK, "resourceId": "/s"}, "any"),
        (_ACTIVITY, _LINK_RULE, {"OperationNameValue": _LINK, "resourceId": "/s",
                                 "operationName": _LINK}, "any"),
        (_AUDIT, "s: {operationName: Add application}\ncondition: s",
         {"activityDisplayName": "Add application", "initiatedBy": {}}, "any"),
        (_AUDIT, "s: {properties.message: Add application}\ncondition: s",
         {"operationName": "Add application", "category": "AuditLogs", "time": "x"}, "azure"),
    ],
)  # fmt: skip
def test_a_rule_finds_its_field(tmp_path, where, detection, sent, source):
    rules = rules_of(tmp_path, rule_text(detection, source=where))
    assert compile_rules(rules).matching(record(sent, "json", source))


def test_logs_of_a_workspace_are_not_those_of_a_cloud(tmp_path):
    rules = rules_of(
        tmp_path, rule_text("s: {protoPayload.serviceName: '*'}\ncondition: s", source=_GCP)
    )
    matcher = compile_rules(rules)
    assert not matcher.matching(record(_REPORT_ENTRY, "json", "gcp"))
    assert matcher.matching(record(_LOG_ENTRY, "json", "gcp"))


def test_a_category_tells_azure_only_where_the_source_is_called_so(tmp_path):
    detection = "s: {operationName: Add application}\ncondition: s"
    matcher = compile_rules(rules_of(tmp_path, rule_text(detection, source=_AUDIT)))
    sent = {"operationName": "Add application", "category": "AuditLogs"}
    assert matcher.matching(record(sent, "json", "prod-azure"))
    assert not matcher.matching(record(sent, "json", "shop"))
