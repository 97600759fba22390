"""Strict reading of a JSON document: every error names the place and says what was expected."""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from typing import Any

DOCUMENT_BYTES_MAX = 1 << 30


class DocumentError(ValueError):
    """The document is not one of the kind that it should be."""


class Part:
    """A value of a document and where it stands. Reading what is not there raises DocumentError."""

    def __init__(self, value: Any, place: str = "") -> None:
        self.value = value
        self.place = place

    def __getitem__(self, name: str) -> "Part":
        """Return a member of an object."""
        if not isinstance(self.value, dict) or name not in self.value:
            raise DocumentError(f"{self.place or 'the document'}: there is no {name!r}")
        return Part(self.value[name], f"{self.place}.{name}" if self.place else name)

    def get(self, name: str, default: Any) -> "Part":
        """Return a member of an object, or a default."""
        here = isinstance(self.value, dict) and name in self.value
        return self[name] if here else Part(default, f"{self.place}.{name}")

    def each(self) -> Iterator["Part"]:
        """Yield the items of an array."""
        if not isinstance(self.value, list):
            raise DocumentError(f"{self.place}: must be an array")
        for number, item in enumerate(self.value):
            yield Part(item, f"{self.place}[{number}]")

    def members(self) -> Iterator[tuple[str, "Part"]]:
        """Yield the members of an object."""
        if not isinstance(self.value, dict):
            raise DocumentError(f"{self.place}: must be an object")
        for name, item in self.value.items():
            yield name, Part(item, f"{self.place}.{name}")

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise DocumentError(f"{self.place}: must be a string")
        return self.value

    def number(self) -> int:
        """Return a whole number that is not negative and fits 64 bits."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
            raise DocumentError(f"{self.place}: must be a whole number")
        return value

    def time(self) -> int | None:
        """Return a whole number, or None for null."""
        if self.value is None:
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise DocumentError(f"{self.place}: must be a whole number or null")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise DocumentError(f"{self.place}: must be true or false")
        return self.value

    def data(self, size: int | None = None) -> bytes:
        """Return base64, decoded; of this many bytes when that is said."""
        try:
            found = b64decode(self.text(), validate=True)
        except (Base64Error, ValueError):
            raise DocumentError(f"{self.place}: is not base64") from None
        if size is not None and len(found) != size:
            raise DocumentError(f"{self.place}: has {len(found)} bytes, must have {size}")
        return found

    def hashes(self) -> list[bytes]:
        """Return an array of hashes."""
        return [item.data(32) for item in self.each()]


def load(data: bytes) -> Part:
    """Read a document. Raises DocumentError for what is no JSON of bounded depth and size."""
    if len(data) > DOCUMENT_BYTES_MAX:
        raise DocumentError(f"the document has more than {DOCUMENT_BYTES_MAX:,} bytes")
    try:
        return Part(json.loads(data, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"the document is no JSON ({error})") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
