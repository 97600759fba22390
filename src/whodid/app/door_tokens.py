"""The ingest door's `TokenCheck`: write tokens of `access`, in the words of `sources.http`."""

from pathlib import Path

from whodid.access.source_tokens import SourceTokenReader
from whodid.app.source_formats import SourceFormats
from whodid.clock import Clock, system_clock
from whodid.errors import AccessDeniedError, RefusedError, WhodidError
from whodid.ledger.refusals import Refusals
from whodid.sources.http import SourceGrant

_AUTO = "auto"


class DoorTokens:
    """Knows which token writes which source. Reads state.db only; safe on an event loop."""

    def __init__(self, directory: Path, key: bytes, clock: Clock = system_clock) -> None:
        self._reader = SourceTokenReader(directory, key, clock)
        self._clock = clock
        self.refusals = Refusals()
        self._format = SourceFormats(directory)

    def source_of(self, token: str, name: str | None) -> SourceGrant | None:
        """Return the source that a token writes (see `TokenCheck.source_of`).

        A token writes one source. Raises AccessDeniedError when `name` is another, RefusedError
        when tokens cannot be checked now or the source's format is not one of this version.
        """
        grant = self._reader.source_of(token)
        if grant is None:
            return None
        if name is not None and name != grant.name:
            raise AccessDeniedError("this token writes another source")
        if grant.format == _AUTO:
            return SourceGrant(grant.name, None)
        try:
            return SourceGrant(grant.name, self._format(grant.format))
        except RefusedError:
            raise
        except WhodidError as error:  # of the server, not of the sender, who keeps what it has
            raise RefusedError(f"the format of this source cannot be used here: {error}") from error

    def refused(self, token: str | None, ip: str | None, *, wrong_source: bool = False) -> None:
        """Count an attempt that was refused (see `RefusedSink`)."""
        reason, token_id = "no", None
        if token is not None:
            try:
                reason, token_id = self._reader.why_not(token)
            except RefusedError:
                reason = "unchecked"
        if wrong_source:
            reason = "another source's"
        self.refusals.note(reason, ip, token_id, self._clock())

    def close(self) -> None:
        """Close the database."""
        self._reader.close()
