"""Rules, ready to be asked about records."""

from collections.abc import Sequence

from whodid.detection.record import Record
from whodid.detection.rule import AnyRule, Rule


class Matcher:
    """Rules about single events, ready to be asked. Pure; not safe for threads."""

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match, silent ones too, in the order in which they were loaded."""
        raise NotImplementedError

    def values(self, record: Record, rule: Rule, field: str) -> tuple[str | int | float, ...]:
        """Return the values of `field` as `rule` means it (native or ours), none when missing.

        For `group-by` and the fields of correlations: texts and numbers as they stand in the
        record, true and false as texts.
        """
        raise NotImplementedError


def compile_rules(rules: Sequence[AnyRule]) -> Matcher:
    """Compile the rules about single events among `rules`; correlations are left to `windows`."""
    raise NotImplementedError
