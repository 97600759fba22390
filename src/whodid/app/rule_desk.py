"""Rules for the faces: which are used, what came of them, and looks over history with one.

Each call is an event before it is answered. Who sees what:

| who | of rules | of what they found |
|---|---|---|
| investigator without a filter | all | all, and looks over history |
| other readers | what an alert says of its rule: title, level, tags | alerts that he sees |
| administrator | all: he sets them up | nothing |
"""

from collections.abc import Callable

from msgspec.structs import replace

from whodid.app.alert_answer import AlertQuery, ShownSilence
from whodid.app.alert_desk import AlertDesk
from whodid.app.answer import Caller
from whodid.app.own import Act, refuse
from whodid.app.rule_answer import Raises, RuleAnswer, RulesAnswer, ShownRule
from whodid.app.rule_backtest.run import Run
from whodid.app.rule_backtest.runs import History, Runs
from whodid.app.rule_standing import RulesFile, RulesStanding, UsedRule
from whodid.app.rule_text import rule_text
from whodid.detection.rule import LEVELS
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings as WindowSettings
from whodid.errors import InputError, UsageError
from whodid.query.rights import NOTHING

_ALERTS_SHOWN = 10
_RULES = "rules"

HistoryOf = Callable[[], tuple[Choice, WindowSettings]]
"""Returns which rules are used and how they correlate, as the settings say now."""


AlertsOf = Callable[[], AlertDesk]
"""Returns the alerts; they are opened when somebody asks, and may be damaged."""


