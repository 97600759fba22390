"""Strict reading of a JSON document: every error names the place and says what was expected."""

import json
from binascii import a2b_base64
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

DOCUMENT_BYTES_MAX = 1 << 30
_HASH_BYTES = 32


class DocumentError(ValueError):
    """The document is not one of the kind that it should be."""


class Part:
    """A value of a document and where it stands. Reading what is not there raises DocumentError."""

    __slots__ = ("_name", "_within", "value")

    def __init__(self, value: Any, within: "Part | None" = None, name: str = "") -> None:
        self.value = value
        self._within = within
        self._name = name

    @property
    def place(self) -> str:
        """Where it stands, as in `ranges[2].root`; nothing for the document."""
        before = "" if self._within is None else self._within.place
        return f"{before}{self._name}" if before else self._name.removeprefix(".")

    def __getitem__(self, name: str) -> "Part":
        """Return a member of an object."""
        if not isinstance(self.value, dict) or name not in self.value:
            raise DocumentError(f"{self.place or 'the document'}: there is no {name!r}")
        return Part(self.value[name], self, f".{name}")

    def get(self, name: str, default: Any) -> "Part":
        """Return a member of an object, or a default."""
        here = isinstance(self.value, dict) and name in self.value
        return self[name] if here else Part(default, self, f".{name}")

    def each(self) -> Iterator["Part"]:
        """Yield the items of an array."""
        if not isinstance(self.value, list):
            raise DocumentError(f"{self.place}: must be an array")
        for number, item in enumerate(self.value):
            yield Part(item, self, f"[{number}]")

    def members(self) -> Iterator[tuple[str, "Part"]]:
        """Yield the members of an object."""
        if not isinstance(self.value, dict):
            raise DocumentError(f"{self.place}: must be an object")
        for name, item in self.value.items():
            yield name, Part(item, self, f".{name}")

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
            found = a2b_base64(self.text(), strict_mode=True)
        except ValueError:
            raise DocumentError(f"{self.place}: is not base64") from None
        if size is not None and len(found) != size:
            raise DocumentError(f"{self.place}: has {len(found)} bytes, must have {size}")
        return found

    def hashes(self) -> list[bytes]:
        """Return an array of hashes."""
        with suppress(TypeError, ValueError):
            found = [a2b_base64(item, strict_mode=True) for item in self.value]
            if isinstance(self.value, list) and all(len(item) == _HASH_BYTES for item in found):
                return found
        return [item.data(_HASH_BYTES) for item in self.each()]  # says which is none


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
