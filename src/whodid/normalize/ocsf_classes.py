"""The classes of the Open Cybersecurity Schema Framework that carry access: data, one table.

Uids, captions and activities are those of OCSF 1.6 (schema.ocsf.io/1.6.0), with the classes that
1.9 adds for users and roles. What kind of access an activity is, OCSF does not say: it is ours.
None says that it depends on more than the activity.
"""

from typing import NamedTuple

from whodid.event import Access

Activity = tuple[str, Access | None]


class OcsfClass(NamedTuple):
    """One class; `activities` is activity_id → (caption, kind of access)."""

    uid: int
    name: str
    activities: dict[int, Activity]


_BASE = OcsfClass(0, "Base Event", {})
FILE_SYSTEM = OcsfClass(
    1001, "File System Activity",
    {
        1: ("Create", "create"), 2: ("Read", "read"), 3: ("Update", "update"),
        4: ("Delete", "delete"), 5: ("Rename", "update"), 6: ("Set Attributes", "update"),
        7: ("Set Security", "administer"), 8: ("Get Attributes", "read"),
        9: ("Get Security", "read"), 10: ("Encrypt", "update"), 11: ("Decrypt", "update"),
        12: ("Mount", "other"), 13: ("Unmount", "other"), 14: ("Open", "read"),
    },
)  # fmt: skip
_PROCESS = OcsfClass(
    1007, "Process Activity",
    {
        1: ("Launch", "execute"), 2: ("Terminate", "execute"), 3: ("Open", "other"),
        4: ("Inject", "execute"), 5: ("Set User ID", "execute"),
    },
)  # fmt: skip
ACCOUNT_CHANGE = OcsfClass(
    3001, "Account Change",
    {
        1: ("Create", "administer"), 2: ("Enable", "administer"),
        3: ("Password Change", "administer"), 4: ("Password Reset", "administer"),
        5: ("Disable", "administer"), 6: ("Delete", "administer"),
        7: ("Attach Policy", "administer"), 8: ("Detach Policy", "administer"),
        9: ("Lock", "administer"), 10: ("MFA Factor Enable", "administer"),
        11: ("MFA Factor Disable", "administer"), 12: ("Unlock", "administer"),
    },
)  # fmt: skip
AUTHENTICATION = OcsfClass(
    3002, "Authentication",
    {
        1: ("Logon", "authenticate"), 2: ("Logoff", "authenticate"),
        3: ("Authentication Ticket", "authenticate"),
        4: ("Service Ticket Request", "authenticate"), 5: ("Service Ticket Renew", "authenticate"),
        6: ("Preauth", "authenticate"), 7: ("Account Switch", "authenticate"),
    },
)  # fmt: skip
_AUTHORIZE = OcsfClass(
    3003, "Authorize Session",
    {1: ("Assign Privileges", "administer"), 2: ("Assign Groups", "administer")},
)  # fmt: skip
ENTITY = OcsfClass(
    3004, "Entity Management",
    {
        1: ("Create", "administer"), 2: ("Read", "read"), 3: ("Update", "administer"),
        4: ("Delete", "administer"), 5: ("Move", "administer"), 6: ("Enroll", "administer"),
        7: ("Unenroll", "administer"), 8: ("Enable", "administer"), 9: ("Disable", "administer"),
        10: ("Activate", "administer"), 11: ("Deactivate", "administer"),
        12: ("Suspend", "administer"), 13: ("Resume", "administer"),
    },
)  # fmt: skip
_USER_ACCESS = OcsfClass(
    3005, "User Access Management",
    {1: ("Assign Privileges", "administer"), 2: ("Revoke Privileges", "administer")},
)  # fmt: skip
GROUP = OcsfClass(
    3006, "Group Management",
    {
        1: ("Assign Privileges", "administer"), 2: ("Revoke Privileges", "administer"),
        3: ("Add User", "administer"), 4: ("Remove User", "administer"),
        5: ("Delete", "administer"), 6: ("Create", "administer"),
        7: ("Add Subgroup", "administer"), 8: ("Remove Subgroup", "administer"),
    },
)  # fmt: skip
HTTP = OcsfClass(
    4002, "HTTP Activity",
    {
        1: ("Connect", "other"), 2: ("Delete", "delete"), 3: ("Get", "read"), 4: ("Head", "read"),
        5: ("Options", "read"), 6: ("Post", "create"), 7: ("Put", "create"), 8: ("Trace", "read"),
        9: ("Patch", "update"),
    },
)  # fmt: skip
_SSH = OcsfClass(
    4007, "SSH Activity",
    {
        1: ("Open", "authenticate"), 2: ("Close", "authenticate"), 3: ("Reset", "other"),
        4: ("Fail", "authenticate"), 5: ("Refuse", "authenticate"), 6: ("Traffic", "other"),
        7: ("Listen", "other"),
    },
)  # fmt: skip
_WEB_RESOURCES = OcsfClass(
    6001, "Web Resources Activity",
    {
        1: ("Create", "create"), 2: ("Read", "read"), 3: ("Update", "update"),
        4: ("Delete", "delete"), 5: ("Search", "read"), 6: ("Import", "create"),
        7: ("Export", "read"), 8: ("Share", "administer"),
    },
)  # fmt: skip
_APPLICATION = OcsfClass(
    6002, "Application Lifecycle",
    {
        1: ("Install", "create"), 2: ("Remove", "delete"), 3: ("Start", "execute"),
        4: ("Stop", "execute"), 5: ("Restart", "execute"), 6: ("Enable", "administer"),
        7: ("Disable", "administer"), 8: ("Update", "update"),
    },
)  # fmt: skip
API = OcsfClass(
    6003, "API Activity",
    {
        1: ("Create", "create"), 2: ("Read", "read"), 3: ("Update", "update"),
        4: ("Delete", "delete"),
    },
)  # fmt: skip
_WEB_ACCESS = OcsfClass(
    6004, "Web Resource Access Activity",
    {
        1: ("Access Grant", None), 2: ("Access Deny", None), 3: ("Access Revoke", "administer"),
        4: ("Access Error", None),
    },
)  # fmt: skip
DATASTORE = OcsfClass(
    6005, "Datastore Activity",
    {
        1: ("Read", "read"), 2: ("Update", "update"), 3: ("Connect", "authenticate"),
        4: ("Query", None), 5: ("Write", "create"), 6: ("Create", "create"),
        7: ("Delete", "delete"), 8: ("List", "read"), 9: ("Encrypt", "execute"),
        10: ("Decrypt", "read"),
    },
)  # fmt: skip
FILE_HOSTING = OcsfClass(
    6006, "File Hosting Activity",
    {
        1: ("Upload", "create"), 2: ("Download", "read"), 3: ("Update", "update"),
        4: ("Delete", "delete"), 5: ("Rename", "update"), 6: ("Copy", "create"),
        7: ("Move", "update"), 8: ("Restore", "create"), 9: ("Preview", "read"),
        10: ("Lock", "update"), 11: ("Unlock", "update"), 12: ("Share", "administer"),
        13: ("Unshare", "administer"), 14: ("Open", "read"), 15: ("Sync", "update"),
        16: ("Unsync", "update"), 17: ("Access Check", "read"),
    },
)  # fmt: skip
_USERS = OcsfClass(3007, "User Management", {})
_ROLES = OcsfClass(3008, "Role Management", {})