class RuleDesk:
    """The rules of one ledger for its readers. Safe for threads; calls block.

    Every call raises AccessDeniedError, recorded, for who may not; RefusedError and StoppedError
    when its event cannot be written.
    """

    def __init__(
        self, file: RulesFile, alerts: AlertsOf, history: HistoryOf,
        write: Callable[[Caller, Act], None], runs: Runs,
    ) -> None:  # fmt: skip
        self._file = file
        self._alerts = alerts
        self._history = history
        self._write = write
        self._runs = runs

    # --- reading ---------------------------------------------------------------------------------

    def rules(self, caller: Caller) -> RulesAnswer:
        """Return every rule that is used, the gravest first, then by title."""
        act = Act("list rules", "read", "ledger", _RULES)
        self._check(caller, act)
        standing = self._file.read()
        whole, counts = _may_read_rules(caller), caller.rights.whole
        raised = self._raised() if counts else {}
        found = [] if standing is None else [
            _shown(one, standing, raised, whole=whole) for one in standing.rules
        ]  # fmt: skip
        found.sort(key=_by_level)
        self._write(caller, replace(act, rows=len(found)))
        return RulesAnswer(found, standing and _cut(standing, whole=whole), whole, counts)

    def rule(self, caller: Caller, name: str) -> RuleAnswer:
        """Return a rule by its id or name. Raises UsageError when none of it is used."""
        act = Act("show rule", "read", "rule", name[:256], rows=1)
        self._check(caller, act)
        standing, used = self._find(name)
        whole = _may_read_rules(caller)
        raised = self._raised() if caller.rights.whole else {}

        def shown(one: UsedRule) -> ShownRule:
            return _shown(one, standing, raised, whole=whole)

        parts = [one for one in standing.rules if one.head.id in used.rules]
        over = [one for one in standing.rules if used.head.id in one.rules]
        alerts = []
        if caller.rights.content:
            asked = AlertQuery(state="all", rule=used.head.id, limit=_ALERTS_SHOWN)
            alerts = self._alerts().page(caller, asked).alerts
        text, told = _text(used) if whole else (None, "withheld from you")
        self._write(caller, act)
        return RuleAnswer(
            shown(used), text, told, [shown(one) for one in parts] if whole else [],
            [shown(one) for one in over] if whole else [], alerts,
            self._exclusions(caller, used.head.id),
            self._runs.of(used.head.id) if caller.rights.whole else [], whole, caller.rights.whole,
        )  # fmt: skip

    # --- looks over history ----------------------------------------------------------------------

    def begin(self, caller: Caller, name: str, days: int) -> Run:
        """Begin a look over the events received in the last days. For who sees every event.

        Raises UsageError for no such rule or days that are none, RefusedError while another runs.
        """
        act = Act("backtest", "read", "ledger", f"now-{days}d", name[:256])
        self._check_whole(caller, act)
        _, used = self._find(name)
        if used.silent or used.is_built_in:
            why = "is only part of others" if used.silent else "is part of whodid"
            raise UsageError(f"{used.head.title!r} {why}: there is no look over history with it")
        choice, windows = self._history()
        exclusions = tuple(one.silence for one in self._exclusions(caller, used.head.id))
        return self._runs.begin(caller, used.head, days, History(choice, windows, exclusions))

    def run(self, caller: Caller, run_id: str) -> Run:
        """Return a look, with its answer when it has one. Raises UsageError when there is none.

        It is an event when there is an answer to be shown: whoever waits asks often.
        """
        act = Act("show backtest", "read", "ledger", run_id[:64])
        self._check_whole(caller, act)
        run = self._runs.get(run_id)
        if run.answer is not None:
            shown = run.answer.alerts
            self._write(caller, replace(act, content=run.rule.title, rows=shown))
        return run

    def end(self, caller: Caller, run_id: str) -> Run:
        """End a look. Raises UsageError when there is none."""
        self._check_whole(caller, Act("end backtest", "administer", "ledger", run_id[:64]))
        return self._runs.end(run_id)

    def running(self, caller: Caller) -> Run | None:
        """Return the look that runs, for who may see it."""
        return self._runs.running if caller.rights.whole else None

    def write_owed(self) -> bool:
        """Write what the log lacks of looks that did not end well; return whether it has all."""
        return self._runs.write_owed()

    def close(self) -> None:
        """End what runs."""
        self._runs.close()

    # --- in common -------------------------------------------------------------------------------

    def _find(self, name: str) -> tuple[RulesStanding, UsedRule]:
        standing = self._file.read()
        used = None if standing is None else standing.rule(name)
        if standing is None or used is None:
            raise UsageError(f"no rule {name[:64]!r} is used here")
        return standing, used

    def _raised(self) -> dict[str, Raises]:
        return {rule: Raises(*found) for rule, found in self._alerts().raised().items()}

    def _exclusions(self, caller: Caller, rule: str) -> list[ShownSilence]:
        if not caller.rights.whole:
            return []
        found = self._alerts().silences(caller)
        return [
            one
            for one in found
            if one.silence.kind == "exclusion" and one.silence.rule in {"", rule}
        ]

    def _check(self, caller: Caller, act: Act) -> None:
        if not caller.rights.content and not _configures(caller):
            refuse(self._write, caller, act, "your role reads no rules")

    def _check_whole(self, caller: Caller, act: Act) -> None:
        if not caller.rights.whole:
            refuse(
                self._write, caller, act, "a backtest is for who sees every event and every field"
            )


def _configures(caller: Caller) -> bool:
    """Tell whether somebody sets things up, and reads no events."""
    return caller.rights == NOTHING


def _may_read_rules(caller: Caller) -> bool:
    return caller.rights.whole or _configures(caller)


def _shown(
    used: UsedRule, standing: RulesStanding, raised: dict[str, Raises], *, whole: bool
) -> ShownRule:
    if not whole:
        head = replace(used.head, path="", line=0, reads=(), false_positives=())
        return ShownRule(replace(used, head=head, rules=()), None, None, None)
    rule = used.head.id
    return ShownRule(
        used, standing.blind.get(rule), standing.exercises.get(rule), raised.get(rule)
    )  # fmt: skip


def _cut(standing: RulesStanding, *, whole: bool) -> RulesStanding:
    """Return what is told of all rules together, without the rules."""
    if whole:
        return replace(standing, rules=(), blind={}, exercises={})
    return RulesStanding(standing.used_us, (), (), standing.learning)


def _text(used: UsedRule) -> tuple[str | None, str]:
    if used.is_built_in:
        return None, "it is part of whodid, and no file has it"
    try:
        return rule_text(used.head), ""
    except InputError as error:
        return None, str(error)


def _by_level(one: ShownRule) -> tuple[int, str]:
    return -LEVELS.index(one.used.head.level), one.used.head.title
