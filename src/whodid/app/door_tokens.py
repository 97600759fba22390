"""Write tokens as the ingest door asks for them (`sources.http.TokenCheck`)."""

from whodid.access.source_tokens import SourceTokenReader
from whodid.app.rows import AUTO
from whodid.errors import AccessDeniedError
from whodid.normalize.registry import format_by_name
from whodid.sources.http import SourceGrant


class DoorTokens:
    """A `TokenCheck` on the tokens of state.db: one token writes one source."""

    def __init__(self, reader: SourceTokenReader) -> None:
        self._reader = reader

    def source_of(self, token: str, name: str | None) -> SourceGrant | None:
        """Return the source that `token` writes, None when there is no such token.

        Raises AccessDeniedError when a request names another source.
        """
        grant = self._reader.source_of(token)
        if grant is None:
            return None
        if name is not None and name != grant.name:
            raise AccessDeniedError(f"this token writes {grant.name!r}, not {name[:64]!r}")
        fixed = None if grant.format == AUTO else format_by_name(grant.format)
        return SourceGrant(grant.name, fixed)
