"""Verbs and status words as products write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.event import Access
from whodid.normalize.access import access_of, outcome_of


@pytest.mark.parametrize(
    ("action", "service", "access"),
    [
        ("FILE_UPLOAD", None, "create"),
        ("file.downloaded", None, "read"),
        ("GetObject", "s3.amazonaws.com", "read"),
        ("PutObject", "s3.amazonaws.com", "create"),
        ("ListBuckets", None, "read"),
        ("PutUserPolicy", "iam.amazonaws.com", "administer"),
        ("CreateAccessKey", "iam.amazonaws.com", "administer"),
        ("AttachRolePolicy", "iam.amazonaws.com", "administer"),
        ("AttachVolume", "ec2.amazonaws.com", "update"),
        ("StopLogging", "cloudtrail.amazonaws.com", "administer"),
        ("ConsoleLogin", None, "authenticate"),
        ("AssumeRoleWithSAML", None, "authenticate"),
        ("user.login", None, "authenticate"),
        ("user_logged_in", None, "authenticate"),
        ("GetLoginProfile", "iam.amazonaws.com", "read"),
        ("user.created", None, "administer"),
        ("RunInstances", None, "create"),
        ("Invoke", None, "execute"),
        ("GET", None, "read"),
        ("POST", None, "create"),
        ("PATCH", None, "update"),
        ("DELETE", None, "delete"),
        ("SELECT", None, "read"),
        ("INSERT", None, "create"),
        ("DROP TABLE", None, "delete"),
        ("GRANT", None, "administer"),
        ("ALTER ROLE", None, "administer"),
        ("TRUNCATE", None, "delete"),
        ("document viewed", None, "read"),
        ("frobnicate", None, None),
        ("", None, None),
    ],
)
def test_verbs(action, service, access):
    assert access_of(action, service) == access


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("SUCCESS", "success"), ("ok", "success"), ("Allowed", "success"), ("200", "success"),
        ("302", "success"), ("Failed", "failure"), ("ERROR", "failure"), ("500", "failure"),
        ("404", "failure"), ("denied", "denied"), ("access_denied", "denied"), ("403", "denied"),
        ("401", "denied"), ("pending", "unknown"), ("999", "unknown"), ("x" * 99, "unknown"),
        ("", "unknown"),
    ],
)  # fmt: skip
def test_outcomes(text, outcome):
    assert outcome_of(text) == outcome


@given(st.text(max_size=300), st.none() | st.text(max_size=100))
def test_any_text(action, service):
    assert access_of(action, service) in (None, *Access.__args__)
    assert outcome_of(action) in {"success", "failure", "denied", "unknown"}
