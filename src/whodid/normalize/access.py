"""Native verb → kind of access, native status → outcome: two tables and the words of a verb.

A verb is split into words (`PutUserPolicy`, `FILE_UPLOAD`, `user.login`, `DROP TABLE`); the first
word that is in the table decides. A change of who may do what is `administer`. A word that is in
no table gives None: the kind of access is derived, never guessed.
"""

import re
from functools import lru_cache

from whodid.event import Access, Outcome

_WORDS: dict[Access, str] = {
    "create": """add allocate append clone compose copy create generate import insert issue make
        mkdir new post publish put record register restore run save send store submit tag upload
        write""",
    "read": """analyze batchget browse check count decrypt describe detail download dump estimate
        explain export fetch filter find get head list lookup open options peek poll preview query
        read receive report scan search select show stat test validate verify view""",
    "update": """accept alter apply approve archive assign associate attach cancel change close
        comment complete configure convert detach disable disassociate edit enable increment lock
        mark merge modify move patch promote rebuild refresh reindex reject rename reopen replace
        reset resize resume rotate set suspend sync transfer unlock update upgrade upsert vacuum""",
    "delete": """clear delete deregister destroy drop erase expire flush purge release remove rm
        rmdir terminate trash truncate uninstall unlink unset untag""",
    "execute": """call chat command continue deploy do encrypt exec execute invoke kill launch
        perform predict process prompt reboot render restart start stop sudo train trigger""",
    "authenticate": """assume auth authenticate connect disconnect federate impersonate login logoff
        logon logout mfa otp session signin signon signout switch""",
    "administer": """activate administer authorize ban block deactivate demote deny deprovision
        enroll grant invite leave permit provision revoke share su unblock unshare""",
}
_IRREGULAR: dict[Access, str] = {
    "create": "sent submitted wrote written",
    "read": "got queried",
    "update": "applied modified",
    "delete": "dropped",
    "execute": "ran stopped",
    "authenticate": "logged signed",
    "administer": "denied",
}

_ADMIN_NOUNS = frozenset((
    "acl", "acls", "auditing", "authorization", "config", "configuration", "credential",
    "credentials", "entitlement", "grant", "grants", "group", "groups", "key", "keys", "logging",
    "member", "members", "mfa", "password", "permission", "permissions", "policies", "policy",
    "principal", "privilege", "privileges", "profile", "recorder", "role", "roles", "rule", "rules",
    "selectors", "setting", "settings", "trail", "user", "users",
))  # fmt: skip
"""Whose change is a change of who may do what, or of what is recorded."""

_ADMIN_SERVICES = frozenset(("iam", "organizations", "sso", "cloudtrail", "account", "guardduty"))

_WHOLE: dict[str, Access] = {
    "getsessiontoken": "authenticate", "getfederationtoken": "authenticate",
    "getcalleridentity": "read", "getsigninurl": "authenticate", "consolelogin": "authenticate",
    "checkmfa": "authenticate", "createsession": "authenticate", "log in": "authenticate",
    "log out": "authenticate", "sign in": "authenticate", "sign out": "authenticate",
    "switchrole": "authenticate", "generatedatakey": "execute", "sign": "execute",
    "startlogging": "administer",
    "stoplogging": "administer", "createloggroup": "create", "deleteloggroup": "delete",
    "enableserialconsoleaccess": "administer", "disableebsencryptionbydefault": "administer",
    "sendcommand": "execute", "runinstances": "create", "runcommand": "execute",
    "sendsshpublickey": "administer", "createuser": "administer", "deleteuser": "administer",
    "userauthentication": "authenticate", "assumerole": "authenticate",
    "create table": "create", "create index": "create", "create view": "create",
    "alter table": "update", "drop table": "delete", "select into": "create",
    "begin": "other", "commit": "other", "rollback": "other", "show": "read", "copy to": "read",
    "copy from": "create",
}  # fmt: skip
"""Verbs that their words would put elsewhere; lower case, blanks only between SQL words."""


def _table() -> dict[str, Access]:
    """Give each word its access, also as an application says it afterwards (created, deleting)."""
    table: dict[str, Access] = {}
    for access, words in _WORDS.items():
        for word in words.split():
            stem = word.removesuffix("e")
            table |= dict.fromkeys((word, f"{word}s", f"{stem}ed", f"{stem}ing"), access)
    for access, words in _IRREGULAR.items():
        table |= dict.fromkeys(words.split(), access)
    return table


_TABLE = _table()
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+").findall
_VERB_CHARS_MAX = 128
_CHANGES = frozenset(("create", "update", "delete"))

_OUTCOMES: dict[Outcome, str] = {
    "success": "success successful succeeded succeed ok okay pass passed allow allowed granted "
    "permit permitted accept accepted approved complete completed done yes true 0 authorized",
    "failure": "failure fail failed error errored exception timeout timedout invalid aborted "
    "cancelled canceled fatal no false unsuccessful crash crashed",
    "denied": "denied deny forbidden unauthorized unauthorised refused rejected reject blocked "
    "block accessdenied permissiondenied notauthorized disallowed",
    "unknown": "unknown pending partial started inprogress other none null na",
}
_OUTCOME: dict[str, Outcome] = {
    word: outcome for outcome, words in _OUTCOMES.items() for word in words.split()
}


@lru_cache(maxsize=4096)
def _access_of(action: str, service: str | None) -> Access | None:
    lowered = action.lower()
    whole = _WHOLE.get(lowered)
    if whole is not None:
        return whole
    words = [word.lower() for word in _SPLIT(action)]
    if "login" in lowered and words[:1] not in (["get"], ["create"], ["delete"], ["update"]):
        return "authenticate"
    access = None
    for word in words:
        access = _TABLE.get(word)
        if access is not None:
            break
    if access in _CHANGES and (
        (service is not None and service.partition(".")[0] in _ADMIN_SERVICES)
        or not _ADMIN_NOUNS.isdisjoint(words)
    ):
        return "administer"
    return access


def access_of(action: str, service: str | None = None) -> Access | None:
    """Return the kind of access of a native verb, None when no table knows it.

    `service` is the provider's name of the service (`iam.amazonaws.com`); its changes may be
    administration whatever they are called.
    """
    if len(action) > _VERB_CHARS_MAX:
        action = action[:_VERB_CHARS_MAX]
    return _access_of(action, service if service is None or len(service) <= 64 else None)


@lru_cache(maxsize=1024)
def _outcome_of(text: str) -> Outcome:
    plain = "".join(letter for letter in text.lower() if letter.isalnum())
    known = _OUTCOME.get(plain)
    if known is not None:
        return known
    if len(plain) == 3 and plain.isascii() and plain.isdigit() and "100" <= plain < "600":
        return http_outcome(int(plain))
    return "unknown"


def http_outcome(status: int) -> Outcome:
    """Return the outcome of an HTTP status: 401, 403, 407 and 451 are denials (RFC 9110, 7725)."""
    if status in (401, 403, 407, 451):
        return "denied"
    return "failure" if status >= 400 else "success"


def outcome_of(text: str) -> Outcome:
    """Return the outcome that a status word or an HTTP status tells; `unknown` for other words."""
    return _outcome_of(text) if len(text) <= 32 else "unknown"
