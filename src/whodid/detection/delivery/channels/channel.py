"""What a channel is: it takes a message or says why not."""

from typing import Protocol

from whodid.detection.delivery.change import ChangeKind
from whodid.detection.delivery.message import Message
from whodid.errors import WhodidError


class NotTakenError(WhodidError):
    """A channel did not take a message; it may the next time, not before `retry_after_s`.

    Its text has neither content nor secrets, and of the receiver's words only numbers.
    """

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Channel(Protocol):
    """One receiver. `groups`: several alerts may stand in one message. `tells`: of what."""

    groups: bool
    tells: frozenset[ChangeKind]

    def send(self, message: Message) -> None:
        """Deliver it, within the channel's time. Raises NotTakenError, nothing else."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
