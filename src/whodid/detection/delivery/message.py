"""A message: what one channel is sent in one go."""

from msgspec import Struct

from whodid.detection.delivery.change import Change


class Message(Struct, frozen=True):
    """Changes told together, in their order; `more` were left out.

    `id` is the same for every try: the receiver's idempotency key. A `trial` is marked as one; a
    `heartbeat` has no changes.
    """

    id: str
    changes: tuple[Change, ...] = ()
    more: int = 0
    trial: bool = False
    heartbeat: bool = False
