"""What all pages share: the log, the people, the templates. One value, made once."""

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment

from whodid.access.doorkeeper import Doorkeeper
from whodid.app.desks import Desks
from whodid.app.reads import Reading
from whodid.web.static_files import StaticFiles


@dataclass(frozen=True, slots=True)
class PublicLog:
    """What is public about the log, shown without an event: its name, key and newest head.

    `vkey` is the verifier key (C2SP signed-note), `checkpoint` reads the newest signed note,
    `path` is where the server publishes it (`/ledger/<name>`).
    """

    origin: str
    vkey: str
    path: str
    checkpoint: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a page may use."""

    reading: Reading
    doorkeeper: Doorkeeper
    log: PublicLog
    desks: Desks
    templates: Environment
    files: StaticFiles
    demo: bool
