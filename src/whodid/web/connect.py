"""Connecting a source: steps to paste, with this server's own address.

Shown at `GET /connect` and on the search page of a log in which nothing is recorded yet. What is
pasted on the server names the ledger by WHODID_DIR: no page tells where it lies.
"""

import re

from msgspec import Struct
from starlette.responses import Response

from whodid.normalize.registry import FORMATS
from whodid.web.visit import Visit

_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?")
_UNKNOWN = "https://THIS-SERVER"


class Step(Struct, frozen=True):
    """One step: what to do, where, and what to paste (`shell`: into one, else into a file)."""

    where: str
    does: str
    paste: str
    shell: bool = True


class Guide(Struct, frozen=True):
    """The steps to connect one kind of source; `name` is its anchor."""

    name: str
    title: str
    steps: tuple[Step, ...]
    then: str


_HERE = "On this server"
_SENDER = "On the sending machine"


def guides(address: str) -> tuple[Guide, ...]:
    """Return the guides, with the server's address where it is needed."""
    return (_http(address), _nginx(address), _postgresql(), _cloudtrail(), _others())


def _http(address: str) -> Guide:
    event = '{"id":"1","userId":"ada@example.com","action":"read","resource":"customers"}'
    return Guide(
        "http", "An application, over HTTP",
        (
            Step(_HERE, "Declare the source and issue its token",
                 "whodid source add shop --format json\nwhodid token issue --source shop"),
            Step(_SENDER, "Say TOKEN=… with what was printed, and send an event",
                 f"""curl {address}/v1/events -H "Authorization: Bearer $TOKEN" -d '{event}'"""),
        ),
        "Any JSON object with a time, an actor, an action or a resource will do. With an id of its "
        "own an event is kept once, however often it is sent.",
    )  # fmt: skip


def _nginx(address: str) -> Guide:
    return Guide(
        "nginx", "nginx (or Apache)",
        (
            Step(_HERE, "Read its access log; again and again is harmless, so put the last line "
                 "into cron",
                 "whodid source add nginx --format combined\n"
                 "whodid ingest --source nginx /var/log/nginx/access.log"),
            Step(_HERE, "Or, if nginx runs elsewhere: issue a token",
                 "whodid token issue --source nginx"),
            Step(_SENDER, "and send what was rotated from there, each file under a key of its own",
                 f'curl {address}/v1/events -H "Authorization: Bearer $TOKEN" '
                 '-H "Idempotency-Key: $(sha256sum < /var/log/nginx/access.log.1 | cut -c1-32)" '
                 "--data-binary @/var/log/nginx/access.log.1"),
        ),
        "Choose one of the two ways for one log: they know a line by different identities.",
    )  # fmt: skip


def _postgresql() -> Guide:
    return Guide(
        "postgresql", "PostgreSQL",
        (
            Step("In postgresql.conf", "then restart it",
                 "logging_collector = on\nlog_destination = 'jsonlog'\nlog_timezone = 'UTC'\n"
                 "log_connections = on\nlog_disconnections = on\n"
                 "shared_preload_libraries = 'pgaudit'\npgaudit.log = 'read, write, ddl, role'\n"
                 "pgaudit.log_relation = on\npgaudit.log_rows = on", shell=False),
            Step(_HERE, "Read its log; put the last line into cron",
                 "whodid source add postgres-main --format postgres\n"
                 "whodid ingest --source postgres-main /var/log/postgresql/*.json"),
        ),
        "pgaudit tells which tables were read and how many rows. Passwords in statements are "
        "replaced before anything is stored.",
    )  # fmt: skip


def _cloudtrail() -> Guide:
    return Guide(
        "cloudtrail", "AWS CloudTrail",
        (
            Step(_HERE, "Copy the trail from its bucket",
                 "aws s3 sync s3://BUCKET/AWSLogs/ trail/ --exclude '*' --include '*.json.gz' "
                 "--exclude '*Digest*'"),
            Step(_HERE, "Read it; put both into cron",
                 "whodid source add aws --format cloudtrail\n"
                 "find trail -name '*.json.gz' -exec whodid ingest --source aws {} +"),
        ),
        "What AWS delivers twice, or is read twice, is kept once.",
    )  # fmt: skip


def _others() -> Guide:
    names = ", ".join(sorted(known.name for known in FORMATS))
    return Guide(
        "others", "Another system",
        (
            Step(_HERE, f"Look at a sample; FORMAT is one of {names}",
                 "whodid source try FILE --format FORMAT", shell=False),
            Step(_HERE, "Declare the source, under a name of yours, and read it",
                 "whodid source add NAME --format FORMAT\nwhodid ingest --source NAME FILE",
                 shell=False),
        ),
        "JSON or logfmt with names of its own: write a mapping file, try it with --mapping, and "
        "declare the source with it.",
    )  # fmt: skip


def address_of(visit: Visit) -> str:
    """Return the address by which the reader came here; it is pasted into a shell."""
    base = str(visit.request.base_url).rstrip("/")
    return base if _ADDRESS.fullmatch(base) else _UNKNOWN


def show(visit: Visit) -> Response:
    """Answer `GET /connect`."""
    return visit.page("connect.html", guides=guides(address_of(visit)))
