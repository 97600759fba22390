"""What is wrong with the ledger or a source becomes an alert, in real processes."""

import os
import signal

import pytest

from detector_kit import SETTINGS, House, cloudtrail
from running_server import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def house(server):
    return House(server, SETTINGS + "[ledger]\nseal_after_seconds = 1\n")


def look_again(house):
    """A detector looks at the ledger when it starts; so it is started again."""
    pids = wait_until(lambda: detectors(house), "a detector runs")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return pids


def detectors(house):
    return set(house.server.children().get("detector", ()))


def of(house, title):
    return [alert for alert in house.alerts() if alert["title"] == title]


def test_a_clock_that_is_ahead_is_an_alert(house):
    house.server.start()
    house.send(*(cloudtrail(number, "ListUsers", second=-3600) for number in range(5)))
    look_again(house)
    [alert] = wait_until(lambda: of(house, "The clock of a source is wrong"), "an alert")
    assert alert["key"] == [{"field": "source", "value": "trail"}]
    assert "before their own time" in alert["why"]
    killed = look_again(house)
    wait_until(lambda: detectors(house) - killed, "it runs again")
    house.send(cloudtrail(9, "ListUsers"))
    assert len(of(house, "The clock of a source is wrong")) == 1, "the same alert goes on"
    assert house.server.stop() == 0


def test_a_sealed_file_that_was_altered_is_an_alert(house):
    house.server.start()
    house.send(*(cloudtrail(number, "ListUsers") for number in range(20)))
    payload = house.server.directory / "payload"
    [file, *_] = wait_until(lambda: sorted(payload.glob("*")), "the tail is sealed")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)
    token = house.server.token("--user", "ann")

    def found():
        with house.server.client(token) as client:
            return client.get("/v1/integrity").json()["faults"]

    with house.server.client(token) as client:
        assert client.post("/v1/integrity/verify").status_code == 202
    wait_until(found, "verification finds it")
    key = [{"field": "file", "value": f"payload/{file.name}"}]

    def alerted():  # a round that had read the file before may have told that the index differs
        return [one for one in of(house, "The ledger does not verify") if one["key"] == key]

    [alert] = wait_until(alerted, "an alert")
    assert alert["level"] == "critical"
    assert of(house, "The log itself is not what it was") == []
    house.server.stop()