CLASSES: dict[int, OcsfClass] = {
    known.uid: known
    for known in (
        _BASE, FILE_SYSTEM, _PROCESS, ACCOUNT_CHANGE, AUTHENTICATION, _AUTHORIZE, ENTITY,
        _USER_ACCESS, GROUP, _USERS, _ROLES, HTTP, _SSH, _WEB_RESOURCES, _APPLICATION, API,
        _WEB_ACCESS, DATASTORE, FILE_HOSTING,
    )
}  # fmt: skip
"""Class uid → class. Another class is read too, by the objects that all classes share."""

BASE = _BASE
ADMINISTERED = frozenset((3001, 3003, 3005, 3006, 3007, 3008))
"""Classes of which every activity is administration, one that is not listed too."""

ABOUT_USERS = frozenset((3001, 3003, 3005, 3007))
"""Classes whose `user` is whom it is done to, not who does it."""

CATEGORIES = {
    0: "Uncategorized", 1: "System Activity", 2: "Findings", 3: "Identity & Access Management",
    4: "Network Activity", 5: "Discovery", 6: "Application Activity",
}  # fmt: skip

UNKNOWN, OTHER = 0, 99
"""Of every enum: not known, and none of the listed (the text beside it then says what)."""

OURS = "whodid"
"""`metadata.product.name` of what we export; such events come back as they were."""
