"""Query parameters, strictly: one that is not known is an error, never silently another answer."""

import difflib
import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from whodid.errors import QueryError, UsageError
from whodid.limits import PAGE_ROWS_MAX, QUERY_CHARS_MAX

LIMIT_DEFAULT = 50
_CURSOR = re.compile(r"[!-~]{1,256}")
_EVENT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
TRUTH = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


def parameters(request: Request, known: Iterable[str]) -> dict[str, str]:
    """Return the parameters. Raises UsageError for an unknown or repeated one, or no UTF-8."""
    known = tuple(known)
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            close = difflib.get_close_matches(name[:32], known, 1)
            hint = f" did you mean {close[0]}?" if close else ""
            there = ", ".join(known) or "none"
            raise UsageError(f"There is no parameter {name[:32]!r};{hint} There are: {there}.")
        if name in found:
            raise UsageError(f"The parameter {name} was given twice.")
        if "\ufffd" in value:
            _check_utf8(request)
        found[name] = value
    return found


def _check_utf8(request: Request) -> None:
    """Raise UsageError if bytes were replaced: another text than the one meant would be sought."""
    try:
        unquote_to_bytes(request.url.query).decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"A parameter is no UTF-8 (byte {error.object[error.start]:#04x}): write text as UTF-8,"
            " each byte as %XX."
        ) from None


def search_text(given: dict[str, str]) -> str:
    """Return `q`. Raises QueryError when it is too long to look at."""
    text = given.get("q", "")
    if len(text) > QUERY_CHARS_MAX:
        raise QueryError(
            f"A search has at most {QUERY_CHARS_MAX} characters, not {len(text)}.", QUERY_CHARS_MAX
        )
    return text


def limit(given: dict[str, str]) -> int:
    """Return `limit`. Raises UsageError unless it is 1 to PAGE_ROWS_MAX."""
    text = given.get("limit", str(LIMIT_DEFAULT))
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
    if not 1 <= number <= PAGE_ROWS_MAX:
        raise UsageError(f"limit is a number from 1 to {PAGE_ROWS_MAX}.")
    return number


def number(given: dict[str, str], name: str, default: int, most: int) -> int:
    """Return a parameter that is a number from 1 to `most`. Raises UsageError for another."""
    text = given.get(name, str(default))
    found = int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
    if not 1 <= found <= most:
        raise UsageError(f"{name} is a number from 1 to {most}.")
    return found


def place(given: dict[str, str], text: str) -> int:
    """Return `caret`, a place in the search text; its end by default. Raises UsageError."""
    at = given.get("caret", str(len(text)))
    found = int(at) if re.fullmatch("[0-9]{1,9}", at) else -1
    if not 0 <= found <= len(text):
        raise UsageError(f"caret is a number from 0 to the length of q, {len(text)}.")
    return found


def names(given: dict[str, str], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Return a parameter that lists names, with commas between them."""
    text = given.get(name, "")
    return tuple(part.strip() for part in text.split(",")) if text else default


def cursor(given: dict[str, str]) -> str | None:
    """Return `before`. Raises UsageError for what no answer ever gave as `next`."""
    text = given.get("before") or None
    if text is not None and _CURSOR.fullmatch(text) is None:
        raise UsageError("before is the `next` of an answer, as it was given.")
    return text


def own(given: dict[str, str]) -> bool:
    """Return `own`. Raises UsageError unless it says yes or no."""
    return truth(given, "own", "0")


def truth(given: dict[str, str], name: str, default: str) -> bool:
    """Return a parameter that says yes or no. Raises UsageError for another."""
    try:
        return TRUTH[given.get(name, default)]
    except KeyError:
        raise UsageError(f"{name} is 1 or 0.") from None


def at(given: dict[str, str]) -> int | None:
    """Return `at`, None without it. Raises UsageError for what is no size of a log."""
    text = given.get("at") or None
    if text is not None and re.fullmatch("[1-9][0-9]{0,14}", text) is None:
        raise UsageError("at is the size of the log that is asked: a number of entries.")
    return None if text is None else int(text)


def as_ocsf(given: dict[str, str]) -> bool:
    """Return whether `as` asks for OCSF. Raises UsageError for another form."""
    form = given.get("as", "event")
    if form not in {"event", "ocsf"}:
        raise UsageError("as is event or ocsf.")
    return form == "ocsf"


def is_event_id(text: str) -> bool:
    """Tell whether an event could have this id."""
    return _EVENT_ID.fullmatch(text) is not None
