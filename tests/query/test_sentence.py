import pytest

from whodid.event import Content, Context, Envelope, Event, What, When, Where, Who
from whodid.query.sentence import event_parts, event_sentence


def event(who=None, what=None, where=None, context=None, content=None, **envelope):
    return Event(
        When(id="i", received=5),
        who or Who(),
        what or What(),
        where or Where(),
        context or Context(),
        content or Content(),
        b"",
        Envelope(**{"source": "nginx", "format": "combined", **envelope}),
    )


ALICE = Who(actor_name="alice", actor_id="u-1")
SSH = {"access": "authenticate", "resource_name": "web-1"}


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            event(
                ALICE, What(action="SELECT", access="read", resource_name="customers", rows=1204)
            ),
            "alice read 1,204 rows of customers",
        ),
        (
            event(ALICE, What(action="INSERT", resource_name="t", rows=1)),
            "alice inserted 1 row into t",
        ),
        (
            event(ALICE, What(action="INSERT", resource_name="t")),
            "alice inserted into t",
        ),
        (
            event(
                Who(actor_id="john.doe@example.com"),
                What(action="FILE_UPLOAD", resource_name="customer-records.csv", outcome="success"),
            ),
            "john.doe@example.com uploaded customer-records.csv",
        ),
        (
            event(
                Who(actor_id="report-bot", actor_type="agent", actor_on_behalf_of="bob"),
                What(action="GetSecretValue", resource_name="prod/db", outcome="denied"),
            ),
            "agent report-bot (for bob) was denied GetSecretValue on prod/db",
        ),
        (
            event(ALICE, What(action="DELETE", resource_name="/x", outcome="denied")),
            "alice was denied deleting /x",
        ),
        (
            event(ALICE, What(action="RunInstances", outcome="failure")),
            "alice failed to call RunInstances",
        ),
        (
            event(ALICE, What(action="download", resource_name="a", resources=("b", "c"))),
            "alice downloaded a and 2 more",
        ),
        (
            event(None, What(action="GET", resource_name="/login"), Where(ip="1.2.3.4")),
            "someone at 1.2.3.4 read /login",
        ),
        (event(ALICE, What(access="delete", resource_type="table")), "alice deleted a table"),
        (event(ALICE, What(access="read")), "alice read something"),
        (
            event(
                Who(actor_id="admin"),
                What(action="Failed password", outcome="failure", **SSH),
                Where(ip="1.2.3.4"),
                labels=("invalid:user",),
            ),
            "someone (invalid user admin) failed to log in to web-1 from 1.2.3.4",
        ),
        (
            event(ALICE, What(action="Accepted publickey", outcome="success", **SSH)),
            "alice logged in to web-1",
        ),
        (event(ALICE, What(action="ConsoleLogin", **SSH)), "alice tried to log in to web-1"),
        (
            event(ALICE, What(action="session logout", outcome="success", **SSH)),
            "alice logged out of web-1",
        ),
        (
            event(ALICE, What(action="AssumeRole", access="authenticate", resource_name="r")),
            "alice called AssumeRole on r",
        ),
        (
            event(
                Who(actor_id="root"),
                What(action="COMMAND", access="execute", resource_name="/usr/bin/apt"),
                Where(host="web-1"),
                Context(service_name="sudo"),
            ),
            "root ran /usr/bin/apt on web-1 via sudo",
        ),
        (
            event(
                Who(actor_id="root"),
                What("COMMAND", "execute", "user", "deploy", "web-1", outcome="success"),
                context=Context(service_name="sudo"),
                content=Content(statement="/usr/bin/apt update"),
            ),
            "root ran /usr/bin/apt update as deploy on web-1 via sudo",
        ),
        (
            event(ALICE, What(action="session opened", outcome="success", **SSH)),
            "alice opened a session on web-1",
        ),
        (
            event(ALICE, What("session opened", "authenticate", "user", "root")),
            "alice opened a session as root",
        ),
        (
            event(None, What("session closed", "authenticate", "user", "root")),
            "someone closed a session of root",
        ),
        (
            event(None, What("Disconnected from", "authenticate"), Where(ip="1.2.3.4")),
            "someone at 1.2.3.4 disconnected",
        ),
        (
            event(ALICE, What(action="authentication failure", outcome="failure", **SSH)),
            "alice failed to log in to web-1",
        ),
        (
            event(ALICE, What("su", "authenticate", "user", "root", outcome="failure")),
            "alice failed to switch user to root",
        ),
        (
            event(None, What("password changed", "administer", "user", "bob", outcome="success")),
            "someone changed the password of bob",
        ),
        (
            event(
                None,
                What("does not exist", "administer", "user", "bob", outcome="failure"),
                context=Context(service_name="chpasswd"),
            ),
            "chpasswd: does not exist (bob), failed",
        ),
        (
            event(
                None,
                What("Unable to negotiate", resource_name="web-1", outcome="failure"),
                Where(ip="1.2.3.4"),
                Context(service_name="sshd"),
            ),
            "sshd: Unable to negotiate (web-1) from 1.2.3.4, failed",
        ),
        (
            event(ALICE, What("not allowed", "authenticate", outcome="denied")),
            "alice: not allowed, denied",
        ),
        (
            event(ALICE, What("failed adding user", resource_name="bob", outcome="failure")),
            "alice: failed adding user (bob)",
        ),
        (
            event(
                None,
                What(access="other", resource_name="web-1"),
                content=Content(message="started"),
            ),
            "nginx reported: started",
        ),
        (
            event(ALICE, What(action="CREATE INDEX", access="create", resource_name="t_pkey")),
            "alice created index t_pkey",
        ),
        (event(ALICE, What(action="ALTER ROLE", access="administer")), "alice altered role"),
        (event(quarantine="no time"), "quarantined record from nginx: no time"),
        (event(content=Content(message="a\nb")), "nginx reported: a b"),
        (event(ALICE), "alice did something in nginx"),
    ],
)
def test_one_sentence(made, sentence):
    assert event_sentence(made) == sentence


def test_parts_can_be_linked():
    made = event(ALICE, What(action="read", resource_name="customers"))
    assert event_parts(made) == [
        ("actor", "alice"),
        ("plain", " "),
        ("verb", "read"),
        ("plain", " "),
        ("resource", "customers"),
    ]


def test_hostile_content_stays_short_and_plain():
    long = "\u202e<b>\n" * 2000
    made = event(Who(actor_id=long, actor_on_behalf_of=long), What(action=long, resource_name=long))
    sentence = event_sentence(made)
    assert len(sentence) < 700
    assert sentence.isprintable()


@pytest.mark.parametrize(
    ("action", "resource", "rows", "said"),
    [
        ("crm.export_customers", "customers", 50_000, "exported 50,000 rows from customers"),
        ("CUSTOMER_SEARCH", "customers", None, "searched customers"),
        ("export_customers", "payroll", 7, "called export_customers on payroll (7 rows)"),
        ("FilterLogEvents", "/ecs/billing", None, "called FilterLogEvents on /ecs/billing"),
    ],
)
def test_a_verb_that_names_its_resource_again_is_said_once(action, resource, rows, said):
    what = What(action=action, access="read", resource_name=resource, rows=rows)
    assert event_sentence(event(ALICE, what)) == f"alice {said}"
