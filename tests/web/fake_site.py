"""The pages over a fake log, with alerts, rules, an outbox and a user.

Not a test itself; run as a program it serves the pages on a loopback port, for looking at them.
"""

import sys
import tempfile
from pathlib import Path

import alert_kit
import desks_kit
from fake_log import ORIGIN, VKEY, FakeLog
from fake_stories import hostile_log, own_event, short, small_log, story_log
from hostile_events import HOSTILE, NOW_US, hostile_event
from state_keys import KEYS
from whodid.app.alert_desk import AlertDesk
from whodid.app.desks import Desks
from whodid.detection.rule import LEVELS
from whodid.query.own import is_own

__all__ = [
    "HOSTILE", "ORIGIN", "FakeLog", "hostile_event", "hostile_log", "own_event", "short",
    "small_log", "story_log",
]  # fmt: skip

PASSWORD = "correct horse battery staple"


def alerts_of(log: FakeLog, folder: Path) -> AlertDesk:
    """The desk of this log's alerts; acts on it are among what was recorded."""

    def write(caller, act):
        log._called(act.action, caller)
        log.recorded.append((caller.name, act.action, act.resource, act.ok, act.reason))

    return alert_kit.desk(folder, lambda: log.hits, write, alert_kit.Clock(NOW_US))


def desks_of(log: FakeLog, folder: Path) -> Desks:
    """The rules and the outbox of this log; looks over history wait for `log.processes`."""

    def write(caller, act, _once=None):
        log._called(act.action, caller)
        log.recorded.append((caller.name, act.action, act.resource, act.ok, act.reason))

    def start():
        log.processes.append(desks_kit.FakeProcess(waits=True))
        return log.processes[-1]

    log.folder = folder
    return desks_kit.desks(folder, log.alerts, write, lambda: NOW_US, start=start)


def raise_alerts(log: FakeLog) -> None:
    """Let the log's desk have alerts of every level, muted and closed ones among them."""
    desk, now = log.alerts, log.alerts.now
    others = [hit for hit in log.hits if not is_own(hit.event)]
    who = sorted({hit.event.who.actor_id for hit in others if hit.event.who.actor_id})
    for number, level in enumerate(LEVELS):
        actor = who[number % len(who)]
        hits = [hit for hit in others if hit.event.who.actor_id == actor][-3 - number :]
        rule = alert_kit.head(
            f"rule-{level}", level, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            description="Somebody did more of it than anybody did before.",
            tags=("attack.credential-access", "attack.t1110"), author="whodid",
            false_positives=("a script that lost its password",), references=("ATT&CK T1110",),
        )  # fmt: skip
        why = f"{actor} did it {len(hits)} times within 5 minutes; 14 others never did."
        now.now = NOW_US - (9 - number) * 3_600_000_000
        desk.alerts.take(
            [alert_kit.finding_of(hits, rule, (("actor.id", actor),), why, (("ip", "10.0.0.7"),))]
        )
    now.now = NOW_US
    first, second, *_ = alert_kit.all_of(desk.alerts)
    desk.alerts.assign(second.id, "admin", "omar")
    desk.alerts.acknowledge(second.id, "omar", "I look at it")
    desk.alerts.note(second.id, "omar", "the door was open")
    desk.alerts.close(first.id, "omar", "benign", "a drill")
    desk.alerts.silence(
        "admin", "restore test", rule="rule-medium", key=(("actor.id", who[2 % len(who)]),),
        expires_us=NOW_US + 3_600_000_000,
    )  # fmt: skip
    desk.alerts.silence("admin", "not here", kind="exclusion", rule="rule-noise", level="medium")


def site_of(log: FakeLog, folder: Path, *, demo: bool = True):
    """The pages of this log as an application, its doorkeeper, and its user `admin`."""
    from starlette.applications import Starlette

    from whodid.access.doorkeeper import Doorkeeper
    from whodid.access.password import Cost
    from whodid.api.make_api import make_api
    from whodid.ledger.state_db import StateDb
    from whodid.web.make_web import make_web
    from whodid.web.site import PublicLog

    StateDb(folder, KEYS.doors).close()
    log.alerts = alerts_of(log, folder)
    desks = desks_of(log, folder)
    doorkeeper = Doorkeeper(folder, KEYS, cost=Cost(memory_kib=8, passes=1, lanes=1))
    admin = doorkeeper.users.add("admin", PASSWORD, "investigator")
    public = PublicLog(ORIGIN, VKEY.encode(), "/ledger/demo", log.note)
    web = make_web(log, doorkeeper, public, desks, demo=demo)
    stopping = []
    api = make_api(
        log, doorkeeper, ledger_files={}, metrics=str, desks=desks, stopping=lambda: bool(stopping)
    )
    app = Starlette(routes=[*api, *web.routes], middleware=web.middleware)
    app.state.stop = lambda: stopping.append(True)
    return app, doorkeeper, admin


if __name__ == "__main__":
    import uvicorn

    logs = {"story": story_log, "empty": FakeLog, "small": small_log,
            "hostile": lambda: hostile_log()[0]}  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        shown = logs[sys.argv[2]]()
        app, doorkeeper, admin = site_of(shown, Path(name))
        if sys.argv[2] == "story":
            raise_alerts(shown)
        link = doorkeeper.sessions.issue_link(admin)
        print(f"http://127.0.0.1:{sys.argv[1]}/login/{link}", flush=True)
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
