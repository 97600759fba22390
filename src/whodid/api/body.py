"""The body of a request: a JSON object that says so, read strictly.

A form of a foreign page cannot send `Content-Type: application/json` without being asked first.
"""

from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from whodid.errors import InputError, TooLargeError
from whodid.limits import WEB_FORM_BYTES_MAX

Body = TypeVar("Body", bound=msgspec.Struct)


async def read_body(request: Request, kind: type[Body]) -> Body:
    """Read a body. Raises InputError, TooLargeError."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise InputError("Send a JSON object with Content-Type: application/json.")
    data = bytearray()
    try:
        async for piece in request.stream():
            data += piece
            if len(data) > WEB_FORM_BYTES_MAX:
                raise TooLargeError(f"The body is longer than {WEB_FORM_BYTES_MAX:,} bytes.")
        return msgspec.json.decode(data, type=kind)
    except ClientDisconnect:
        raise InputError("The body ended early.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        names = ", ".join(item.name for item in msgspec.structs.fields(kind))
        raise InputError(f"The body is a JSON object of {names}.") from None
