"""The built-in formats, and which of them a record is.

Formats from entry points join in `whodid.plugins`, not here.
"""

from difflib import get_close_matches

from whodid.errors import UsageError
from whodid.normalize.authlog import AuthLog
from whodid.normalize.by_mapping import BASES, SEPARATOR, ByMapping
from whodid.normalize.caddy import Caddy
from whodid.normalize.cloudtrail import CloudTrail
from whodid.normalize.combined import Combined
from whodid.normalize.format import Format
from whodid.normalize.kubernetes import Kubernetes
from whodid.normalize.logfmt import Logfmt
from whodid.normalize.mapping import parse_mapping
from whodid.normalize.mariadb import Mariadb
from whodid.normalize.nginx import Nginx
from whodid.normalize.ocsf import Ocsf
from whodid.normalize.postgres import Postgres
from whodid.normalize.postgres_csv import PostgresCsv
from whodid.normalize.postgres_stderr import PostgresStderr
from whodid.normalize.short_json import ShortJson
from whodid.normalize.syslog import Syslog

_PLAIN: tuple[Format, ...] = (
    CloudTrail(), Postgres(), Kubernetes(), Ocsf(), Nginx(), Caddy(), ShortJson(),
    PostgresCsv(), PostgresStderr(), Mariadb(),
    Combined(), AuthLog(), Logfmt(),
)  # fmt: skip
"""Those that are not around another one."""


def _of_message(program: str | None, message: bytes) -> Format | None:
    """Return the format of what a program says in a syslog line."""
    if program == "mysql-server_auditing":
        return format_by_name(Mariadb.name)
    for known in _PLAIN:
        if known.name != AuthLog.name and known.sniff(message):
            return known
    return None


FORMATS: tuple[Format, ...] = (*_PLAIN, Syslog(_of_message))
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


def is_by_mapping(name: str) -> bool:
    """Tell whether a format is one of a mapping file, `json+<hash>`; those are not built in."""
    base, plus, digest = name.partition(SEPARATOR)
    return bool(plus and digest) and base in BASES


def format_by_mapping(base: str, text: str, name: str) -> ByMapping:
    """Return the format of a mapping file's text; `name` is for messages.

    Raises InputError for a faulty mapping, UsageError for a format that takes none.
    """
    if base not in BASES:
        raise UsageError(f"a mapping is for the formats {' and '.join(BASES)}, not for {base[:64]}")
    return ByMapping(base, parse_mapping(text, name))


def detect(record: bytes) -> Format | None:
    """Return the first format that takes `record` for its own, None when none does."""
    for known in FORMATS:
        if known.sniff(record):
            return known
    return None
