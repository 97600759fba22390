"""How a verification in the background goes along: what it need not open again, where it rests."""

from typing import Protocol

from whodid.ledger.verification.leaves import Part


class Pace(Protocol):
    """Asked between the parts of a run. `took` and `rest` may wait, or raise to end the run."""

    def opened_before(self, first: int, end: int) -> bool:
        """Tell whether the payload of the sealed entries [first, end) need not be opened again."""
        ...

    def took(self, part: Part) -> None:
        """Take note of a sealed unit that was checked."""
        ...

    def rest(self) -> None:
        """Be called after each small piece of other work."""
        ...


class NoPace:
    """All of it, without a rest."""

    def opened_before(self, first: int, end: int) -> bool:  # noqa: ARG002 - the seam's
        """Open everything."""
        return False

    def took(self, part: Part) -> None:
        """Go on."""

    def rest(self) -> None:
        """Go on."""
