"""Faults of the ledger and its sources as findings, and as alerts of a real ledger."""

import msgspec
import pytest

import alert_kit
from whodid.app.alerting import open_alerts
from whodid.app.answer import SourceInfo
from whodid.app.integrity_answer import NOTHING_KNOWN, KnownFault
from whodid.app.integrity_findings import (
    BUILT_IN,
    integrity_findings,
    source_findings,
)
from whodid.app.self_watch import SelfWatch
from whodid.app.source_state import Gaps, SourceState
from whodid.index.lags import Way
from whodid.index.rhythm import Rhythm
from whodid.validation.report import Report, Standing
from whodid.validation.report_file import ReportFiles

NOW_US = 1_795_000_000_000_000
HOUR_US = 3_600_000_000


def fault(**more):
    kept = KnownFault("abc", "payload/1", 7, "altered", NOW_US - 5, NOW_US, "Keep a copy.", None)
    return msgspec.structs.replace(kept, **more)


def state(name="crm", rhythm=None, way=None, gaps=None):
    info = SourceInfo(name, "json", name, 0, 5, 0, NOW_US)
    return SourceState(info, NOW_US - HOUR_US, rhythm, way, gaps)


def ids(findings):
    return [finding.rule.id for finding in findings]


def test_faults_that_nobody_acknowledged():
    found = msgspec.structs.replace(
        NOTHING_KNOWN, faults=[fault(), fault(key="known", acknowledged_by="ada")],
        alarms=["The verification of the ledger found 1 fault."],
    )  # fmt: skip
    [finding] = integrity_findings(found, NOW_US)
    assert (finding.rule.id, finding.rule.level) == ("whodid-ledger-fault", "critical")
    assert finding.key == (("file", "payload/1"),)
    assert finding.why == "payload/1: entry 7: altered. Keep a copy."
    assert integrity_findings(NOTHING_KNOWN, NOW_US) == []


def test_a_damaged_file_is_one_alert_with_all_its_faults(tmp_path):
    alerts, _, clock = alert_kit.make(tmp_path)
    clock.now = NOW_US
    one = [fault(key=str(n), entry=n or None, problem=f"altered {n}") for n in range(7)]
    other = fault(key="x", where="leaves/2", entry=None)
    for known in (one[3:], one[3:], [other, *one]):
        found = msgspec.structs.replace(NOTHING_KNOWN, faults=known)
        alerts.take(integrity_findings(found, NOW_US))
        [finding] = [f for f in integrity_findings(found, NOW_US) if "payload" in f.why]
    assert {alert.findings for alert in alert_kit.all_of(alerts)} == {1}
    assert len(alert_kit.all_of(alerts)) == 2
    assert finding.values == (("faults", "7"),)
    assert finding.why == (
        "payload/1: 7 faults: altered 0; entry 1: altered 1; entry 2: altered 2; entry 3: altered "
        "3; entry 4: altered 4; and 2 more. Keep a copy."
    )
    later = fault(key="8", entry=8, first_seen_us=NOW_US + 1)
    found = msgspec.structs.replace(NOTHING_KNOWN, faults=[*one, later])
    alerts.take(integrity_findings(found, NOW_US + 2))
    assert sorted(alert.findings for alert in alert_kit.all_of(alerts)) == [1, 2], "it goes on"


def test_a_ledger_that_is_not_verified():
    alarm = "The ledger was not verified end to end within 24 hours."
    found = msgspec.structs.replace(NOTHING_KNOWN, alarms=[alarm])
    [finding] = integrity_findings(found, NOW_US)
    assert (finding.rule.id, finding.why) == ("whodid-ledger-unverified", alarm)


@pytest.mark.parametrize(
    ("one", "rules"),
    [
        (state(), []),
        (state(rhythm=Rhythm(0, [0] * 24, 9, 200, 30)), ["whodid-silent-source"]),
        (state("whodid", Rhythm(0, [0] * 24, 9, 200, 30)), []),
        (state(rhythm=Rhythm(0, [0] * 24, 9, 29, 30)), []),
        (state(gaps=Gaps(5, 1, 2)), ["whodid-missing-events"]),
        (state(gaps=Gaps(5, 0, 0)), []),
        (state(way=Way(3, 1, 9, -3_000_000, 1)), ["whodid-clock-skew"]),
        (state(way=Way(3, 400_000_000, 500_000_000, 400_000_000, 0)), ["whodid-clock-skew"]),
        (state(way=Way(3, 1, 9, 1, 0)), []),
        # a month read at once: events of weeks, which say nothing of a clock
        (state(way=Way(3, 1_300_000_000_000, 2_400_000_000_000, 400_000_000, 0)), []),
    ],
)
def test_sources(one, rules):
    findings = source_findings([one], NOW_US)
    assert ids(findings) == rules
    for finding in findings:
        assert finding.key == (("source", "crm"),)
        assert "crm" in finding.why


def test_the_words():
    [silent] = source_findings([state(rhythm=Rhythm(0, [0] * 24, 9, 3000, 90))], NOW_US)
    assert silent.why == (
        "crm is silent for 2 d 2 h; its longest pause of the last 7 days was 1 h 30 min."
    )
    [gaps] = source_findings([state(gaps=Gaps(5, 1, 2))], NOW_US)
    assert gaps.why == (
        "2 of 7 events of crm did not come in the last 24 hours: 1 gap in its numbers."
    )
    assert len({head.id for head in BUILT_IN}) == len(BUILT_IN)


def test_what_stands_is_one_alert_that_goes_on(tmp_path):
    alerts, _, clock = alert_kit.make(tmp_path)
    one = state(gaps=Gaps(5, 1, 2))
    for hour in range(30):
        clock.now = alert_kit.START_US + hour * HOUR_US
        alerts.take(source_findings([one], clock.now))
        alerts.tick()
    [alert] = alert_kit.all_of(alerts)
    assert alert.is_active
    assert 5 <= alert.findings <= 6
    clock.now += 25 * HOUR_US
    alerts.tick()
    assert not alert_kit.all_of(alerts)[0].is_active


def test_a_fault_of_a_real_ledger_becomes_an_alert(directory, keys, port, clock):
    watch = SelfWatch(directory, keys, port, clock)
    try:
        assert watch.findings() == []
        size = port.status().size
        standing = Standing("k1", "payload/0", 3, "altered", clock(), clock())
        report = Report(clock(), clock(), 24 * HOUR_US, faults=[standing])
        ReportFiles(directory, keys).write_report(report)
        alerts = open_alerts(directory, keys, port, clock)
        assert alerts.take(watch.faults()) == 1
        assert watch.faults() == [], "the report is the same"
        assert alerts.take(watch.findings()) == 0
        assert port.status().size == size + 1  # a look leaves no event, an alert does
    finally:
        watch.close()
    [change] = alerts.changes(-1, 10)
    assert (change.level, change.title) == ("critical", "The ledger does not verify")
    assert change.why.startswith("payload/0: entry 3: altered.")
