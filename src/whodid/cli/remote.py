"""A running server instead of a folder: the read API with WHODID_TOKEN."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from whodid.cli.options import token
from whodid.errors import AccessDeniedError, QueryError, RefusedError, UsageError, WhodidError

_TIMEOUT_S = 60.0


class Remote:
    """Calls the API; its errors become ours."""

    def __init__(self, url: str) -> None:
        headers = {"Authorization": f"Bearer {token()}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S)

    def get(self, path: str, **parameters: str | int | None) -> dict[str, Any]:
        """Return the JSON of a GET."""
        given = {key: value for key, value in parameters.items() if value is not None}
        try:
            response = self._client.get(path, params=given)
        except httpx.HTTPError as error:
            raise RefusedError(f"the server does not answer ({error})") from error
        if response.status_code != httpx.codes.OK:
            raise _error(response)
        document: dict[str, Any] = response.json()
        return document

    def events(self, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a server-sent stream."""
        try:
            with self._client.stream("GET", path, params=parameters, timeout=None) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _error(response)
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        yield msgspec.json.decode(line[5:])
        except httpx.HTTPError as error:
            raise RefusedError(f"the server went away ({error})") from error


def _error(response: httpx.Response) -> WhodidError:
    try:
        error = response.json()["error"]
        message = str(error["message"])
    except (ValueError, KeyError, TypeError):
        return UsageError(f"the server answered {response.status_code}")
    if error.get("code") == QueryError.code:
        return QueryError(message, int(error.get("position") or 0), error.get("suggestion"))
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return AccessDeniedError(message)
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return RefusedError(message)
    return UsageError(message)
