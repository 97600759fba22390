"""Closures decide records as the Sigma specification says; the index leaves no match out."""

import json
import random

import pytest

from rule_kit import record, rule_text, rules_of
from whodid.detection.compiled import compile_rules
from whodid.detection.compiled.needles import Needles
from whodid.detection.record import Record
from whodid.detection.taxonomy import native_of

EVENT = {
    "eventVersion": "1.08",
    "eventTime": "2026-03-02T22:15:00Z",
    "eventSource": "iam.amazonaws.com",
    "eventName": "CreateUser",
    "awsRegion": "eu-central-1",
    "sourceIPAddress": "203.0.113.77",
    "userAgent": "aws-cli/2.1 Python/3.9 -x command",
    "readOnly": False,
    "errorCode": None,
    "requestParameters": {
        "userName": "Ada",
        "empty": "",
        "count": 5,
        "size": 5.5,
        "five": "5",
        "whole": 7.0,
        "date": 1_772_489_700,
        "sets": {"items": [{"port": 22, "cidr": "0.0.0.0/0"}, {"port": 443, "tags": ["a", "b"]}]},
        "path": "C:\\Windows\\system32",
        "star": "a*b",
        "lines": "one\ntwo",
    },
    "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/Ada", "userName": "Ada"},
    "eventID": "e1",
}

CASES = [
    # texts
    ("eventName: createuser", True), ("eventName: CreateUse", False),
    ("eventName|cased: createuser", False), ("eventName|cased: CreateUser", True),
    ("eventName: [x, CREATEUSER]", True), ("eventName: 'create*'", True),
    ("eventName: '*user'", True), ("eventName: 'c*e*r'", True), ("eventName: 'c*z*r'", False),
    ("eventName: 'createuse?'", True), ("eventName: 'createuser?'", False),
    ("eventName: '*'", True), ("missing: '*'", False),
    ("eventName|startswith: CREATE", True), ("eventName|endswith: USER", True),
    ("eventName|contains: teus", True), ("eventName|contains|cased: TEUS", False),
    ("userAgent|contains|all: [aws, python]", True),
    ("userAgent|contains|all: [aws, ruby]", False),
    ("userAgent|contains: ['nothing', 'aws-cli']", True),
    (r"requestParameters.star: 'a\*b'", True), (r"requestParameters.star: 'a\?b'", False),
    (r"requestParameters.path: 'C:\Windows\*32'", False),
    (r"requestParameters.path|endswith: '\system32'", True),
    (r"requestParameters.path: 'C:\\Windows\\*32'", True),
    ("requestParameters.empty: ''", True), ("requestParameters.userName: ''", False),
    ("missing: ''", False), ("requestParameters.lines: 'one*two'", True),
    # missing, null, exists
    ("missing: null", True), ("errorCode: null", True), ("requestParameters.empty: null", False),
    ("eventName: null", False), ("eventName|exists: true", True), ("missing|exists: true", False),
    ("missing|exists: false", True), ("errorCode|exists: true", False),
    ("requestParameters|exists: true", True), ("eventName|neq: CreateUser", False),
    ("eventName|neq: DeleteUser", True), ("missing|neq: x", True),
    # numbers and truth values
    ("requestParameters.count: 5", True), ("requestParameters.count: '5'", True),
    ("requestParameters.count: 6", False), ("requestParameters.five: 5", True),
    ("requestParameters.size: 5.5", True), ("requestParameters.whole: 7", True),
    ("requestParameters.count|gt: 4", True), ("requestParameters.count|gt: 5", False),
    ("requestParameters.count|gte: 5", True), ("requestParameters.five|lt: 5.5", True),
    ("requestParameters.count|lte: 4", False), ("eventName|gt: 1", False),
    ("readOnly: false", True), ("readOnly: 'false'", True), ("readOnly: true", False),
    ("readOnly: 0", False), ("readOnly|lt: 1", False),
    # addresses
    ("sourceIPAddress|cidr: 203.0.113.0/24", True), ("sourceIPAddress|cidr: 203.0.114.0/24", False),
    ("sourceIPAddress|cidr: ['10.0.0.0/8', '203.128.0.0/9']", False),
    ("sourceIPAddress|cidr: ['10.0.0.0/8', '203.0.0.0/14']", True),
    ("sourceIPAddress|cidr: '2001:db8::/32'", False), ("eventName|cidr: 10.0.0.0/8", False),
    # regexes
    ("eventName|re: '^Create(User|Role)$'", True), ("eventName|re: '^create'", False),
    ("eventName|re|i: '^create'", True), ("requestParameters.lines|re: '^two$'", False),
    ("requestParameters.lines|re|m: '^two$'", True),
    ("requestParameters.lines|re: 'one.two'", False),
    ("requestParameters.lines|re|s: 'one.two'", True),
    # windash, base64
    ("userAgent|windash|contains: ' /x'", True), ("userAgent|contains: ' /x'", False),
    # other fields
    ("userIdentity.userName|fieldref: requestParameters.userName", True),
    ("userIdentity.arn|fieldref|endswith: requestParameters.userName", True),
    ("userIdentity.arn|fieldref|startswith: requestParameters.userName", False),
    ("userIdentity.arn|fieldref: missing", False), ("missing|fieldref: missing", False),
    # times
    ("eventTime|hour: 22", True), ("eventTime|hour|gte: 22", True), ("eventTime|minute: 15", True),
    ("eventTime|day: 2", True), ("eventTime|week: 10", True), ("eventTime|month: 3", True),
    ("eventTime|year: 2026", True), ("eventTime|hour|lt: 22", False), ("eventName|hour: 22", False),
    ("requestParameters.date|hour: 22", True), ("time|hour: 22", True),
    # lists of objects on the way, objects as text
    ("requestParameters.sets.items.port: 443", True),
    ("requestParameters.sets.items.port: 80", False),
    ("requestParameters.sets.items.tags: b", True),
    ("requestParameters.sets.items[].port: 22", True),
    ("requestParameters.sets.items[1].port: 22", False),
    ("requestParameters.sets.items[1].port: 443", True),
    ("requestParameters.sets|contains: '\"port\":22'", True),
    ("requestParameters.sets.items.port|gt: 400", True),
    # our Event, common schemas
    ("actor.name: ada", True), ("outcome: success", True), ("access: administer", True),
    ("resource.name: ada", True), ("ip|cidr: 203.0.113.0/24", True), ("user.name: Ada", True),
    ("event.action: CreateUser", True), ("src_endpoint.ip: 203.0.113.77", True),
    ("actor: 'arn:aws:iam::1:user/Ada'", True), ("actor: Ada", True),
    ("service.name: iam.amazonaws.com", True), ("source: aws", True),
]  # fmt: skip


