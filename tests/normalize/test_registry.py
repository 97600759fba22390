# Records of log lines read better whole.
# ruff: noqa: E501
"""The built-in formats by name, and which of them a record is."""

import pytest

from whodid.errors import UsageError
from whodid.normalize.registry import FORMATS, detect, format_by_name
from whodid.testing.format_conformance import check_disjoint

SAMPLES = {
    "json": [b'{"userId":"a","action":"x"}', b' {"actor":{"id":"a"},"time":1}'],
    "cloudtrail": [
        b'{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject"}'
    ],
    "postgres": [
        (
            b'{"timestamp":"2026-11-21 19:13:39.168 UTC","user":"a","session_id":"6b01ed63.7334",'
            b'"line_num":1,"error_severity":"LOG","message":"x","backend_type":"client backend"}'
        )
    ],
    "kubernetes": [
        (
            b'{"level":"Metadata","auditID":"7e0c","stage":"RequestReceived","verb":"get",'
            b'"requestURI":"/healthz","user":{"username":"a"},"sourceIPs":["1.2.3.4"]}'
        )
    ],
    "ocsf": [
        (
            b'{"class_uid":6003,"activity_id":2,"metadata":{"version":"1.3.0"},'
            b'"actor":{"user":{"name":"a"}},"api":{"operation":"GetObject"}}'
        )
    ],
    "logfmt": [b'ts=2026-11-21T19:14:21Z level=info user=ada action=read resource="a b"'],
    "postgres-csv": [
        b'2026-11-21 19:13:39.168 UTC,"a","crm",7,"[local]",6b01ed63.7334,1,"idle",2026-11-21 19:13:39 UTC,3/5,0,LOG,00000,"AUDIT: SESSION,1,1,READ,SELECT,,,select 1,<none>",,,,,,,,,"",,,0',
        b"2026-11-21 19:13:39.168 CET,,,7,,6b01ed63.7334,1,,2026-11-21 19:13:39 CET,,0,LOG,00000,,",
    ],
    "postgres-stderr": [
        b"2026-11-21 19:13:39.168 UTC [29492] LOG:  listening on IPv4 address 0.0.0.0, port 5432",
        b"2026-11-21 19:13:39.168 UTC [29492] a@crm ERROR:  x\n\ty\n2026-11-21 19:13:39.168 UTC [29492] a@crm STATEMENT:  select {",
        b"2026-11-21 19:13:39 UTC:192.0.2.7(3756):a@crm:[29492]:LOG:  Failed password for root from x",
    ],
    "mariadb": [
        b"20261121 19:14:15,db1,root,localhost,4,2,QUERY,,'create database crm',0",
        b"20261121 19:14:15,db1,a,,4,5,CREATE,crm,customers,",
    ],
    "nginx": [
        b'{"time":"2026-11-21T19:14:21+00:00","remote_addr":"1.2.3.4","remote_user":"a","method":"GET","uri":"/","status":200}',
        b' {"remote_addr": "1.2.3.4", "remote_user": "", "request": "GET / HTTP/1.1", "status": "200"}',
    ],
    "caddy": [
        b'{"level":"info","ts":1.5,"logger":"http.log.access.log0","msg":"handled request","request":{"method":"GET","uri":"/"},"user_id":"a"}',
        b'{"level":"info","ts":1.5,"logger":"admin.api","msg":"received request","method":"POST","uri":"/load"}',
    ],
    "syslog": [
        b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
        b'<34>1 2003-10-11T22:14:15.003Z h app 7 ID47 [a@1 userId="x"] {"userId":"a","action":"x"}',
        b"<86>Nov 21 19:14:21 host sshd[7]: Failed password for root from 1.2.3.4 port 22 ssh2",
    ],
    "combined": [b'1.2.3.4 - - [21/Nov/2026:19:14:21 +0000] "GET / HTTP/1.1" 200 5 "-" "x"'],
    "authlog": [
        b"Nov 21 19:14:21 host sshd[7]: Failed password for root from 1.2.3.4 port 22 ssh2"
    ],
}


def test_names_are_unique_and_found():
    names = [known.name for known in FORMATS]
    assert sorted(names) == sorted(SAMPLES)
    for known in FORMATS:
        assert format_by_name(known.name) is known


def test_an_unknown_name_has_a_suggestion():
    with pytest.raises(UsageError, match="cloudtrail"):
        format_by_name("cloudtrial")
    with pytest.raises(UsageError, match="known: "):
        format_by_name("zzz")


def test_each_takes_only_its_own():
    check_disjoint({format_by_name(name): records for name, records in SAMPLES.items()})
    for name, records in SAMPLES.items():
        for record in records:
            assert detect(record).name == name


@pytest.mark.parametrize("record", [b"", b"\x00", b"hello", b"{", b"[1]", b"{}", b'{"a":1}'])
def test_what_none_takes(record):
    assert detect(record) is None
