"""A running server that detects, and who sends to it."""

import os
import time
from pathlib import Path

_EAGER = str(Path(__file__).with_name("eager"))
"""On PYTHONPATH of a server, nobody stands behind others: on a busy machine they would not run."""

KEY_MADE = "aaaaaaaa-0000-4000-8000-000000000001"
BURST = "aaaaaaaa-0000-4000-8000-000000000002"
RULES = f"""
title: Key made
id: {KEY_MADE}
name: key_made
logsource: {{product: aws, service: cloudtrail}}
detection:
  selection: {{eventName: CreateAccessKey}}
  condition: selection
level: high
---
title: Burst of keys
id: {BURST}
correlation:
  type: event_count
  rules: [key_made]
  group-by: [userIdentity.userName]
  timespan: 1h
  condition: {{gte: 3}}
  generate: true
level: critical
"""
SETTINGS = "[detection]\npacks = []\nlearning = false\n"


def cloudtrail(number, name="CreateAccessKey", user="eve", second=0):
    """A record of `second` seconds ago."""
    return {
        "eventVersion": "1.08", "eventID": f"id-{number}", "eventName": name,
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - second)),
        "eventSource": "iam.amazonaws.com", "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.7",
        "userIdentity": {"type": "IAMUser", "userName": user, "arn": f"arn:aws:iam::1:user/{user}"},
    }  # fmt: skip


class House:
    """A server with our rules, and a source that sends to it."""

    def __init__(self, server, settings=SETTINGS, rules=RULES):
        self.server = server
        known = server.env.get("PYTHONPATH")
        server.env["PYTHONPATH"] = os.pathsep.join([_EAGER, known] if known else [_EAGER])
        self.rules = server.directory / "rules"
        self.rules.mkdir()
        (self.rules / "mine.yml").write_text(rules)
        (server.directory / "whodid.toml").write_text(settings)
        server.run("source", "add", "trail", "--format", "cloudtrail")
        self.token = server.token("--source", "trail")

    def send(self, *records):
        with self.server.client(self.token) as client:
            answer = client.post("/v1/events", json={"Records": list(records)})
            assert answer.status_code == 200, answer.text
            return answer.json()

    def alerts(self, **options):
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        return self.server.json("alerts", "--state", "all", "--limit", "500", *arguments)["alerts"]

    def metrics(self):
        with self.server.client() as client:
            return client.get("/metrics").text

    def titles(self):
        return sorted(alert["title"] for alert in self.alerts())

    def events(self, text):
        return self.server.json("search", "--own", text)["events"]
