"""Four records that their systems did not write whole; each must end in quarantine."""

from collections.abc import Iterator

from whodid.demo.act import Act
from whodid.demo.stage import Stage

_DAY = 10

BROKEN: tuple[tuple[str, bytes], ...] = (
    ("crm", b'{"userId":"farid.hosseini@example.com","action":"CUSTOMER_VI'),
    ("admin-console", b'{"timestamp":"0000-00-00T00:00:00Z","userId":null,"action":17'),
    ("postgres-main", b'LOG","message":"AUDIT: SESSION,7,1,READ,SELECT,TABLE,public.tickets'),
    ("web-public", b"worker process 4121 exited on signal 9"),
)
"""(source, record): cut by a full disk, cut, the end of a line only, an error of nginx."""


def broken_acts(stage: Stage) -> Iterator[Act]:
    """Yield the broken records, on one afternoon."""
    for number, (source, record) in enumerate(BROKEN):
        time_us = stage.at(stage.day(_DAY), 15.0 + number / 4)
        yield Act(source, time_us, "", "", broken=record)
