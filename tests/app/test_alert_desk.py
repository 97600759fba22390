"""Alerts of a real ledger, for people of real roles: no more than the events themselves tell."""

import contextlib

import msgspec
import pytest

import alert_kit
from alert_kit import Killed, finding_of, head
from whodid.access.rights import may_handle, rights_of
from whodid.access.users import User
from whodid.app.alert_answer import AlertQuery, place_of
from whodid.app.alert_document import (
    alert_answer_document,
    alerts_document,
    effect_document,
    silence_document,
)
from whodid.app.alert_journal import is_about_alerts
from whodid.app.alerting import open_alerts
from whodid.app.answer import Caller
from whodid.app.reading import LedgerReading
from whodid.app.rule_standing import RulesFile, RulesStanding, UsedRule
from whodid.detection.alerts.record import Raised
from whodid.detection.entries import portions
from whodid.detection.rule import LEARNED_ID
from whodid.errors import AccessDeniedError, UsageError
from whodid.sources.intake import Delivery

HOUR_US = 3_600_000_000


def person(name, role="reader", filter_text="", deny=(), face="web"):
    user = User(name, role, filter=filter_text, deny=deny)
    return Caller(
        name, face, "10.0.0.1", session=f"s-{name}", rights=rights_of(user),
        handles=may_handle(user),
    )  # fmt: skip


INGRID = person("ingrid", "investigator")
RITA = person("rita")
APRIL = person("april", "approver")
ADA = person("ada", "administrator")


def record(number, source):
    return {
        "id": f"0190a0a0-0000-7000-8000-{number:012x}", "userId": ("alice", "bob")[number % 2],
        "action": "READ", "resource": ("customers", "payroll")[number % 2], "ip": "10.0.0.7",
        "statement": "SELECT secret-text", "rows": number,
        "timestamp": f"2026-11-13T10:00:{number:02d}Z", "source": source,
    }  # fmt: skip


