"""Answers of the API: JSON or text, always with the same security headers.

An error is `{"error": {"code", "message", "position", "suggestion"}}`, with `others` where a search
has more mistakes than one, and `meant` where another search was; its code is that of the error
tree, and no answer tells anything about code or machine.
"""

from math import ceil
from typing import Any

import msgspec
from starlette.responses import Response

from whodid.app.document import meant_document
from whodid.errors import (
    AccessDeniedError,
    InputError,
    LeftError,
    QueryError,
    RefusedError,
    StoppedError,
    TooLargeError,
    UsageError,
    WhodidError,
)
from whodid.query.meant import corrected

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"

_STATUS: tuple[tuple[type[WhodidError], int], ...] = (
    (TooLargeError, 413),
    (InputError, 400),
    (UsageError, 400),
    (AccessDeniedError, 403),
    (LeftError, 499),
    (RefusedError, 503),
    (StoppedError, 503),
)


class UnauthenticatedError(AccessDeniedError):
    """Nobody is known to ask."""

    code = "unauthenticated"


class NotFoundError(UsageError):
    """There is nothing of this address."""

    code = "not_found"


class BusyError(RefusedError):
    """Too much at once; come back after `retry_after_s`."""

    code = "busy"


_STATUS_OF = {UnauthenticatedError: 401, NotFoundError: 404, BusyError: 429}


def answer(body: bytes | str, media_type: str = JSON, status: int = 200) -> Response:
    """Return a whole answer."""
    return Response(body, status, SECURITY_HEADERS, media_type)


def attached(body: bytes, name: str, media_type: str = JSON) -> Response:
    """Return a document that a browser keeps as a file of this name."""
    headers = {**SECURITY_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, 200, headers, media_type)


def json_answer(document: Any, status: int = 200) -> Response:
    """Return a document as JSON."""
    return answer(msgspec.json.encode(document), JSON, status)


def error_answer(error: WhodidError) -> Response:
    """Return what the caller is told about an error."""
    status = _STATUS_OF.get(type(error)) or next(
        (status for kind, status in _STATUS if isinstance(error, kind)), 500
    )
    if isinstance(error, QueryError):
        document = {"code": error.code, **_mistake(error)}
        if error.others:
            document["others"] = [_mistake(other) for other in error.others]
        meant = corrected(error.text, error) if error.text else None
        if meant is not None:
            document["meant"] = meant_document(meant)
        response = json_answer({"error": document}, status)
    else:
        response = error_document(status, error.code, str(error))
    if isinstance(error, RefusedError):
        response.headers["Retry-After"] = str(max(ceil(error.retry_after_s), 1))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="whodid"'
    return response


def _mistake(error: QueryError) -> dict[str, Any]:
    return {"message": str(error), "position": error.position, "suggestion": error.suggestion}


def error_document(status: int, code: str, message: str) -> Response:
    """Return an error of a code of its own, which has no place in a search."""
    error = {"code": code, "message": message, "position": None, "suggestion": None}
    return json_answer({"error": error}, status)
