"""From a user to what he may see (`query.rights`)."""

from whodid.access.users import User
from whodid.query.rights import EVERYTHING, Rights


def rights_of(_user: User) -> Rights:
    """Return the rights of a user: every user reads everything, whatever his role's name."""
    return EVERYTHING
