"""From a user to what he may see (`query.rights`).

| role | sees |
|---|---|
| reader | what his filter leaves, without denied fields; own events if the filter names them |
| approver | the same: to approve is no reason to see more |
| investigator | the same, and whodid's own events; without a filter everything |
| administrator | no events at all: he makes users, sources and tokens |

Alerts are cut as events are (`app.alert_rights`); an investigator acts on those that he sees. Rules
and the outbox are for who sees every event, and for the administrator, without what was found.

Everybody who reads events sees his own looks too, where he asks who looked (`app.looking`).
"""

from functools import lru_cache

from whodid.access.users import User
from whodid.errors import UsageError
from whodid.query.rights import NOTHING, Rights, rights
from whodid.query.tree import Everything, Not

_NOT_UNDERSTOOD = Rights(Not(Everything()))
READERS = frozenset({"reader", "approver", "investigator"})
"""The roles that may read events."""


def rights_of(user: User) -> Rights:
    """Return the rights of a user.

    Where what is stored is not understood he reads nothing, nor what an administrator may know.
    """
    return _rights(user.role, user.filter, user.deny)


def may_administer(user: User) -> bool:
    """Tell whether a user may change users, sources and tokens."""
    return user.role == "administrator"


@lru_cache(maxsize=256)
def _rights(role: str, filter_text: str, deny: tuple[str, ...]) -> Rights:
    if role == "administrator":
        return NOTHING
    if role not in READERS:
        return _NOT_UNDERSTOOD
    try:
        return rights(filter_text, deny, own=role == "investigator")
    except UsageError:
        return _NOT_UNDERSTOOD


def may_verify(user: User) -> bool:
    """Tell whether a user may ask for a verification of the whole ledger."""
    return user.role in {"administrator", "investigator"}


def may_acknowledge(user: User) -> bool:
    """Tell whether a user may take a fault of the ledger out of the banner."""
    return user.role == "administrator"


def may_handle(user: User) -> bool:
    """Tell whether a user may act on alerts that he sees: acknowledge, assign, close, silence."""
    return user.role == "investigator"
