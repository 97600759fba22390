"""The style sheet, the scripts and the icon: the files of one folder, read once.

Nothing of a request is a path: a name that is not known is not there. Modules name each other by
`./name.js`, so all files stand in one folder of the web that is named by the hash of all of them:
`/static/<hash>/name`.
"""

from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_KEEP = {"cache-control": "public, max-age=31536000, immutable"}


class StaticFiles:
    """The files in memory. `url` changes with the content, so that they may be cached for good."""

    def __init__(self) -> None:
        folder = Path(__file__).parent / "static"
        self._content = {
            file.name: file.read_bytes()
            for file in sorted(folder.iterdir())
            if file.suffix in _TYPES
        }
        digest = sha256()
        for name, data in self._content.items():
            digest.update(f"{name} {len(data)}\n".encode() + data)
        self._tag = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Return the address of a file."""
        return f"/static/{self._tag}/{name}"

    @property
    def scripts(self) -> list[str]:
        """The names of all modules; the browser is told of them at once."""
        return [name for name in self._content if name.endswith(".js")]

    async def serve(self, request: Request) -> Response:
        """Answer `GET /static/{tag}/{name}`; with another tag, or none, it is not to be kept."""
        name = request.path_params["name"]
        if name not in self._content:
            return PlainTextResponse("There is no such file.\n", 404)
        kept = _KEEP if request.path_params.get("tag") == self._tag else None
        media = _TYPES[Path(name).suffix]
        return Response(self._content[name], media_type=media, headers=kept)
