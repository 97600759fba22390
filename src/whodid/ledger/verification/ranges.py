"""Step 5 of `verify`: the entries that name ranges, by what they say of each other.

1. The tail decodes; the range lies below its entry, and was read at a size that the log had.
2. What is said of a range twice is the same. With two answers to one question the log would lie to
   somebody.

That a map is what its events give is not looked at: `index.ranges.replay` does that.
"""

from collections.abc import Iterable

from whodid.errors import IntegrityError
from whodid.ledger.range_root import RangeRoot, parse_range_root
from whodid.ledger.verification.verdict import Findings


class NamedRanges:
    """The ranges that were named so far."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._known: dict[tuple[int, int], tuple[int, RangeRoot]] = {}

    def take(self, where: str, entries: Iterable[tuple[int, bytes]]) -> None:
        """Check further entries (index, tail), in order."""
        for index, tail in entries:
            try:
                root = parse_range_root(tail)
            except IntegrityError as error:
                self._findings.fault(where, index, str(error))
                continue
            if root.size > index:
                self._findings.fault(where, index, "names a range that was not in the log yet")
            known = self._known.setdefault((root.level, root.first), (index, root))
            if not known[1].same_map(root):
                problem = f"names another map of entries {root.first} to {root.end} than {known[0]}"
                self._findings.fault(where, index, problem)
