"""Plain JSON is known for what it is by its keys; a logsource means the kinds that it says."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from whodid.detection.rule import LogSource
from whodid.detection.taxonomy import KINDS, kind_of, kinds_of, names_of
from whodid.normalize.registry import FORMATS

DATA = Path(__file__).resolve().parents[3] / "shared/data/panther-tests.jsonl.gz"
_MEANT = {
    "AWS.CloudTrail": ("cloudtrail",), "Okta.SystemLog": ("okta",), "GitHub.Audit": ("github",),
    "GCP.AuditLog": ("gcp",), "OneLogin.Events": ("onelogin",),
    "GSuite.ActivityEvent": ("google_workspace",), "Duo.Authentication": ("duo",),
    "Duo.Administrator": ("duo",), "Microsoft365.Audit.Exchange": ("m365",),
    "Microsoft365.Audit.AzureActiveDirectory": ("m365",),
    "Azure.Audit": ("azure-audit", "azure-signin", "azure-risk", "azure-activity"),
    "Azure.MonitorActivity": ("azure-activity",),
}  # fmt: skip


def test_sample_events_of_others_are_told_apart():
    if not DATA.is_file():
        pytest.skip("the sample events are beside the repository, and not here")
    right, wrong, strange = Counter(), Counter(), Counter()
    with gzip.open(DATA) as lines:
        for line in lines:
            sample = json.loads(line)
            types = sample["log_types"]
            types = [types] if isinstance(types, str) else types or []
            found = kind_of("json", "anything", sample["event"]).name
            if len(types) == 1 and types[0] in _MEANT:
                (right if found in _MEANT[types[0]] else wrong)[types[0]] += 1
            elif not set(types) & _MEANT.keys() and types and found != "json":
                strange[f"{types} {found}"] += 1
    assert sum(right.values()) > 500
    assert sum(wrong.values()) <= sum(right.values()) // 20, wrong
    assert sum(strange.values()) <= 10, strange


def test_the_category_tells_which_log_of_azure_it_is():
    for category, name in [
        ("SignInLogs", "azure-signin"), ("AuditLogs", "azure-audit"),
        ("Administrative", "azure-activity"), ("UserRiskEvents", "azure-risk"),
    ]:  # fmt: skip
        native = {"operationName": "x", "resourceId": "/t", "category": category}
        assert kind_of("json", "x", native).name == name


def test_every_format_is_a_kind():
    for known in FORMATS:
        assert kind_of(known.name, "x", None).name in {kind.name for kind in KINDS}
    assert kind_of("json+0011", "prod-okta", {"a": 1}).name == "okta"
    assert kind_of("auto", "x", None).name == "json"


@pytest.mark.parametrize(
    ("source", "kinds", "names"),
    [
        ((None, "aws", "cloudtrail"), ["cloudtrail"], []),
        (("webserver", None, None), ["combined", "nginx", "caddy"], []),
        (("database", None, None), ["postgres", "mariadb"], []),
        (("application", "kubernetes", "audit"), ["kubernetes"], []),
        ((None, "linux", "sshd"), ["linux"], []),
        ((None, "linux", "auditd"), [], ["auditd"]),
        (("process_creation", "windows", None), [], ["windows"]),
        ((None, "aws", "guardduty"), [], ["guardduty"]),
        ((None, None, "audit"), [], []),
        (("process_creation", None, None), [], ["process_creation"]),
        ((None, "gcp", "gcp.audit"), ["gcp"], []),
        ((None, "gcp", "google_workspace.admin"), ["google_workspace"], []),
        ((None, "whodid", "postgres"), ["postgres"], []),
        ((None, "whodid", "nothing"), [], []),
    ],
)
def test_what_a_logsource_means(source, kinds, names):
    said = LogSource(*source)
    assert [kind.name for kind in kinds_of(said)] == kinds
    assert sorted(names_of(said)) == names if not kinds else True
