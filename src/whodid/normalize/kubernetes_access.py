"""What kind of access a request to the Kubernetes API is: its verb, but for some resources.

Who may do what is changed through ordinary resources (roles, bindings, admission webhooks), and a
shell in a pod is opened by creating one of its subresources.
"""

from whodid.event import Access
from whodid.normalize.access import access_of

_VERBS: dict[str, Access] = {
    "get": "read", "list": "read", "watch": "read", "head": "read", "options": "read",
    "create": "create", "post": "create", "update": "update", "put": "update", "patch": "update",
    "delete": "delete", "deletecollection": "delete", "approve": "administer",
    "sign": "administer", "bind": "administer", "escalate": "administer",
    "impersonate": "authenticate",
}  # fmt: skip

_BELOW: dict[str, Access] = {
    "exec": "execute", "attach": "execute", "portforward": "execute", "proxy": "execute",
    "ephemeralcontainers": "execute", "eviction": "delete", "token": "authenticate",
    "approval": "administer",
}  # fmt: skip
"""Subresources whose use is what it is, whatever the verb; reading one is still reading."""

_ALWAYS = frozenset(("exec", "attach", "portforward"))
"""Subresources that a GET uses as a POST does (WebSocket)."""

_ASKED = frozenset((
    "tokenreviews", "subjectaccessreviews", "localsubjectaccessreviews",
    "selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews",
))  # fmt: skip
"""A question is asked by creating one."""

_ADMIN_RESOURCES = frozenset((
    "roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts",
    "certificatesigningrequests", "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations", "validatingadmissionpolicies",
    "validatingadmissionpolicybindings", "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings", "podsecuritypolicies", "networkpolicies",
    "resourcequotas", "users", "groups",
))  # fmt: skip
_ADMIN_GROUPS = frozenset(("rbac.authorization.k8s.io", "admissionregistration.k8s.io"))
_CHANGES = frozenset(("create", "update", "delete"))


def access_of_request(
    verb: str, group: str | None, resource: str | None, below: str | None
) -> Access:
    """Return the kind of access; `other` for a verb that is in no table."""
    access = _VERBS.get(verb) or access_of(verb) or "other"
    if below is not None and below in _BELOW and (access != "read" or below in _ALWAYS):
        return _BELOW[below]
    if access not in _CHANGES or below == "status":
        return access
    if resource in _ASKED:
        return "read"
    if resource in _ADMIN_RESOURCES or group in _ADMIN_GROUPS:
        return "administer"
    return access
