"""HTTP/1.1 of the faces' local socket: uvicorn's, for processes of the same user only.

The socket's mode (0600) and the folder's keep others out already; this holds where a mode was
loosened by hand, or the folder lies on a file system that ignores modes.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from whodid.ledger.server import same_user


class FaceProtocol(HttpToolsProtocol):
    """One connection; a stranger's is closed before it is read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Look who it is."""
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        if peer is None or not same_user(peer):
            transport.abort()
