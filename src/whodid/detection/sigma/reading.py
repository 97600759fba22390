"""Values of a document's keys, checked."""

import re
from difflib import get_close_matches
from typing import Any

from whodid.errors import InputError

_SPAN = re.compile(r"([0-9]{1,9})([smhdw])").fullmatch
_UNITS_US = {
    "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000,
    "d": 86_400_000_000, "w": 7 * 86_400_000_000,
}  # fmt: skip


class FieldError(InputError):
    """What is wrong with a key of a section; `path` is where in it."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path


def span_us(said: Any, key: str) -> int:
    """Return a length of time such as `10m` in microseconds, more than 0. Raises FieldError."""
    match = _SPAN(said) if isinstance(said, str) else None
    if match is None or int(match[1]) == 0:
        raise FieldError(
            f"`{key}` is a length such as 30s, 10m, 1h, 7d or 2w, not {str(said)[:40]!r}", key
        )
    return int(match[1]) * _UNITS_US[match[2]]


def texts(section: dict[Any, Any], key: str, *path: str) -> tuple[str, ...]:
    """Return a text or a list of texts, () when it is not there. Raises FieldError."""
    said = section.get(key)
    if said is None:
        return ()
    items = said if isinstance(said, list) else [said]
    if not all(isinstance(it, str) and it for it in items):
        raise FieldError(f"`{key}` is a text or a list of texts", *path, key)
    return tuple(items)


def is_number(value: Any) -> bool:
    """Tell whether this is a number (true and false are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def unknown_key(section: dict[Any, Any], known: set[str], *path: str) -> None:
    """Raise FieldError for the first key that is not known, with the nearest that is."""
    for key in section:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(known))}"
            raise FieldError(f"there is no key `{str(key)[:64]}` here; {hint}", *path, str(key))
