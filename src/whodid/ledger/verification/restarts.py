"""Step 5 of `verify`, of a ledger that was restored: where its history was restarted.

1. Each line of `origins` is the tail of the entry (type 10) at the size that it names.
2. Each such entry has its line: none was forged, none was hidden.
3. What the old origin is known to have signed and is not here is told each time.

Roots at these sizes and heads of older origins are compared where all heads are (`heads`).
"""

from whodid.ledger.layout import ORIGINS
from whodid.ledger.origins import Restart
from whodid.ledger.verification.verdict import Findings


def check_restarts(
    restarts: tuple[Restart, ...],
    entries: list[tuple[int, bytes]],
    broken_at: int | None,
    findings: Findings,
) -> None:
    """Compare `origins` with the entries that restarted the log."""
    said = {restart.size: restart.line().encode() for restart in restarts}
    found = dict(entries)
    for size, line in said.items():
        if size in found and found[size] != line:
            findings.fault(ORIGINS, size, "is not what the entry that restarted the log says")  # 1
        elif size not in found and (broken_at is None or size < broken_at):
            findings.fault(ORIGINS, size, "the entry that restarted the log is not there")  # 1
    for index in found:
        if index not in said:
            problem = f"an entry says that the log was restarted here, {ORIGINS} does not"
            findings.fault(ORIGINS, index, problem)  # 2
    for restart in restarts:
        if restart.lost:
            findings.warn(
                f"{restart.origin} had signed {restart.signed_size} entries when its backup of "
                f"{restart.size} was restored: {restart.lost} of them are not in this log"
            )  # 3