@pytest.mark.parametrize(("item", "expected"), CASES)
def test_what_a_look_says(tmp_path, item, expected):
    texts = [
        rule_text(f"s: {{{_quoted(item)}}}\ncondition: s", "alone"),
        rule_text(f"s: {{{_quoted(item)}}}\ncondition: not s", "negated"),
        rule_text(f"s: {{{_quoted(item)}, eventSource: iam.amazonaws.com}}\ncondition: s", "and"),
        rule_text(f"s: {{{_quoted(item)}}}\no: {{eventName: Other}}\ncondition: s or o", "or"),
    ]
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(texts)))
    found = {rule.head.title for rule in matcher.matching(record(EVENT))}
    assert found == ({"alone", "and", "or"} if expected else {"negated"})


def _quoted(item: str) -> str:
    name, _, value = item.partition(": ")
    return f"'{name}': {value}"


def test_keywords_look_at_values_not_at_names(tmp_path):
    def rule(keywords: str, title: str) -> str:
        return rule_text(f"k: {keywords}\ncondition: k", title)

    texts = [
        rule("[ADA]", "plain"), rule("[eventName]", "a name"), rule("['arn:*:user']", "wildcard"),
        rule("['iam.amazonaws.com?CreateUser']", "across two values"), rule("[443]", "number"),
        rule("{'|all': [ada, IAMUser]}", "all"), rule("{'|all': [ada, nobody]}", "not all"),
        rule("{'|cased': ada}", "cased"), rule("{'|re': '^Create.*r$'}", "regex"),
        rule("{'|re': 'com.*Create'}", "regex across two values"),
    ]  # fmt: skip
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(texts)))
    found = {rule.head.title for rule in matcher.matching(record(EVENT))}
    assert found == {"plain", "wildcard", "number", "all", "regex"}


