"""`whodid demo`: a ledger with a month's story, served in the foreground."""

import contextlib
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import click
import httpx
import msgspec
from rich.progress import Progress

from whodid.access.sessions import Sessions
from whodid.access.users import Users
from whodid.app.local import LocalLedger, open_local
from whodid.app.own import Act
from whodid.cli.ingest_command import read_one
from whodid.cli.options import stderr, stdout
from whodid.cli.server_options import effective
from whodid.clock import system_clock
from whodid.config.load import FILE_NAME
from whodid.config.settings import LogSettings, Settings
from whodid.demo.hours import calendars_text
from whodid.demo.mark import is_demo, mark_of
from whodid.demo.plot import PLOT
from whodid.demo.story import write_story
from whodid.errors import RefusedError, UsageError
from whodid.ledger.layout import is_ledger
from whodid.ledger.opening import init_ledger
from whodid.serve.supervisor import Supervisor
from whodid.sources.intake import Tally

USER = "demo"
HOURS_FILE = "hours.yml"
_READY_S = 60.0
_LINK_US = 24 * 3600 * 1_000_000


@click.command("demo")
@click.option("--dir", "directory", default="demo/ledger", show_default=True,
              type=click.Path(path_type=Path))  # fmt: skip
@click.option("--host", help="Address to listen on (127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (9460, or PORT).")
@click.option("--events", default=60_000, show_default=True, help="Size of the story.")
@click.option("--no-serve", is_flag=True, help="Make the ledger and stop.")
def command(
    directory: Path, host: str | None, port: int | None, events: int, *, no_serve: bool
) -> None:
    """Make a demo ledger (once), serve it, and print what to try."""
    settings = for_demo(effective(None, {"host": host, "port": port}).settings)
    supervisor = None if no_serve else Supervisor(directory, settings)
    make_demo(directory, events)
    if supervisor is None:
        return
    supervisor.start()
    try:
        token = _link(directory)
        _wait_until_ready(supervisor.url)
    except BaseException:
        supervisor.end()
        raise
    _print_what_to_try(supervisor.url, token, directory)
    supervisor.run()


def _wait_until_ready(base: str) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{base}/healthz", timeout=5.0).status_code == httpx.codes.OK:
                return
        time.sleep(0.1)
    raise RefusedError(f"the server at {base} did not become ready in {_READY_S:.0f} s")


def _link(directory: Path) -> str:
    act = Act("issue login link", "administer", "user", USER)
    with open_local(directory) as ledger, ledger.acting(act):
        user = Users(directory, ledger.state_keys).find(USER)
        if user is None:
            raise UsageError(
                f"{directory}: the demo has no user {USER!r}; remove it and make it again"
            )
        return Sessions(directory, ledger.state_keys).issue_link(user, valid_us=_LINK_US)


def make_demo(directory: Path, events: int) -> None:
    """Make the ledger and read the story in, unless it is there already."""
    if is_ledger(directory) and is_demo(directory):
        return
    if directory.exists():
        raise UsageError(
            f"{directory} holds something that is not a finished demo: name a new folder with --dir"
            " (what an interrupted demo left behind can be removed)"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    init_ledger(directory, origin=f"demo.example/whodid/{time.time_ns():x}")
    with open_local(directory) as ledger:
        with ledger.acting(Act("create user", "administer", "user", USER)):
            Users(directory, ledger.state_keys).add(USER, None, "investigator")
        _tell(ledger, events)
    (directory / HOURS_FILE).write_text(calendars_text(), "utf-8")
    (directory / FILE_NAME).write_text(f'[detection]\ncalendars = "{HOURS_FILE}"\n', "utf-8")
    mark_of(directory.resolve()).touch()


def for_demo(settings: Settings) -> Settings:
    """Return settings by which rules know when the people of the demo work.

    What the server says while it works is left out: the way in stays what was printed last.
    """
    detection, log = settings.detection, settings.log
    if not detection.calendars:
        detection = msgspec.structs.replace(detection, calendars=HOURS_FILE)
    if log.level == LogSettings().level:
        log = msgspec.structs.replace(log, level="warning")
    return msgspec.structs.replace(settings, detection=detection, log=log)


def _tell(ledger: LocalLedger, events: int) -> None:
    tally = Tally()
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(console=stderr, transient=True, disable=not stderr.is_terminal) as progress,
    ):
        stderr.print("writing a month of logs …")
        files = write_story(Path(folder), end_us=system_clock(), events=events)
        stderr.print(f"reading {len(files)} files of {len({f.source for f in files})} sources …")
        for file in files:
            source = ledger.source_for(file.source, file.format)
            tally, fault = read_one(ledger, source, str(file.path), tally, progress)
            if fault is not None:
                raise fault
    stderr.print("sealing and indexing …")
    ledger.catch_up()
    stderr.print(
        f"{tally.accepted:,} events, {tally.duplicate:,} duplicates, "
        f"{tally.quarantined:,} quarantined"
    )


def _print_what_to_try(base: str, token: str, directory: Path) -> None:
    stdout.print("\nThe demo is ready. Log in once with\n", markup=False)
    stdout.print(f"    {base}/login/{token}\n", markup=False)
    stdout.print("Five things to try:\n", markup=False)
    for number, scene in enumerate(PLOT[:5], 1):
        stdout.print(f"{number}. {scene.title}", markup=False)
        stdout.print(f"   {base}/?q={quote(scene.query)}", markup=False)
        stdout.print(f"   whodid search --dir {directory} '{scene.query}'\n", markup=False)
    stdout.print(f"And prove it:  whodid verify {directory}\n", markup=False)
    stdout.print("Ctrl-C ends it.", markup=False)
