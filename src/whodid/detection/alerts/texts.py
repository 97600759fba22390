"""Texts that can be stored: of a command line, or of a rule, they may hold what no UTF-8 has."""

from whodid.limits import ALERT_VALUE_CHARS_MAX


def storable(text: str) -> str:
    """Return the text; what cannot be written as UTF-8 is replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cut(text: str) -> str:
    """Return the text, storable, of at most ALERT_VALUE_CHARS_MAX characters."""
    text = storable(text)
    if len(text) <= ALERT_VALUE_CHARS_MAX:
        return text
    return text[: ALERT_VALUE_CHARS_MAX - 1] + "…"