def test_keywords_of_a_line_and_of_an_own_event(tmp_path):
    linux = rule_text("k: ['accepted password*root']\ncondition: k", "l", {"product": "linux"})
    matcher = compile_rules(rules_of(tmp_path, linux))
    line = "Mar  2 13:06:56 web1 sshd[1]: Accepted password for root from 192.0.2.7 port 22 ssh2"
    assert matcher.matching(record(line, "authlog"))
    assert not matcher.matching(record(line.replace("root", "ada"), "authlog"))


def test_rules_are_about_their_logsource_only(tmp_path):
    sources = {
        "aws": {"product": "aws"}, "linux": {"product": "linux"},
        "all": {"product": "whodid"},
        "all cloudtrail": {"product": "whodid", "service": "cloudtrail"},
        "all postgres": {"product": "whodid", "service": "postgres"},
        "windows": {"product": "windows", "category": "process_creation"},
        "audit": {"service": "audit"},
    }  # fmt: skip
    texts = [rule_text("s: {action: '*'}\ncondition: s", it, sources[it]) for it in sources]
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(texts)))
    titles = [rule.head.title for rule in matcher.matching(record(EVENT))]
    assert titles == ["aws", "all", "all cloudtrail"]


_OKTA = {
    "eventType": "user.session.start", "published": "2026-01-01T00:00:00Z", "uuid": "u",
    "actor": {"alternateId": "ada@example.com", "displayName": "Ada"},
    "outcome": {"result": "FAILURE"}, "displayMessage": "User login",
}  # fmt: skip
_GCP = {
    "logName": "projects/p/logs/cloudaudit", "insertId": "1",
    "protoPayload": {"methodName": "SetIamPolicy", "authenticationInfo": {"principalEmail": "a@b"}},
}  # fmt: skip
_AZURE = {
    "time": "2026-01-01T00:00:00Z", "resourceId": "/S", "operationName": "DELETE/X",
    "category": "Administrative", "properties": {"message": "m", "statusCode": "OK"},
}  # fmt: skip
_K8S = {
    "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "a", "stage": "ResponseComplete",
    "verb": "create", "requestURI": "/x", "user": {"username": "u"},
    "objectRef": {"resource": "pods", "subresource": "exec"},
    "annotations": {"authorization.k8s.io/decision": "allow"},
}  # fmt: skip


_DECISION = "annotations.authorization.k8s.io/decision: allow"
_PRINCIPAL = "protoPayload.authenticationInfo.principalEmail: a@b"


@pytest.mark.parametrize(
    ("native", "format_name", "source", "logsource", "item"),
    [
        (_OKTA, "json", "sso", "okta/okta", "eventtype: USER.session.start"),
        (_OKTA, "json", "sso", "okta", "outcome.result: failure"),
        (_OKTA, "json", "sso", "okta", "actor.alternateid: ada@example.com"),
        (_GCP, "json", "x", "gcp/gcp.audit", "gcp.audit.method_name: SetIamPolicy"),
        (_GCP, "json", "x", "gcp", "methodName|endswith: IamPolicy"),
        (_GCP, "json", "x", "gcp", _PRINCIPAL),
        (_AZURE, "json", "x", "azure/activitylogs", "operationName: delete/x"),
        (_AZURE, "json", "x", "azure", "OperationName|startswith: delete"),
        (_AZURE, "json", "x", "azure", "CategoryValue: administrative"),
        (_AZURE, "json", "x", "azure", "properties.statusCode: ok"),
        (_AZURE, "json", "x", "azure", "statusCode: ok"),
        (_K8S, "kubernetes", "k", "kubernetes/audit", "objectRef.subresource: exec"),
        (_K8S, "kubernetes", "k", "kubernetes", "subresource: exec"),
        (_K8S, "kubernetes", "k", "kubernetes", _DECISION),
        ({"a": {"b": 1}, "user": "u"}, "json", "acme", "acme", "a.b: 1"),
        ({"a": {"b": 1}, "user": "u"}, "json", "prod-acme", "acme/x", "a.b: 1"),
        ({"a.b": 1, "user": "u"}, "json", "acme", "acme", "a.b: 1"),
    ],
)  # fmt: skip
def test_names_of_other_logs(tmp_path, native, format_name, source, logsource, item):
    logsource = dict(zip(("product", "service"), logsource.split("/"), strict=False))
    matcher = compile_rules(
        rules_of(tmp_path, rule_text(f"s: {{{_quoted(item)}}}\ncondition: s", source=logsource))
    )
    assert matcher.matching(record(native, format_name, source))


