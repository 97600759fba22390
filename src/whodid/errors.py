"""The error tree. Each class has a stable code and the exit code of the command that meets it.

WhodidError
├── UsageError            2  the caller asked for something that does not exist
│   └── QueryError        2  a search text that does not parse; knows its position
├── InputError            3  bytes from outside that could not be read
│   └── TooLargeError     3  a bound of `limits` was passed
├── AccessDeniedError     4  not allowed
├── LeftError             1  nobody waits for the answer any more
└── LedgerError           1  the ledger
    ├── RefusedError      1  refuse and go on: this request failed, the next may not
    ├── StoppedError      1  stop the log: appends have ended, reads go on
    ├── IntegrityError    1  stored bytes are not what they must be
    └── FormatError       1  a format number that this version does not know

A raw ValueError or KeyError never leaves a parser of hostile input.
"""

from typing import ClassVar


class WhodidError(Exception):
    """Base of all errors of whodid; its text is one sentence that says what to do."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1


class UsageError(WhodidError):
    """The caller asked for something that does not exist or cannot be combined."""

    code = "usage"
    exit_code = 2


class QueryError(UsageError):
    """A search text that does not parse.

    `position` is the 0-based offset in characters, `suggestion` a corrected word or None; `others`
    are further mistakes of the same text, which say nothing of others themselves. `text` is the
    search; "" where it is SQL, or too long.
    """

    code = "query"

    def __init__(self, message: str, position: int = 0, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.position = position
        self.suggestion = suggestion
        self.others: tuple[QueryError, ...] = ()
        self.text = ""


class InputError(WhodidError):
    """Bytes from outside could not be read; the text names the file, line or field."""

    code = "input"
    exit_code = 3


class TooLargeError(InputError):
    """An input passed a bound named in `whodid.limits`."""

    code = "too_large"


class AccessDeniedError(WhodidError):
    """The caller may not do this."""

    code = "denied"
    exit_code = 4


class LeftError(WhodidError):
    """Whoever asked went away before there was an answer, so the work was ended."""

    code = "left"

    def __init__(self) -> None:
        super().__init__("whoever asked went away before the answer; ask again")


class LedgerError(WhodidError):
    """Something about the ledger itself."""

    code = "ledger"


class RefusedError(LedgerError):
    """Refuse and go on: nothing was stored, the ledger is sound, a later try may succeed."""

    code = "refused"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoppedError(LedgerError):
    """Stop the log: appends have ended until an operator has looked; reads go on."""

    code = "stopped"


class IntegrityError(LedgerError):
    """Stored bytes are not what they must be."""

    code = "integrity"


class FormatError(LedgerError):
    """A format number that this version does not know."""

    code = "format"
