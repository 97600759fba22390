"""Which kind of log a record is, and which kinds a rule's logsource means.

A format of `whodid.normalize` is a kind, or plain JSON: that is told by the keys at its top, else
by its source's name (`okta`, `prod-okta`). A logsource that no kind knows means the sources that
are called like the first of its product, service and category that is unknown. `product: whodid`
means every record.
"""

import re
from functools import lru_cache
from typing import Any

from whodid.detection.rule import LogSource
from whodid.detection.taxonomy.cloud import CLOUD
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.systems import PLAIN, SYSTEMS

KINDS: tuple[Kind, ...] = (*CLOUD, *SYSTEMS, PLAIN)
EVERY = "whodid"
"""The product of rules about all records, in the fields of our Event."""

_BY_FORMAT = {name: kind for kind in KINDS for name in kind.formats}
_TOLD = {value: kind for kind in CLOUD for value in kind.told}
_TOLD_OF = frozenset(product for kind in _TOLD.values() for product in kind.products)
_WORKSPACE = next(kind for kind in CLOUD if kind.name == "google_workspace")
_OF_WORKSPACE = ("admin.googleapis.com", "login.googleapis.com")
"""Services whose logs are those of Google Workspace, though they come as Cloud Audit Logs."""
_GENERIC = PLAIN.formats | {"syslog", "auto", "json-lines"}
OWN_FORMAT = "own"
"""That of whodid's own events."""

_WORDS = re.compile(r"[^a-z0-9._]+")
_KEYS_MAX = 256


def kind_of(format_name: str, source: str, native: Any) -> Kind:
    """Return the kind of a record, from its format, its source's name, and its native form."""
    kind = _BY_FORMAT.get(format_name)
    if kind is not None and format_name not in _GENERIC:
        return kind
    if native.__class__ is dict:
        marked = _marked(tuple(native)) if len(native) <= _KEYS_MAX else None
        if marked is not None:
            return _told(marked, native)
        named = _named(source)
        if named is not None:
            return named
        if source_words(source) & _TOLD_OF and (told := _TOLD.get(_category(native))) is not None:
            return told
    return kind or PLAIN


def _told(marked: Kind, native: dict[str, Any]) -> Kind:
    """Return the kind of a record of a maker whose kinds its values tell apart."""
    if marked.products & _TOLD_OF:
        return _TOLD.get(_category(native), marked)
    payload = native.get("protoPayload") if marked.name == "gcp" else None
    if payload.__class__ is dict and payload.get("serviceName") in _OF_WORKSPACE:
        return _WORKSPACE
    return marked


def _category(native: dict[str, Any]) -> str:
    said = native.get("category", native.get("Category"))
    return said.lower() if said.__class__ is str else ""


def may_vary(format_name: str) -> bool:
    """Tell whether the kind of this format's records depends on what is in them."""
    if format_name == OWN_FORMAT:
        return False
    return format_name in _GENERIC or format_name not in _BY_FORMAT


@lru_cache(maxsize=1024)
def _marked(keys: tuple[str, ...]) -> Kind | None:
    """Return the kind of whose marks the most are among the keys at the top of a record."""
    lowered = {key.lower() for key in keys}
    fits = [max((len(it) for it in kind.marks if it <= lowered), default=0) for kind in CLOUD]
    most = max(fits)
    return CLOUD[fits.index(most)] if most else None


@lru_cache(maxsize=1024)
def source_words(source: str) -> frozenset[str]:
    """Return what a source is called: its whole name, and the words in it."""
    name = source.lower()
    return frozenset((name, *_WORDS.split(name))) - {""}


@lru_cache(maxsize=1024)
def _named(source: str) -> Kind | None:
    called = source_words(source)
    for kind in CLOUD:
        if kind.name in called:
            return kind
    for kind in CLOUD:
        if called & (kind.products - _SHARED):
            return kind
    return None


_SHARED = frozenset(("cisco", "gcp", "google", "azure"))
"""Products of more than one kind: a source's name does not tell which."""


def kinds_of(source: LogSource) -> list[Kind]:
    """Return the kinds that a rule's logsource means, none when no kind knows it."""
    if source.product == EVERY:
        known = [kind for kind in KINDS if source.service in (None, kind.name, *kind.formats)]
        return known if source.category is None else []
    return [kind for kind in KINDS if _says_enough(kind, source) and kind.takes(source)]


def _says_enough(kind: Kind, source: LogSource) -> bool:
    """Tell whether the logsource names anything of this kind (`service: audit` alone does not)."""
    return (
        source.product is not None
        or source.category is not None
        or bool(source.service and source.service in kind.services and source.service != "audit")
    )


def names_of(source: LogSource) -> frozenset[str]:
    """Return what a source must be called when no kind knows the logsource; none: it is unknown.

    The product when no kind has it, else the service, else the category.
    """
    if source.product == EVERY:
        return frozenset()
    for said, known in (
        (source.product, _PRODUCTS), (source.service, _SERVICES), (source.category, _CATEGORIES),
    ):  # fmt: skip
        if said and said not in known:
            return frozenset((said,))
    return frozenset()


_PRODUCTS = frozenset(it for kind in KINDS for it in kind.products)
_SERVICES = frozenset(it for kind in KINDS for it in kind.services)
_CATEGORIES = frozenset(it for kind in KINDS for it in kind.categories)
