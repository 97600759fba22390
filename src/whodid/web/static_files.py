"""The style sheet, the script and the icon: three known files, read once, named by their hash.

Nothing of a request is a path: a name that is not known is not there.
"""

from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_TYPES = {
    "whodid.css": "text/css; charset=utf-8",
    "whodid.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_KEEP = {"cache-control": "public, max-age=31536000, immutable"}


class StaticFiles:
    """The files in memory. `url` changes with the content, so that they may be cached for good."""

    def __init__(self) -> None:
        folder = Path(__file__).parent / "static"
        self._content = {name: (folder / name).read_bytes() for name in _TYPES}
        self._tags = {name: sha256(data).hexdigest()[:12] for name, data in self._content.items()}

    def url(self, name: str) -> str:
        """Return the address of a file."""
        return f"/static/{name}?{self._tags[name]}"

    async def serve(self, request: Request) -> Response:
        """Answer `GET /static/{name}`."""
        name = request.path_params["name"]
        if name not in self._content:
            return PlainTextResponse("There is no such file.\n", 404)
        return Response(self._content[name], media_type=_TYPES[name], headers=_KEEP)