_ACCESS = (
    '192.0.2.9 - ada [02/Mar/2026:10:00:00 +0000] "GET /a/b.php?id=1%27 HTTP/1.1" 404 12 '
    '"https://example.com/" "sqlmap/1.7"'
)
_NGINX = {
    "time_iso8601": "2026-03-02T10:00:00Z", "remote_addr": "192.0.2.9", "remote_user": "ada",
    "request": "GET /a/b.php?id=1%27 HTTP/1.1", "status": "404", "body_bytes_sent": "12",
    "http_referer": "https://example.com/", "http_user_agent": "sqlmap/1.7",
}  # fmt: skip
_CADDY = {
    "level": "info", "logger": "http.log.access", "msg": "handled request", "ts": 1772445600.0,
    "request": {"remote_ip": "192.0.2.9", "method": "GET", "uri": "/a/b.php?id=1%27",
                "host": "h", "headers": {"User-Agent": ["sqlmap/1.7"],
                                         "Referer": ["https://example.com/"]}},
    "user_id": "ada", "status": 404, "size": 12,
}  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "format_name"), [(_ACCESS, "combined"), (_NGINX, "nginx"), (_CADDY, "caddy")]
)
@pytest.mark.parametrize(
    "item",
    [
        "cs-method: get", "c-uri|contains: 'php?id='", "cs-uri-query: 'id=1%27'",
        "cs-uri-stem|endswith: .php", "sc-status: 404", "sc-bytes: 12", "c-ip: 192.0.2.9",
        "cs-user-agent|startswith: sqlmap", "cs-referer|contains: example",
        "cs-username: ada", "sc-status|gte: 400",
    ],
)  # fmt: skip
def test_names_of_web_servers(tmp_path, raw, format_name, item):
    matcher = compile_rules(
        rules_of(
            tmp_path,
            rule_text(f"s: {{{_quoted(item)}}}\ncondition: s", source={"category": "webserver"}),
        )
    )
    assert matcher.matching(record(raw, format_name, "web"))


def test_native_comes_first_and_the_event_first_for_all_records(tmp_path):
    both = [
        rule_text("s: {outcome: FAIL}\ncondition: s", "native", {"product": "acme"}),
        rule_text("s: {outcome: failure}\ncondition: s", "event", {"product": "whodid"}),
        rule_text("s: {outcome: FAIL}\ncondition: s", "native of all", {"product": "whodid"}),
    ]
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(both)))
    raw = {"user": "ada", "action": "login", "outcome": "FAIL"}
    found = [rule.head.title for rule in matcher.matching(record(raw, "json", "acme"))]
    assert found == ["native", "event"]


def test_values_for_correlations(tmp_path):
    [rule] = rules_of(tmp_path, rule_text("s: {eventName: CreateUser}\ncondition: s"))
    matcher = compile_rules([rule])
    found = record(EVENT)
    assert matcher.values(found, rule, "userIdentity.arn") == ("arn:aws:iam::1:user/Ada",)
    assert matcher.values(found, rule, "actor.name") == ("Ada",)
    assert matcher.values(found, rule, "requestParameters.sets.items.port") == (22, 443)
    assert matcher.values(found, rule, "requestParameters.whole") == (7.0,)
    assert matcher.values(found, rule, "readOnly") == ("false",)
    assert matcher.values(found, rule, "missing") == ()


