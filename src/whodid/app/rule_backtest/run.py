"""One look over history with a rule: what the faces know of it. Values only."""

from typing import Literal, TypeAlias

from msgspec import Struct

from whodid.app.rule_backtest.task import Asker, BacktestAnswer
from whodid.detection.rule import Head

RunState: TypeAlias = Literal["running", "done", "failed", "ended"]
WITH_SERVER = "it ended with the server"
CUT_OFF = "cut off: the server ended"


class Run(Struct):
    """A look with a rule over the last `days`: by whom, since when, how it ended (µs UTC).

    `answer` is there when it is done; `error` says why it failed, or that it ended with the server.
    `ended_us` 0: it runs, or the server was killed with it. `asker` is there as long as the log may
    lack the event of a run that did not end well.
    """

    id: str
    rule: Head
    days: int
    by: str
    begun_us: int
    state: RunState = "running"
    ended_us: int = 0
    answer: BacktestAnswer | None = None
    error: str = ""
    asker: Asker | None = None