@pytest.fixture
def reading(directory, keys, port, clock, intake):
    for source in ("shop", "hr"):
        port.declare_source(source, "json", source)
        data = [msgspec.json.encode(record(number, source)) for number in range(6)]
        intake.accept(Delivery(source, data, clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


@pytest.fixture
def alerts(directory, keys, port, clock, reading):
    return open_alerts(directory, keys, port, clock)


def hits(reading, text):
    return reading.search(INGRID, text, limit=50).events[::-1]


SHOP = "source:shop resource:customers"


@pytest.fixture
def raised(reading, alerts):
    """One alert of the shop's events of customers, one of both sources', one without events."""
    by_actor = (("actor.id", "alice"),)
    reads = ("actor.id", "resource.name")
    shop = finding_of(
        hits(reading, SHOP), head("shop", "high", reads=reads), by_actor, "alice read 3 times",
        (("ip", "10.0.0.7"), ("statement", "SELECT secret-text")),
    )  # fmt: skip
    both = finding_of(
        hits(reading, "resource:payroll"), head("both", "medium", reads=(*reads, "statement")),
        (("actor.id", "bob"),), "bob read 6 times",
    )  # fmt: skip
    silent = finding_of(hits(reading, SHOP)[:1], head("silent", "low"), (("source", "hr"),))
    silent = msgspec.structs.replace(silent, matches=(), count=0)
    alerts.take([shop, both, silent])
    return alerts


def rules(answer):
    return {shown.alert.rule for shown in answer.alerts}


def page(reading, caller, **asked):
    return reading.alerts.page(caller, AlertQuery(**asked))


def test_an_alert_is_an_event_of_the_ledger(reading, raised):
    found = reading.search(INGRID, 'service:whodid action:"raise alert"').events
    assert len(found) == 3
    event = next(hit.event for hit in found if hit.event.what.resource_parent == "shop")
    assert (event.what.resource_type, event.what.reason) == ("alert", "Title of shop")
    assert event.what.resource_labels == ("high",)
    assert event.who.actor_id == "detector"
    matched = tuple(hit.event.when.id for hit in hits(reading, SHOP))
    assert event.what.resources == matched
    document = msgspec.json.decode(event.raw, type=Raised)
    assert document.why == "alice read 3 times"
    assert document.rule.version == "v1"
    assert [match.id for match in document.matches] == list(matched)
    events = [row.event() for row in reading._reader.rows(0, reading._reader.refresh())]
    assert sum(is_about_alerts(event) for event in events if event is not None) == 3
    # Learning hears of them as the detector reads the log.
    portion = portions(reading._reader, 0, reading._reader.size, lambda *_: None)
    read = [record.event for part in portion for record in part.records]
    assert sum(map(is_about_alerts, read)) == 3
    # What events tell is in the raw part only.
    others = msgspec.json.encode([event.when, event.who, event.what, event.where, event.content])
    for text in (b"alice", b"10.0.0.7", b"secret-text"):
        assert text not in others
    about = f'service:whodid correlation:"{event.what.resource_name}"'
    assert [hit.event.when.id for hit in reading.search(INGRID, about).events] == [event.when.id]


def test_roles(reading, raised):
    assert rules(page(reading, INGRID)) == {"shop", "both", "silent"}
    assert rules(page(reading, RITA)) == {"shop", "both", "silent"}
    assert rules(page(reading, APRIL)) == {"shop", "both", "silent"}
    with pytest.raises(AccessDeniedError):
        page(reading, ADA)
    assert reading.alerts.open_count(INGRID) == 3
    assert reading.alerts.open_count(RITA) == 3
    assert reading.alerts.open_count(ADA) == 0
    found = reading.search(INGRID, "service:whodid actor:ada").events
    assert [(hit.event.what.action, hit.event.what.outcome) for hit in found] == [
        ("list alerts", "denied")
    ]
    assert raised.reconcile() is False  # looks at alerts are no records of them
    shown = page(reading, RITA).alerts[0].alert.id
    reading.alerts.show(RITA, shown)
    seen = reading.lookers(RITA, "").looks[0].event.what
    assert (seen.action, seen.resource_name) == ("show alert", shown)  # one's own looks
    assert raised.reconcile() is False
    looks = reading.search(INGRID, 'service:whodid action:"list alerts" actor:rita').events[1:]
    assert [(hit.event.what.access, hit.event.what.rows) for hit in looks] == [("read", 3)]


@pytest.mark.parametrize(
    ("filter_text", "seen"),
    [
        ("source:shop", {"shop"}),
        ("source:shop resource:customers", {"shop"}),
        ("source:hr", set()),
        ("rows:>0", {"both"}),
        ("source:shop OR source:hr", {"shop", "both"}),
        ("source:shop OR source:hr OR source:whodid", {"shop", "both"}),
        ("time:[2026-11-13T10:00:02Z TO now]", set()),
    ],
)
def test_with_a_filter_an_alert_is_there_when_all_of_its_events_are(
    reading, raised, filter_text, seen
):
    for role in ("reader", "investigator"):
        caller = person("rita", role, filter_text)
        found = page(reading, caller)
        assert rules(found) == seen
        assert found.open is None
        assert reading.alerts.open_count(caller) == len(seen)
        every = {shown.alert.rule: shown.alert.id for shown in page(reading, INGRID).alerts}
        for rule, alert_id in every.items():
            if rule in seen:
                assert len(reading.alerts.show(caller, alert_id).hits) in {3, 6}
                continue
            with pytest.raises(UsageError, match="there is no alert"):
                reading.alerts.show(caller, alert_id)
            if caller.handles:
                with pytest.raises(UsageError, match="there is no alert"):
                    reading.alerts.acknowledge(caller, alert_id)
        # Nor by a search: the events about alerts tell of events that are not his.
        for text in ('service:whodid action:"raise alert"', "secret-text service:whodid"):
            found = reading.search(caller, text, own=True).events
            assert {hit.event.what.resource_type for hit in found} <= {"ledger"}


def test_one_more_event_that_is_not_his_takes_the_alert_away(reading, raised):
    caller = person("rita", "reader", "source:shop")
    assert rules(page(reading, caller)) == {"shop"}
    more = finding_of(hits(reading, "source:hr resource:customers"), head("shop", "high"),
                      (("actor.id", "alice"),))  # fmt: skip
    raised.take([more])
    assert rules(page(reading, caller)) == set()
    assert page(reading, RITA).alerts[-1].alert.findings in {1, 2}


def test_denied_fields_are_not_learnt_of_an_alert(reading, raised):
    caller = person("ida", "investigator", "", ("statement", "ip"))
    found = page(reading, caller)
    assert rules(found) == {"shop"}  # `both` looks at the statement; of `silent` nobody knows
    [shown] = found.alerts
    assert shown.key == [("actor.id", "alice")]
    assert shown.values == [("ip", None), ("statement", None)]
    assert shown.why is None
    answer = reading.alerts.show(caller, shown.alert.id)
    text = str(alert_answer_document(answer))
    assert "10.0.0.7" not in text
    assert "secret-text" not in text
    assert "alice read 3 times" not in text
    # Notes may quote anything.
    reading.alerts.note(INGRID, shown.alert.id, "from 10.0.0.7")
    assert "10.0.0.7" not in str(alert_answer_document(reading.alerts.show(caller, shown.alert.id)))
    # And by no search or id.
    own = reading.search(INGRID, 'service:whodid action:"raise alert"').events[0].event.when.id
    with pytest.raises(UsageError):
        reading.event(caller, own)
    assert reading.search(caller, "service:whodid alice", own=True).events == []
    actor = person("ivo", "investigator", "", ("actor",))
    assert rules(page(reading, actor)) == set()


def test_a_withheld_value_cannot_be_guessed_by_asking_for_it(reading, raised):
    caller = person("ida", "investigator", "", ("ip",))
    raised.take([finding_of(hits(reading, SHOP), head("ips", reads=("actor.id",)),
                            (("ip", "10.0.0.7"), ("userIdentity.arn", "x")))])  # fmt: skip
    assert len(page(reading, INGRID, key=(("ip", "10.0.0.7"),)).alerts) == 1
    assert "ips" in rules(page(reading, caller))
    for field in ("ip", "userIdentity.arn"):
        with pytest.raises(AccessDeniedError, match="withheld"):
            page(reading, caller, key=((field, "10.0.0.7"),))
    found = next(s for s in page(reading, caller).alerts if s.alert.rule == "ips")
    assert found.key == [("ip", None), ("userIdentity.arn", None)]
    assert reading.alerts.show(caller, found.alert.id).related == []


def test_notes_and_what_was_learnt_are_not_for_who_sees_a_part(reading, raised):
    part = person("ina", "investigator", "source:shop")
    learnt = finding_of(hits(reading, SHOP), head(LEARNED_ID, "low"), (("actor.id", "zoe"),),
                        "none of her 14 peers did")  # fmt: skip
    raised.take([learnt])
    [one] = [s for s in page(reading, part).alerts if s.alert.rule == LEARNED_ID]
    assert one.why is None
    reading.alerts.note(INGRID, one.alert.id, "as in payroll")
    reading.alerts.note(part, one.alert.id, "I look")
    document = str(alert_answer_document(reading.alerts.show(part, one.alert.id)))
    assert "I look" in document
    assert "payroll" not in document
    assert "peers" not in document
    whole = str(alert_answer_document(reading.alerts.show(RITA, one.alert.id)))
    assert "payroll" in whole
    assert "peers" in whole


def test_an_alert_of_more_events_than_are_named_is_not_for_who_sees_a_part(reading, raised):
    many = finding_of(hits(reading, SHOP), head("many"), (("actor.id", "many"),))
    raised.take([msgspec.structs.replace(many, count=500)])
    assert "many" in rules(page(reading, RITA))
    assert "many" not in rules(page(reading, person("ina", "investigator", "source:shop")))


def test_what_is_about_whodid_itself_is_not_for_readers(reading, raised):
    own = reading.search(INGRID, "service:whodid action:search", limit=2).events
    raised.take([finding_of(own, head("own", "critical"), (("actor.id", "ingrid"),))])
    assert "own" in rules(page(reading, INGRID))
    assert "own" not in rules(page(reading, RITA))


def test_investigators_act_and_nobody_else(reading, raised):
    desk = reading.alerts
    shop = next(s.alert.id for s in page(reading, INGRID).alerts if s.alert.rule == "shop")
    for caller in (RITA, APRIL, ADA):
        for act in (
            lambda who: desk.acknowledge(who, shop),
            lambda who: desk.assign(who, shop, "x"),
            lambda who: desk.note(who, shop, "x"),
            lambda who: desk.close(who, shop, "benign"),
            lambda who: desk.reopen(who, shop),
            lambda who: desk.silence(who, "why", kind="exclusion", rule="shop", level=None, key=(),
                                     expires_us=None),
            lambda who: desk.end_silence(who, "x"),
            desk.silences,
            lambda who: desk.effect(who, rule="shop", level=None, key=(), days=30),
        ):  # fmt: skip
            with pytest.raises(AccessDeniedError):
                act(caller)
    assert desk.show(INGRID, shop).shown.alert.state == "open"
    desk.acknowledge(INGRID, shop, "looking")
    desk.close(INGRID, shop, "true positive", "it was her")
    event = reading.search(INGRID, 'service:whodid action:"close alert" outcome:success').events[0]
    who = event.event.who
    assert (who.actor_id, who.actor_session) == ("ingrid", "s-ingrid")
    assert event.event.where.ip == "10.0.0.1"
    assert b"it was her" in event.event.raw
    denied = reading.search(INGRID, "service:whodid outcome:denied actor:rita").total
    assert denied == 9


def test_who_sees_a_part_mutes_nothing(reading, raised):
    part = person("ina", "investigator", "source:shop")
    shop = next(s.alert.id for s in page(reading, part).alerts)
    reading.alerts.acknowledge(part, shop)
    with pytest.raises(AccessDeniedError, match="all alerts"):
        reading.alerts.silence(
            part, "why", kind="exclusion", rule="both", level=None, key=(), expires_us=None
        )


def test_muting_shows_its_effect_first(reading, raised, clock):
    desk = reading.alerts
    shop = next(s.alert.id for s in page(reading, INGRID).alerts if s.alert.rule == "shop")
    desk.close(INGRID, shop, "true positive")
    key = (("actor.id", "alice"),)
    found = desk.effect(INGRID, rule="", level=None, key=key, days=30)
    assert (found.alerts, found.muted, found.true_positives, found.open) == (3, 1, 1, 0)
    assert effect_document(found)["examples"][0]["id"] == shop
    assert desk.effect(INGRID, rule="shop", level="medium", key=(), days=1).muted == 0
    made = desk.silence(INGRID, "a drill", kind="silence", rule="both", level=None,
                        key=(("actor.id", "bob"),), expires_us=clock() + HOUR_US)  # fmt: skip
    assert rules(page(reading, INGRID)) == {"silent"}
    assert rules(page(reading, INGRID, muted=True)) == {"both"}
    [shown] = desk.silences(INGRID)
    document = silence_document(shown)
    assert document["key"] == [{"field": "actor.id", "value": "bob"}]
    assert (document["reason"], document["by"]) == ("a drill", "ingrid")
    desk.end_silence(INGRID, made.silence.id)
    assert rules(page(reading, INGRID)) == {"silent", "both"}
    assert desk.silences(INGRID) == []
    assert len(desk.silences(INGRID, ended=True)) == 1
    with pytest.raises(UsageError):
        desk.effect(INGRID, rule="", level=None, key=(), days=30)
    with pytest.raises(UsageError):
        desk.effect(INGRID, rule="x", level=None, key=(), days=0)


def test_the_list(reading, raised):
    document = alerts_document(page(reading, INGRID, limit=2))
    assert len(document["alerts"]) == 2
    assert document["open"]["high"] == 1
    older = page(reading, INGRID, limit=2, below=place_of(document["next"]))
    assert len(older.alerts) == 1
    assert older.next is None
    assert rules(page(reading, INGRID, level="medium")) == {"shop", "both"}
    assert rules(page(reading, INGRID, rule="both")) == {"both"}
    assert rules(page(reading, INGRID, key=(("actor.id", "bob"),))) == {"both"}
    assert rules(page(reading, INGRID, key=(("actor.id", "nobody"),))) == set()
    shop = next(s.alert.id for s in page(reading, INGRID).alerts if s.alert.rule == "shop")
    reading.alerts.assign(INGRID, shop, "omar")
    assert rules(page(reading, INGRID, assignee="omar")) == {"shop"}
    reading.alerts.close(INGRID, shop, "benign")
    assert rules(page(reading, INGRID)) == {"both", "silent"}
    assert rules(page(reading, INGRID, state="closed")) == {"shop"}
    assert rules(page(reading, INGRID, state="all")) == {"shop", "both", "silent"}
    with pytest.raises(UsageError):
        page(reading, INGRID, state="lost")


def test_related_alerts_and_their_events(reading, raised):
    shop = next(s.alert.id for s in page(reading, INGRID).alerts if s.alert.rule == "shop")
    raised.take([finding_of(hits(reading, SHOP), head("late", "low"), (("actor.id", "alice"),))])
    answer = reading.alerts.show(INGRID, shop)
    assert [one.alert.rule for one in answer.related] == ["late"]
    assert [hit.index for hit in answer.hits] == sorted(hit.index for hit in answer.hits)
    assert answer.unread == 0
    with pytest.raises(UsageError):
        reading.alerts.show(INGRID, "nothing")


def test_a_detector_that_is_killed_writes_each_alert_once(
    directory, keys, port, clock, reading, monkeypatch
):
    """Killed behind the write, and before it is in the table; then the same findings again."""
    alerts = open_alerts(directory, keys, port, clock)
    found = [finding_of(hits(reading, SHOP), head("shop")),
             finding_of(hits(reading, SHOP), head("other"))]  # fmt: skip
    journal, append = alerts._journal, alerts._journal.append

    def killed(records):
        append(records)
        raise Killed

    monkeypatch.setattr(journal, "append", killed)
    with pytest.raises(Killed):
        alerts.take(found)
    # The faces look before the detector is back.
    assert rules(page(reading, INGRID)) == {"shop", "other"}
    again = open_alerts(directory, keys, port, clock)
    assert again.take(found) == 0
    (directory / "alerts.db").unlink()
    again = open_alerts(directory, keys, port, clock)
    assert again.take(found) == 0
    assert reading.search(INGRID, 'service:whodid action:"raise alert"').total == 2


def test_beyond_the_table_the_ledger_knows_a_finding(directory, keys, port, clock, reading, alerts):
    import sqlite3

    found = finding_of(hits(reading, SHOP), head("shop"))
    alerts.take([found])
    with contextlib.closing(sqlite3.connect(directory / "alerts.db")) as db, db:
        db.execute("DELETE FROM findings")
    assert alerts.take([found]) == 0
    assert reading.search(INGRID, 'service:whodid action:"raise alert"').total == 1
    assert page(reading, INGRID).alerts[0].alert.findings == 1


def test_made_again_through_the_index(directory, keys, port, clock, reading, raised, monkeypatch):
    """A table that is gone is made of what the index finds, where the ledger is long."""
    shop = next(s.alert.id for s in page(reading, INGRID).alerts if s.alert.rule == "shop")
    reading.alerts.close(INGRID, shop, "benign")
    before = alert_kit.dump(directory)
    monkeypatch.setattr("whodid.app.alert_journal._NEAR", 0)
    monkeypatch.setattr("whodid.app.alert_journal.PAGE_ROWS_MAX", 2)
    (directory / "alerts.db").unlink()
    assert len(alert_kit.all_of(open_alerts(directory, keys, port, clock))) == 3
    assert alert_kit.dump(directory) == before


def test_an_erased_entry_leaves_an_alert_without_words(reading, raised, monkeypatch):
    shop = next(s.alert for s in page(reading, INGRID).alerts if s.alert.rule == "shop")
    real = reading.alerts._journal_of(INGRID).at.__func__

    def gone(self, entries):
        return {e: r for e, r in real(self, entries).items() if e != shop.entry}

    monkeypatch.setattr("whodid.app.alert_journal.LedgerJournal.at", gone)
    answer = reading.alerts.show(INGRID, shop.id)
    assert (answer.shown.content, answer.hits) == (None, [])
    assert "gone" in answer.warnings[0]
    assert alert_answer_document(answer)["title"] == "Title of shop"
    for caller in (RITA, person("ida", "investigator", "source:shop")):
        assert "shop" not in rules(page(reading, caller))


def test_what_its_rule_says_stays_when_it_comes_again(reading, alerts, clock):
    """A repetition tells only which rule it was."""
    rule = head("shop", "high", description="Somebody reads.", tags=("attack.t1530",))
    for hit in hits(reading, SHOP)[:2]:
        alerts.take([finding_of([hit], rule, (("actor.id", "alice"),), f"why {hit.index}")])
    [found] = page(reading, INGRID).alerts
    shown = reading.alerts.show(INGRID, found.alert.id).shown
    assert shown.why == f"why {hit.index}"
    assert (shown.content.rule.description, shown.content.rule.tags) == (
        "Somebody reads.", ("attack.t1530",),
    )  # fmt: skip


def test_a_rule_is_called_by_its_id_or_name(reading, raised, directory, keys):
    used = tuple(
        UsedRule(msgspec.structs.replace(head(name), name=f"rule_{name}"), "rule", "own")
        for name in ("shop", "quiet")
    )
    RulesFile(directory, keys).write(RulesStanding(1, used))
    assert rules(page(reading, INGRID, rule="rule_shop")) == {"shop"}
    assert rules(page(reading, INGRID, rule="both")) == {"both"}  # raised it, and is gone
    assert rules(page(reading, INGRID, rule="rule_quiet")) == set()
    effect = reading.alerts.effect(INGRID, rule="rule_shop", level=None, key=(), days=30)
    assert effect.muted == 1
    made = reading.alerts.silence(
        INGRID, "a drill", kind="exclusion", rule="rule_quiet", level=None, key=(), expires_us=None
    )
    assert made.silence.rule == "quiet"


def test_a_rule_that_is_none_is_told(reading, raised, directory, keys):
    """It would find or mute nothing, and look as if all was well."""
    RulesFile(directory, keys).write(RulesStanding(1, ()))
    for call in (
        lambda: page(reading, INGRID, rule="shpo"),
        lambda: reading.alerts.effect(INGRID, rule="shpo", level=None, key=(), days=30),
        lambda: reading.alerts.silence(
            INGRID, "a drill", kind="silence", rule="shpo", level=None, key=(), expires_us=10**18
        ),
    ):
        with pytest.raises(UsageError, match="no rule 'shpo' is used here"):
            call()
    assert page(reading, RITA, rule="shpo").alerts == []  # who sees a part learns of no other
