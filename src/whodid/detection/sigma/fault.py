"""What is wrong with a document of rules."""

from msgspec import Struct


class Fault(Struct, frozen=True):
    """Why a document of a file is no rule, or (a `warning`) why a loaded rule is doubtful.

    A `foreign` document is of something else, such as settings of other tools: a warning, too.
    """

    path: str
    line: int
    reason: str
    title: str = ""
    warning: bool = False
    foreign: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"
