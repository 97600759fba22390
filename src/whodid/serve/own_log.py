"""whodid's own log: one line an event on standard error, text for people or JSON.

Set up once in each process, it takes what the standard `logging` gets, uvicorn's and Python's
warnings among it, and errors that nobody caught. A line has time, level, process, event and fields.

Never in it: tokens, passwords, query text, content of events. So of an error its kind and where it
was raised are told, its own words only where they are ours or the system's: other errors quote what
they met.
"""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

import msgspec

from whodid.clock import to_rfc3339
from whodid.config.settings import LogSettings
from whodid.errors import InputError, QueryError, WhodidError

ACCESS = "whodid.access"
"""The logger of requests."""

_NEVER = logging.CRITICAL + 1
_CHARS_MAX = 2000
_SAME_MAX = 20
_SAME_S = 60.0
_KEYS_MAX = 256
_KEY_CHARS = 60
_FRAMES_MAX = 20
_QUOTING = (QueryError, InputError)
_encode = msgspec.json.Encoder().encode


def set_up(process: str, settings: LogSettings, stream: TextIO | None = None) -> None:
    """Log as `process` from now on; called again it takes the new settings."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(process, as_json=settings.format == "json"))
    handler.addFilter(Flood(time.monotonic))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for noisy in ("httpx", "httpcore", "asyncio", "uvicorn"):  # they tell their insides
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    logging.getLogger(ACCESS).setLevel(logging.INFO if settings.access else _NEVER)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def say(log: logging.Logger, level: int, event: str, **fields: Any) -> None:
    """Log an event with fields; None is left out."""
    if log.isEnabledFor(level):
        log.log(level, "%s", event, extra={"fields": fields})


class Flood(logging.Filter):
    """Lets the same event through _SAME_MAX times in _SAME_S, so that no stranger fills a disk.

    The next one that is let through says how many were not. Requests of the access log are none of
    these: whoever turns that on wants each.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._seen: dict[tuple[str, str], list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is let through."""
        if record.name == ACCESS:
            return True
        now = self._monotonic_s()
        key = (record.name, _event(record)[:_KEY_CHARS])
        began, count = self._seen.get(key, (now, 0.0))
        if now - began >= _SAME_S:
            if count > _SAME_MAX:
                fields = getattr(record, "fields", {})
                record.fields = {**fields, "not_said": int(count) - _SAME_MAX}
            began, count = now, 0.0
        if key not in self._seen and len(self._seen) >= _KEYS_MAX:
            self._seen.clear()
        self._seen[key] = [began, count + 1]
        return count < _SAME_MAX


class Lines(logging.Formatter):
    """One record, one line, whatever is in it."""

    def __init__(self, process: str, *, as_json: bool) -> None:
        super().__init__()
        self._process = process
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = to_rfc3339(int(record.created * 1e6))
        level = record.levelname.lower()
        fields = {
            key: value for key, value in getattr(record, "fields", {}).items() if value is not None
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields |= told(record.exc_info[1])
        if self._as_json:
            head = {"time": time, "level": level, "process": self._process, "logger": record.name}
            return _encode({**head, "event": _event(record), **_plain(fields)}).decode()
        trace = fields.pop("traceback", None)
        words = [_event(record), *(f"{key}={_word(value)}" for key, value in fields.items())]
        if trace:
            words.append(f"Traceback: {trace}")
        return f"{time} {level} whodid {self._process}: {' '.join(words)}"


def told(error: BaseException) -> dict[str, str]:
    """Return what may be told about an error."""
    fields = {"error": type(error).__qualname__}
    if isinstance(error, OSError):
        fields["reason"] = error.strerror or str(error)
    elif isinstance(error, WhodidError) and not isinstance(error, _QUOTING):
        fields["reason"] = str(error)
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    places = [f"{_file(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
    if places:
        fields["traceback"] = " < ".join(places)
    return fields


def _file(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def _event(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # arguments that do not fit their message
        text = str(record.msg)
    if record.name == "asyncio":  # its further lines hold the error's own words
        text = text.partition("\n")[0]
    return _clean(text)


def _clean(text: str) -> str:
    text = " ".join(text[:_CHARS_MAX].split())
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, int | float | bool) else _clean(str(value))
        for key, value in fields.items()
    }


def _word(value: Any) -> str:
    text = _clean(str(value))
    return text if text and " " not in text else _encode(text).decode()


_log = logging.getLogger("whodid")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("an error that nobody caught", exc_info=(kind, error, trace))


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        error = arguments.exc_value
        _log.critical(
            "an error that nobody caught in a thread",
            exc_info=(arguments.exc_type, error, arguments.exc_traceback),
        )
