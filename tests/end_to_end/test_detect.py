"""Attacks on AWS as they were recorded, sent through HTTP, and the alerts that come of them."""

import json
from pathlib import Path

import pytest

from running_server import RunningServer, wait_until

DATA = Path(__file__).parents[3] / "shared/data/cloudtrail/stratus"


@pytest.fixture
def server(tmp_path):
    server = RunningServer(tmp_path).init()
    yield server
    server.stop()


@pytest.mark.slow
def test_recorded_attacks_become_alerts(server):
    if not DATA.is_dir():
        pytest.skip("the real logs of ../shared/data are not here")
    server.run("source", "add", "trail", "--format", "cloudtrail")
    token = server.token("--source", "trail")
    server.start()
    sent = 0
    with server.client(token) as client:
        for path in sorted(DATA.glob("*.json")):
            document = json.loads(path.read_text())
            records = document["Records"] if isinstance(document, dict) else document
            answer = client.post("/v1/events", json={"Records": records})
            assert answer.status_code == 200, answer.text
            sent += answer.json()["accepted"]
    assert sent > 250

    def seen():
        with server.client() as client:
            text = client.get("/metrics").text
        values = {
            line.split("{")[0]: float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("whodid_detection_")
        }
        return (
            values.get("whodid_detection_events_total", 0) >= sent
            and values["whodid_detection_lag_entries"] == 0
        )

    def found():  # own events are counted, too: the last ones sent may still have to be looked at
        alerts = server.json("alerts", "--state", "all", "--limit", "500")["alerts"]
        return alerts if len({alert["rule"] for alert in alerts}) > 20 else None

    wait_until(seen, "every event was looked at")
    alerts = wait_until(found, "more than 20 rules found something")
    [one, *_] = [alert for alert in alerts if alert["level"] in {"high", "critical"}]
    assert one["why"]
    told = server.json("rules", "backtest", "aws_added_to_admin_group")
    assert told["events"] >= sent
    assert server.verified() == []
    assert server.stop() == 0
    assert "Traceback" not in server.said()
