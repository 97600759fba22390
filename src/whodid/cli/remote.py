"""A running server instead of a folder: the read API with WHODID_TOKEN."""

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from whodid.cli.options import ca_file, token_for
from whodid.errors import (
    AccessDeniedError,
    InputError,
    QueryError,
    RefusedError,
    UsageError,
    WhodidError,
)

_TIMEOUT_S = 60.0
_PORT_MAX = 65_535


class Remote:
    """Calls the API; its errors become ours."""

    def __init__(self, url: str, token: str | None = None) -> None:
        found = token_for(url) if token is None else token
        headers = {"Authorization": f"Bearer {found}"} if found else {}
        try:
            if (httpx.URL(url).port or 0) > _PORT_MAX:
                raise UsageError(f"--url {url!r} has a port beyond {_PORT_MAX}")
            self._client = httpx.Client(
                base_url=url, headers=headers, timeout=_TIMEOUT_S, verify=_trust(ca_file())
            )
        except httpx.InvalidURL as error:
            raise UsageError(f"--url {url!r} is not an address ({error})") from error

    def get(self, path: str, **parameters: str | int | None) -> dict[str, Any]:
        """Return the JSON of a GET."""
        given = {key: value for key, value in parameters.items() if value is not None}
        return self._ask("GET", path, params=given)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON of a POST of a JSON object."""
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **options)
        except httpx.UnsupportedProtocol as error:
            raise UsageError("--url must begin with http:// or https://") from error
        except httpx.HTTPError as error:
            where = self._client.base_url
            raise RefusedError(f"the server at {where} does not answer ({error})") from error
        if response.status_code not in {httpx.codes.OK, httpx.codes.ACCEPTED}:
            raise _error(response)
        try:
            document = msgspec.json.decode(response.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: the server answered no JSON; is it whodid?") from error
        return document

    def content(self, path: str, **parameters: str) -> Iterator[bytes]:
        """Yield the body of a GET as it comes. Raises RefusedError when it ends before its end."""
        try:
            with self._client.stream("GET", path, params=parameters) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _error(response)
                yield from response.iter_bytes()
        except httpx.UnsupportedProtocol as error:
            raise UsageError("--url must begin with http:// or https://") from error
        except httpx.HTTPError as error:
            raise RefusedError(
                f"the server went away: the export is not whole ({error})"
            ) from error

    def events(self, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a server-sent stream."""
        try:
            with self._client.stream("GET", path, params=parameters, timeout=None) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _error(response)
                kind = ""
                for line in response.iter_lines():
                    if line.startswith("event:"):
                        kind = line[6:].strip()
                    elif line.startswith("data:"):
                        document = msgspec.json.decode(line[5:], type=dict[str, Any])
                        if kind == "fault":
                            raise RefusedError(str(document["error"]["message"]))
                        yield document
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise InputError(f"{path}: the server sent no event; is it whodid?") from error
        except httpx.UnsupportedProtocol as error:
            raise UsageError("--url must begin with http:// or https://") from error
        except httpx.HTTPError as error:
            raise RefusedError(f"the server went away ({error})") from error


def _trust(ca: str | None) -> ssl.SSLContext | bool:
    """Return whom to believe that it is the server: these certificates, else the system's."""
    if not ca:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"--ca {ca} holds no certificates that can be read") from error


def _error(response: httpx.Response) -> WhodidError:
    try:
        error = response.json()["error"]
        message = str(error["message"])
    except (ValueError, KeyError, TypeError):
        return UsageError(
            f"the server answered {response.status_code}; --url is the address of whodid's server, "
            "such as http://127.0.0.1:9460"
        )
    if error.get("code") == QueryError.code:
        found = QueryError(message, int(error.get("position") or 0), error.get("suggestion"))
        found.others = tuple(
            QueryError(str(other.get("message")), int(other.get("position") or 0))
            for other in error.get("others", ())
        )
        return found
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return AccessDeniedError(message)
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return RefusedError(message)
    return UsageError(message)
