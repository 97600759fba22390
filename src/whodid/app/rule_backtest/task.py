"""What the faces ask of the process that looks over history, and what it answers. Values only."""

from pathlib import Path

from msgspec import Struct

from whodid.app.answer import Caller, Face
from whodid.app.turns import Left
from whodid.detection.alerts.alert import Silence
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings as WindowSettings
from whodid.query.rights import EVERYTHING


class Asker(Struct, frozen=True):
    """Who asks, as a process is told of him. He sees everything: that was checked."""

    name: str
    face: Face
    ip: str | None = None
    agent: str | None = None
    session: str | None = None
    request: str | None = None

    @classmethod
    def of(cls, caller: Caller) -> "Asker":
        """Return who a caller is."""
        return cls(
            caller.name, caller.face, caller.ip, caller.agent, caller.session, caller.request
        )

    def caller(self, left: Left) -> Caller:
        """Return him as a caller, who has gone when `left` says so."""
        return Caller(
            self.name, self.face, self.ip, self.agent, self.session, EVERYTHING, self.request, left
        )


class Windows(Struct, frozen=True):
    """How events are correlated (`windows.Settings`), with paths as texts."""

    lateness_us: int
    geo: str = ""
    calendars: str = ""

    @classmethod
    def of(cls, settings: WindowSettings) -> "Windows":
        """Return settings as a process is told of them."""
        return cls(settings.lateness_us, str(settings.geo or ""), str(settings.calendars or ""))

    def settings(self) -> WindowSettings:
        """Return the settings; nothing is told early over history."""
        return WindowSettings(
            lateness_us=self.lateness_us,
            early=False,
            geo=Path(self.geo) if self.geo else None,
            calendars=Path(self.calendars) if self.calendars else None,
        )


class Task(Struct, frozen=True):
    """A rule (its id) over the events received in the last `days`; `exclusions` are in force."""

    directory: str
    rule: str
    days: int
    asker: Asker
    choice: Choice
    windows: Windows
    exclusions: tuple[Silence, ...]
    memory_bytes_max: int


class Day(Struct, frozen=True):
    """Alerts that begin on a day (its start, µs UTC); `excluded` of them exclusions would mute."""

    start_us: int
    alerts: int
    excluded: int


class Found(Struct, frozen=True):
    """A finding: when, about whom, why, and its first events (ids)."""

    time_us: int
    count: int
    key: tuple[tuple[str, str], ...]
    why: str
    events: tuple[str, ...]


class Spared(Struct, frozen=True):
    """A suggestion (`tune.Suggestion`): values, the alerts that it spares and leaves, as Sigma."""

    values: tuple[tuple[str, str], ...]
    alerts: int
    left: int
    days: int
    sigma: str


class BacktestAnswer(Struct, frozen=True):
    """What a rule would have raised.

    `alerts` (of `findings` about `matched` events) are what the findings fold to; `excluded` of
    them exclusions in force would mute. `days` are those with alerts, in order, at most
    BACKTEST_DAYS_SHOWN, `earlier` alerts began before these. `keys` have the most alerts; `found`
    are the last findings, newest first; `suggestions` are for what is not excluded yet. `looked`
    events were looked at, of which `opened` had to be opened; seconds and bytes are what it
    took. `size` is that of the log.
    """

    alerts: int
    excluded: int
    findings: int
    matched: int
    alerts_a_day: float
    most_a_day: int
    days: tuple[Day, ...]
    earlier: int
    keys: tuple[tuple[str, int], ...]
    found: tuple[Found, ...]
    suggestions: tuple[Spared, ...]
    looked: int
    opened: int
    unreadable: int
    seconds: float
    memory_bytes: int
    first_us: int
    last_us: int
    size: int
    warnings: tuple[str, ...] = ()


class Answered(Struct, frozen=True):
    """What the process says last: an answer, or an error with the code of the error tree."""

    answer: BacktestAnswer | None = None
    error: str = ""
    code: str = ""
