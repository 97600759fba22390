"""The ingest door's `TokenCheck`: write tokens of `access`, in the words of `sources.http`."""

from pathlib import Path

from whodid.access.source_tokens import SourceTokenReader
from whodid.clock import Clock, system_clock
from whodid.errors import AccessDeniedError, RefusedError
from whodid.normalize.registry import FORMATS
from whodid.sources.http import SourceGrant

_AUTO = "auto"


class DoorTokens:
    """Knows which token writes which source. Reads state.db only; safe on an event loop."""

    def __init__(self, directory: Path, clock: Clock = system_clock) -> None:
        self._reader = SourceTokenReader(directory, clock)
        self._formats = {known.name: known for known in FORMATS}

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
        known = self._formats.get(grant.format)
        if known is None:
            raise RefusedError(f"the format {grant.format!r} of this source is not known here")
        return SourceGrant(grant.name, known)

    def close(self) -> None:
        """Close the database."""
        self._reader.close()
