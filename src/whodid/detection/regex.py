"""Regular expressions of rules: RE2, so that no pattern takes more than linear time.

Syntax: github.com/google/re2/wiki/Syntax, which holds the subset that Sigma allows.
"""

from collections.abc import Callable
from typing import Any

from whodid.errors import InputError
from whodid.limits import RULE_REGEX_BYTES_MAX, RULE_REGEX_CHARS_MAX


def finder(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a text holds anything that fits the pattern. Raises as below.

    Bytes are looked through, and nothing is captured: what fits is not asked for, and to find out
    where it is takes ten times as long as to find that it is there.
    """
    search = compile_regex(pattern).search
    return lambda text: search(text.encode("utf-8", "surrogatepass")) is not None


def compile_regex(pattern: str) -> Any:
    """Return the compiled pattern, without groups; its `search(text)` is None when nothing fits.

    Raises InputError for what is no such expression, is too long or takes too much memory.
    """
    import re2  # noqa: PLC0415 - slow to load

    if len(pattern) > RULE_REGEX_CHARS_MAX:
        raise InputError(f"a regex has at most {RULE_REGEX_CHARS_MAX:,} characters")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = RULE_REGEX_BYTES_MAX
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        raise InputError(f"the regex {pattern[:80]!r} is not RE2's: {reason}") from None
