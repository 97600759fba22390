"""What a face gets of rules. Values only."""

from msgspec import Struct

from whodid.app.alert_answer import ShownAlert, ShownSilence
from whodid.app.rule_backtest.run import Run
from whodid.app.rule_standing import ExerciseResult, RulesStanding, Sightless, UsedRule


class Raises(Struct, frozen=True):
    """Of a rule: its alerts (muted ones too), and when something was last found (µs UTC)."""

    alerts: int
    last_us: int


class ShownRule(Struct, frozen=True):
    """A rule that is used. `blind` says why it can never match here.

    `exercise` None: it was not exercised yet, or has no need to. `raised` None: withheld, or
    nothing was raised.
    """

    used: UsedRule
    blind: Sightless | None
    exercise: ExerciseResult | None
    raised: Raises | None


class RulesAnswer(Struct, frozen=True):
    """Every rule that is used, the gravest first.

    `standing` None: no detector told of any yet. `whole`: the reader may see what rules say and
    what came of them, and not their titles alone; `counts`: what they raised is told to him.
    """

    rules: list[ShownRule]
    standing: RulesStanding | None
    whole: bool
    counts: bool


class RuleAnswer(Struct, frozen=True):
    """One rule.

    `text` is its YAML as it stands now, None where it cannot be read or is withheld, `text_told`
    why. `parts` are the rules that it is built on, `over` the correlations that are built on it.
    `alerts` are the newest of it; `exclusions` are of it, in force; `runs` are looks over history.
    """

    rule: ShownRule
    text: str | None
    text_told: str
    parts: list[ShownRule]
    over: list[ShownRule]
    alerts: list[ShownAlert]
    exclusions: list[ShownSilence]
    runs: list[Run]
    whole: bool
    may_backtest: bool
