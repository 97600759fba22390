"""A command's way to a ledger: the running sequencer, or one in this process."""

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from whodid.app.answer import Caller
from whodid.app.intake import LedgerIntake
from whodid.app.own import Act, OwnEvents
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.app.source_formats import SourceFormats, keep_mapping
from whodid.clock import system_clock
from whodid.errors import UsageError, WhodidError
from whodid.index.follower import Follower
from whodid.index.ranges.maker import RangeMaker
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.keys import KeyFolder, StateKeys
from whodid.ledger.local import LocalSequencer, reach_sequencer
from whodid.ledger.opening import keys_of
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.ledger.state_db import OWN_SOURCE, Source
from whodid.merkle.range_map import CHUNK_LEVEL
from whodid.normalize.registry import FORMATS, format_by_mapping
from whodid.query.rights import EVERYTHING

if TYPE_CHECKING:
    from whodid.app.backtesting import Backtesting

_SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+:-]{0,63}")


class MappingFile(Struct, frozen=True):
    """The text of a mapping file, and its name for messages."""

    text: str
    name: str


class LocalLedger(Struct):
    """One ledger, open for a command. Whoever can open it holds its keys: an administrator."""

    directory: Path
    keys: KeyFolder
    port: SequencerPort

    def caller(self) -> Caller:
        """Return the operating-system user as the actor; the environment is not asked.

        He reads everything: he holds the keys, and could read with any other program.
        """
        uid = os.getuid()
        try:
            return Caller(pwd.getpwuid(uid).pw_name, "cli", rights=EVERYTHING, handles=True)
        except KeyError:
            return Caller(f"uid {uid}", "cli", rights=EVERYTHING, handles=True)

    def intake(self) -> LedgerIntake:
        """Return a blocking intake."""
        formats = SourceFormats(self.directory)
        maker = RowMaker(self.keys.identity_root(), self.port.sources, formats)
        return LedgerIntake(maker, self._builder(), self.port)

    @property
    def state_keys(self) -> StateKeys:
        """Return what signs users and tokens."""
        return self.keys.state_keys()

    def own(self) -> OwnEvents:
        """Return the writer of own events."""
        return OwnEvents(self.port, self._builder(), self.keys.identity_root(), system_clock)

    @contextmanager
    def acting(self, act: Act) -> Iterator[None]:
        """Write the event of an administrative act, then do it; a failure is an event too."""
        own = self.own()
        own.write(self.caller(), act)
        try:
            yield
        except WhodidError as error:
            own.write(self.caller(), msgspec.structs.replace(act, ok=False, reason=str(error)))
            raise

    def _builder(self) -> BatchBuilder:
        return BatchBuilder(self.keys.ledger_id, self.keys.public_kek())

    def reading(self) -> LedgerReading:
        """Return the reads, the index brought up to date when no server does that."""
        if self.alone:
            self.catch_up()
        return LedgerReading(self.directory, self.keys, self.port, system_clock)

    def backtesting(self) -> "Backtesting":
        """Return backtests, the index brought up to date when no server does that."""
        from whodid.app.backtesting import Backtesting  # noqa: PLC0415 - rules are slow to load

        if self.alone:
            self.catch_up()
        return Backtesting(self.directory, self.keys, self.port, self.own(), system_clock)

    @property
    def alone(self) -> bool:
        """Tell whether this process is the sequencer (no server runs)."""
        return isinstance(self.port, LocalSequencer)

    def catch_up(self, *, seal: bool = True) -> None:
        """Seal full units and bring the index up to date, in this process."""
        reader = LedgerReader(self.directory, self.keys)
        durable = self.port.status().size
        sealer = Sealer(reader, self.keys, self.port.seal, system_clock)
        while seal and sealer.run_once(durable):
            pass
        index = Follower(self.directory, self.keys, reader)
        while index.step(durable):
            pass
        maker = RangeMaker(self.directory, self.keys, reader, index, self.port)
        if seal and index.covered() >= 1 << CHUNK_LEVEL:
            self.port.publish()
            while maker.step():
                pass
        reader.close()

    def source_for(
        self, name: str, format_name: str | None = None, mapping: MappingFile | None = None
    ) -> Source:
        """Return the declared source `name`; a format's name declares one of that format.

        Declaring is an act with its own event, which holds the text of a mapping. Raises UsageError
        for any other name, for whodid's own source, and for a declared one of another format than
        `format_name`; InputError for a faulty mapping.
        """
        if name == OWN_SOURCE:
            raise UsageError(f"only whodid itself writes the source {OWN_SOURCE!r}")
        formats = {known.name for known in FORMATS} | {"auto"}
        if mapping is not None:
            format_name = format_by_mapping(format_name or "json", mapping.text, mapping.name).name
        declared = self.port.sources().get(name)
        if declared is not None:
            if format_name is not None and format_name != declared.format:
                raise UsageError(f"source {name!r} is declared and takes {declared.format}")
            return declared
        chosen = format_name or (name if name in formats else None)
        if chosen is None:
            raise UsageError(
                f"source {name!r} is not declared; declare it with `whodid source add {name} "
                f"--format FORMAT`, or name a format: {', '.join(sorted(formats))}"
            )
        if mapping is None and chosen not in formats:
            known = ", ".join(sorted(formats))
            raise UsageError(f"there is no format {chosen!r}; known: {known}")
        if _SOURCE_NAME.fullmatch(name) is None:
            raise UsageError("a source's name has 1 to 64 of A-Z a-z 0-9 . _ @ + : -")
        text = None if mapping is None else mapping.text
        with self.acting(Act("declare source", "administer", "source", name, text)):
            if text is not None:
                keep_mapping(self.directory, text)
            return self.port.declare_source(name, chosen, name)


@contextmanager
def open_local(directory: Path) -> Iterator[LocalLedger]:
    """Open a ledger for a command and close it again."""
    keys = keys_of(directory)
    port = reach_sequencer(directory)
    try:
        yield LocalLedger(directory, keys, port)
    finally:
        port.close()
