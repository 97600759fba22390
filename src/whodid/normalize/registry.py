"""The built-in formats, and which of them a record is.

Formats from entry points join in `whodid.plugins`, not here.
"""

from difflib import get_close_matches

from whodid.errors import UsageError
from whodid.normalize.authlog import AuthLog
from whodid.normalize.cloudtrail import CloudTrail
from whodid.normalize.combined import Combined
from whodid.normalize.format import Format
from whodid.normalize.kubernetes import Kubernetes
from whodid.normalize.ocsf import Ocsf
from whodid.normalize.postgres import Postgres
from whodid.normalize.short_json import ShortJson

FORMATS: tuple[Format, ...] = (
    CloudTrail(), Postgres(), Kubernetes(), Ocsf(), ShortJson(), Combined(), AuthLog(),
)  # fmt: skip
"""In the order in which `detect` asks them: the most particular first."""


def format_by_name(name: str) -> Format:
    """Return the built-in format `name`; raises UsageError that names the nearest."""
    for known in FORMATS:
        if known.name == name:
            return known
    names = [known.name for known in FORMATS]
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
    raise UsageError(f"there is no format {name[:64]!r}; {hint}")


def detect(record: bytes) -> Format | None:
    """Return the first format that takes `record` for its own, None when none does."""
    for known in FORMATS:
        if known.sniff(record):
            return known
    return None