def test_hostile_records_decide_nothing_and_break_nothing(tmp_path):
    texts = [
        rule_text("s: {a|contains: x}\ncondition: s", "contains"),
        rule_text("k: [x]\ncondition: k", "keyword"),
        rule_text("s: {a|re: '(a+)+$'}\ncondition: s", "regex"),
        rule_text("s: {a|gt: 5}\ncondition: s", "number"),
        rule_text("s: {a|cidr: 10.0.0.0/8}\ncondition: s", "cidr"),
        rule_text("s: {a|hour: 5}\ncondition: s", "hour"),
        rule_text("s: {a.b.c|contains: x}\ncondition: s", "deep"),
        rule_text("s: {a: null}\ncondition: s", "null"),
    ]
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(texts)))
    whole = record(EVENT)
    for raw in (
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"a":"\\ud800"}', b'{"a":1e999}', b'{"a":' + b"9" * 5000 + b"}", b'{"a":"nan"}',
        b'{"a":"' + b"a" * 200_000 + b'!"}', json.dumps({"a": "9" * 100}).encode(),
        b'{"a":NaN}', b'{"a":{"b":[{"c":[[["y"]]]}]}}', b'{"a":"1_000"}', b'{"a":"\\u0000"}',
        b'{"a":-1}', b'{"a":99999999999999999999999}', b'{"a":"99999-99-99T99:99:99Z"}',
    ):  # fmt: skip
        groups = (*whole.groups[:6], raw, whole.groups[7])
        found = {it.head.title for it in matcher.matching(Record(0, groups, native_of))}
        assert found <= {"null", "keyword", "number"}, raw[:40]
    assert not matcher.matching(Record(0, (b"{", b"x", *[b"\xff"] * 6), native_of))


def test_the_order_is_that_of_loading(tmp_path):
    texts = [
        rule_text(f"s: {{eventName: '{it}*'}}\ncondition: s", f"r{number}")
        for number, it in enumerate(["C", "X", "Cr", "D", "Create"])
    ]
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(texts)))
    assert [it.head.title for it in matcher.matching(record(EVENT))] == ["r0", "r2", "r4"]


def test_keywords_in_records_with_escapes_and_other_letters(tmp_path):
    texts = [
        rule_text(f"k: [{it}]\ncondition: k", title)
        for it, title in [("kelvin", "k"), ("a/b", "slash"), ("100000", "number"), ("ada", "ada")]
    ]
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(texts)))

    def found(value: str) -> set[str]:
        raw = f'{{"eventName":"N","eventSource":"s","requestParameters":{{"v":{value}}}}}'
        return {it.head.title for it in matcher.matching(record(raw))}

    assert found('"\u212aelvin"') == {"k"}
    assert found('"\\u212aelvin"') == {"k"}
    assert found('"a\\/b"') == {"slash"}
    assert found("1e5") == {"number"}
    assert found('"\\u0041da"') == {"ada"}
    assert found('"Ada"') == {"ada"}
    assert found('"other"') == set()


def test_many_needles_are_found_however_they_are_looked_for():
    dice = random.Random(5)
    words = ["".join(dice.choices("abcd", k=dice.randint(1, 6))) for _ in range(400)]
    pairs = [(word, number) for number, word in enumerate(words)]
    few, many = Needles(pairs[:5]), Needles(pairs)
    for size in (0, 1, 2, 3, 10, 50, 400):
        text = "".join(dice.choices("abcde", k=size))
        for needles, count in ((few, 5), (many, 400)):
            said = {number for number in range(count) if words[number] in text}
            assert set(needles.numbers_in(text)) == said


def test_rules_of_both_kinds_and_spellings_share_a_path(tmp_path):
    texts = [
        rule_text("s: {requestParameters.userName: ada}\ncondition: s", "native"),
        rule_text(
            "s: {requestParameters.userName: ada}\ncondition: s", "all", {"product": "whodid"}
        ),
        rule_text("s: {requestParameters.sets.items.port: '22'}\ncondition: s", "plain"),
        rule_text("s: {'requestParameters.sets.items[].port': '22'}\ncondition: s", "marked"),
        rule_text("s: {requestParameters.sets|contains: port}\ncondition: s", "above"),
        rule_text("s: {requestParameters.whole|contains: '7'}\ncondition: s", "a float"),
        rule_text("s: {requestParameters.whole|endswith: '7'}\ncondition: s", "no end of it"),
    ]
    matcher = compile_rules(rules_of(tmp_path, "---\n".join(texts)))
    found = {rule.head.title for rule in matcher.matching(record(EVENT))}
    assert found == {"native", "all", "plain", "marked", "above", "a float"}
