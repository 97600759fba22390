"""The administrator's pages: users (`/people`) and tokens (`/tokens`).

Only for the role `administrator`, which reads no events. Each act is an event before it is done. A
token is shown once, in the answer to the form that made it, and in no address.
"""

from starlette.responses import Response

from whodid.access.rights import may_administer
from whodid.access.users import ROLES, check_rights, check_user_name
from whodid.clock import system_clock
from whodid.errors import AccessDeniedError, UsageError
from whodid.web.visit import Visit, redirect

_DAY_US = 24 * 3600 * 1_000_000
_SOURCE_DAYS = 365
_USER_DAYS = 90


def show(visit: Visit) -> Response:
    """Answer `GET /people`."""
    _check(visit, "users")
    return _people(visit)


def add(visit: Visit) -> Response:
    """Answer `POST /people`: add a user, or change the rights of one (`change`)."""
    _check(visit, "users")
    form = visit.form
    name, role = form.get("name", "").strip(), form.get("role", "")
    filter_text = form.get("filter", "").strip()
    deny = tuple(part for part in map(str.strip, form.get("deny", "").split(",")) if part)
    content = f"role {role!r}, filter {filter_text!r}, deny {','.join(deny)!r}"
    users = visit.site.doorkeeper.users
    change = "change" in form
    try:
        check_user_name(name)
        check_rights(role, filter_text, deny)
        if change and _is_self(visit, name):
            raise UsageError("Nobody changes his own rights: ask another administrator.")
        action = "change user" if change else "create user"
        visit.site.reading.record(visit.caller(), action, name, content=content)
        if change:
            users.set_rights(name, role=role, filter_text=filter_text, deny=deny)
        else:
            users.add(name, form.get("password", ""), role, filter_text=filter_text, deny=deny)
    except UsageError as error:
        return _people(visit, str(error), form)
    return redirect("/people")


def remove(visit: Visit) -> Response:
    """Answer `POST /people/remove`."""
    _check(visit, "users")
    name = visit.form.get("name", "")
    try:
        if _is_self(visit, name):
            raise UsageError("Nobody removes himself: ask another administrator.")
        visit.site.reading.record(visit.caller(), "remove user", name)
        visit.site.doorkeeper.users.remove(name)
    except UsageError as error:
        return _people(visit, str(error))
    return redirect("/people")


def tokens(visit: Visit) -> Response:
    """Answer `GET /tokens`."""
    _check(visit, "tokens")
    return _tokens(visit)


def issue(visit: Visit) -> Response:
    """Answer `POST /tokens`: the page with the new token on it."""
    _check(visit, "tokens")
    kind, holder = visit.form.get("kind", ""), visit.form.get("for", "").strip()
    name = visit.form.get("name", "").strip()
    doorkeeper = visit.site.doorkeeper
    try:
        user = doorkeeper.users.find(holder) if kind == "user" else None
        if kind == "user" and user is None:
            raise UsageError(f"There is no user {holder[:64]!r}.")
        visit.site.reading.record(visit.caller(), "issue token", holder, content=name)
        if user is not None:
            end_us = system_clock() + _USER_DAYS * _DAY_US
            token = doorkeeper.read_tokens.issue(user, name, end_us)
        else:
            end_us = system_clock() + _SOURCE_DAYS * _DAY_US
            token = doorkeeper.source_tokens.issue(holder, name, end_us)
    except UsageError as error:
        return _tokens(visit, error=str(error))
    return _tokens(visit, fresh=token)


def revoke(visit: Visit) -> Response:
    """Answer `POST /tokens/revoke`."""
    _check(visit, "tokens")
    token_id, kind = visit.form.get("id", ""), visit.form.get("kind", "")
    doorkeeper = visit.site.doorkeeper
    try:
        visit.site.reading.record(visit.caller(), "revoke token", token_id)
        table = doorkeeper.read_tokens if kind == "user" else doorkeeper.source_tokens
        table.revoke(token_id)
    except UsageError as error:
        return _tokens(visit, error=str(error))
    return redirect("/tokens")


def _check(visit: Visit, what: str) -> None:
    """Raise AccessDeniedError for everybody but an administrator; it is an event."""
    assert visit.session is not None
    if may_administer(visit.session.user):
        return
    reason = "only an administrator may do this"
    visit.site.reading.record(visit.caller(), "administer", what, ok=False, reason=reason)
    raise AccessDeniedError(f"Not allowed: {reason}.")


def _is_self(visit: Visit, name: str) -> bool:
    assert visit.session is not None
    return visit.session.user.name.casefold() == name.casefold()


def _people(visit: Visit, error: str = "", form: dict[str, str] | None = None) -> Response:
    given = {key: (form or {}).get(key, "") for key in ("name", "role", "filter", "deny")}
    people = visit.site.doorkeeper.users.all()
    return visit.page(
        "people.html", 400 if error else 200, people=people, roles=ROLES, error=error, given=given
    )


def _tokens(visit: Visit, error: str = "", fresh: str = "") -> Response:
    doorkeeper, now = visit.site.doorkeeper, system_clock()
    found = [("source", info) for info in doorkeeper.source_tokens.all()]
    found += [("user", info) for info in doorkeeper.read_tokens.all()]
    return visit.page(
        "tokens.html", 400 if error else 200, tokens=found, now=now, error=error, fresh=fresh
    )
