"""Rules in a running server: alerts soon, rules that change, and kills that change no alert.

WHODID_SEED chooses what is killed when.
"""

import json
import os
import random
import signal
import time

import pytest

from chance import SEED
from detector_kit import BURST, KEY_MADE, RULES, SETTINGS, House, cloudtrail
from running_server import wait_until


@pytest.fixture
def house(server):
    return House(server)


@pytest.mark.slow
def test_an_alert_comes_soon_and_is_an_entry(house):
    house.server.start()
    wait_until(lambda: house.events('action:="change rules"'), "rules are used")
    house.send(cloudtrail(1))
    wait_until(house.alerts, "there is an alert")
    [alert] = house.alerts()
    assert (alert["title"], alert["level"], alert["state"]) == ("Key made", "high", "open")
    [event] = house.events('action:="raise alert"')
    assert event["actor.id"] == "detector"
    wait_until(lambda: "whodid_detection_findings_total" in house.metrics(), "the metrics tell it")
    house.send(cloudtrail(2), cloudtrail(3))
    wait_until(lambda: len(house.titles()) == 2, "the burst is told before its hour is over")
    assert house.titles() == ["Burst of keys", "Key made"]
    assert house.server.stop() == 0
    assert "Traceback" not in house.server.said()


@pytest.mark.slow
def test_rules_change_while_it_runs_and_what_is_wrong_is_said(house):
    house.server.start()
    house.send(cloudtrail(1), cloudtrail(2))
    wait_until(house.alerts, "there is an alert")
    other = RULES.split("---", maxsplit=1)[0].replace("CreateAccessKey", "StopLogging")
    other = other.replace(KEY_MADE, "aaaaaaaa-0000-4000-8000-000000000003")
    other = other.replace("key_made", "stopped").replace("Key made", "Logging stopped")
    bad = house.rules / "bad.yml.new"  # no file of rules yet: each is there at once, and whole
    bad.write_text("title: Bad\ndetection: {condition: nothing}\n")
    bad.rename(house.rules / "bad.yml")
    wait_until(lambda: house.events('action:="rule fault"'), "what is wrong is said")
    new = house.rules / "other.yml.new"
    new.write_text(other)
    new.rename(house.rules / "other.yml")
    wait_until(lambda: len(house.events('action:="change rules"')) == 2, "the new one is used")
    house.send(cloudtrail(3, "StopLogging"), cloudtrail(4))
    wait_until(lambda: len(house.titles()) == 3, "old state and new rule find")
    assert house.titles() == ["Burst of keys", "Key made", "Logging stopped"]
    faults = house.events('action:="rule fault"')
    assert len(faults) == 1
    assert "bad.yml" in faults[0]["reason"]
    told = 'whodid_detection_rules{process="detector",state="faulty"} 1'
    wait_until(lambda: told in house.metrics(), "the metrics tell it")
    settings = house.server.directory / "whodid.toml"
    settings.write_text(SETTINGS + 'disabled_rules = ["stopped"]\n')
    house.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(house.events('action:="change rules"')) == 3, "one rule is off")
    settings.write_text(SETTINGS + "enabled = false\n")
    house.server.process.send_signal(signal.SIGHUP)
    assert house.server.stop() == 0


@pytest.mark.slow
def test_kills_change_no_alert(house):
    """The findings that alerts are made of are those of a backtest over the same ledger."""
    chance = random.Random(SEED)
    server = house.server
    server.start()
    number = kills = 0
    for _ in range(60):
        names = ("CreateAccessKey", "ListUsers", "CreateAccessKey")
        batch = []
        for _ in range(chance.randrange(1, 30)):
            number += 1
            user = chance.choice(("ann", "bob", "eve", "joe"))
            batch.append(cloudtrail(number, chance.choice(names), user, chance.randrange(60)))
        house.send(*batch)
        if chance.random() < 0.3:
            for pid in server.children().get("detector", ()):
                os.kill(pid, signal.SIGKILL)
                kills += 1
        time.sleep(chance.random() * 0.2)
    assert kills
    told = server.json("rules", "backtest", str(house.rules))
    expected = sum(one["rule"] == KEY_MADE for one in told["findings"])
    bursts = {json.dumps(one["key"]) for one in told["findings"] if one["rule"] == BURST}
    assert len(bursts) == 4

    def found(rule):
        return [alert for alert in house.alerts() if alert["rule"] == rule]

    def complete():
        return sum(alert["findings"] for alert in found(KEY_MADE)) >= expected

    wait_until(complete, "everything was looked at")
    assert sum(alert["findings"] for alert in found(KEY_MADE)) == expected, "none twice"
    assert sum(alert["events"] for alert in found(KEY_MADE)) == expected
    wait_until(lambda: len(found(BURST)) == 4, "each burst is an alert")
    assert server.verified() == []
    assert server.stop() == 0
