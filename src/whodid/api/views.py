"""`GET /v1/views` and what changes them: the searches that people keep.

For whoever reads events. Each change is an event before it is made, and needs a token: a foreign
page cannot send one.
"""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from whodid.access.doorkeeper import Doorkeeper
from whodid.access.views import View, is_of
from whodid.api import parameters as given_as
from whodid.api.body import read_body
from whodid.api.caller import identify
from whodid.api.reply import UnauthenticatedError, json_answer
from whodid.api.threads import Threads
from whodid.app.answer import Caller
from whodid.app.document import Document
from whodid.app.instant import instant
from whodid.app.reads import Reading
from whodid.app.saved_views import SavedViews


class ViewRequest(Struct, forbid_unknown_fields=True):
    """The body that saves a view."""

    name: str
    query: str
    state: str = ""
    shared: bool = False


class ViewChange(Struct, forbid_unknown_fields=True):
    """The body that renames or shares a view."""

    id: str
    name: str
    shared: bool


class ViewId(Struct, forbid_unknown_fields=True):
    """The body that removes a view."""

    id: str


class ViewsApi:
    """The handlers; they share the threads of the reads."""

    def __init__(self, reading: Reading, doorkeeper: Doorkeeper, reads: Threads) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._views = SavedViews(reading, doorkeeper.views)
        self._reads = reads

    async def all(self, request: Request) -> Response:
        """Answer `GET /v1/views`."""
        return await self._reads.run(self._all, request)

    def _all(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        return json_answer({"views": [_document(view, caller) for view in self._views.all(caller)]})

    async def save(self, request: Request) -> Response:
        """Answer `POST /v1/views/save`."""
        return await self._reads.run(self._save, request, await read_body(request, ViewRequest))

    def _save(self, request: Request, asked: ViewRequest) -> Response:
        caller = self._holder(request)
        view = self._views.save(caller, asked.name, asked.query, asked.state, shared=asked.shared)
        return json_answer(_document(view, caller))

    async def change(self, request: Request) -> Response:
        """Answer `POST /v1/views/change`."""
        return await self._reads.run(self._change, request, await read_body(request, ViewChange))

    def _change(self, request: Request, asked: ViewChange) -> Response:
        caller = self._holder(request)
        view = self._views.change(caller, asked.id, name=asked.name, shared=asked.shared)
        return json_answer(_document(view, caller))

    async def remove(self, request: Request) -> Response:
        """Answer `POST /v1/views/remove`."""
        return await self._reads.run(self._remove, request, await read_body(request, ViewId))

    def _remove(self, request: Request, asked: ViewId) -> Response:
        caller = self._holder(request)
        return json_answer(_document(self._views.remove(caller, asked.id), caller))

    def _holder(self, request: Request) -> Caller:
        """Return who asks with a token. Raises UnauthenticatedError for a cookie."""
        if not request.headers.get("authorization"):
            raise UnauthenticatedError("Send a read token: `Authorization: Bearer wdr_…`.")
        return identify(request, self._doorkeeper, self._reading)


def _document(view: View, caller: Caller) -> Document:
    return {
        "id": view.id,
        "name": view.name,
        "query": view.text,
        "state": view.state,
        "owner": view.owner,
        "mine": is_of(view, caller.name),
        "shared": view.shared,
        "saved": instant(view.saved_us),
    }
