"""What whodid's own log says of its rules: which are used from now on, which are faulty."""

import hashlib
from collections.abc import Mapping, Sequence

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents
from whodid.detection.rulebook import Rulebook
from whodid.detection.sigma import Fault
from whodid.limits import RULE_CHANGES_TOLD_MAX, RULE_FAULTS_TOLD_MAX

DETECTOR = Caller("detector", "server")


def tell_rules(own: OwnEvents, before: Mapping[str, str], book: Rulebook) -> None:
    """Write one event of what changed since the rules `before` (versions by id).

    Raises RefusedError, StoppedError.
    """
    now = book.versions
    lines = [
        *(f"+ {rule}" for rule in now if rule not in before),
        *(f"- {rule}" for rule in before if rule not in now),
        *(f"~ {rule}" for rule in now if rule in before and before[rule] != now[rule]),
    ]
    if not lines:
        return
    more = len(lines) - RULE_CHANGES_TOLD_MAX
    shown = lines[:RULE_CHANGES_TOLD_MAX] + ([f"… {more:,} more"] if more > 0 else [])
    added = sum(line[0] == "+" for line in lines)
    gone = sum(line[0] == "-" for line in lines)
    reason = f"{added} added, {gone} removed, {len(lines) - added - gone} changed"
    act = Act(
        "change rules", "administer", "rules", f"{len(now)} rules", "\n".join(shown),
        reason=reason,
    )  # fmt: skip
    own.write(DETECTOR, act)


def tell_faults(own: OwnEvents, faults: Sequence[Fault]) -> None:
    """Write an event of each fault, once in the life of the ledger; warnings are none.

    Raises RefusedError, StoppedError.
    """
    real = [fault for fault in faults if not fault.warning]
    for fault in real[:RULE_FAULTS_TOLD_MAX]:
        place = f"{fault.path}:{fault.line}" if fault.line else fault.path
        act = Act(
            "rule fault", "other", "rule", fault.title or place, ok=False, outcome="failure",
            reason=f"{place}: {fault.reason}",
        )  # fmt: skip
        said = "\0".join((fault.path, str(fault.line), fault.title, fault.reason))
        name = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
        own.write(DETECTOR, act, f"rule fault {name}")
