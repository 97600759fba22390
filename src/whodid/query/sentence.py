"""One English sentence for one event: "alice read 1,204 rows of customers".

Made of the mapped fields only, as plain text: no markup, bounded, and characters that do not print
(line breaks, direction marks) replaced. Whoever shows it must still escape it.
"""

from typing import Literal, TypeAlias

from whodid.event import Event
from whodid.query.phrase import query_sentence
from whodid.query.verbs import BY_ACCESS, LOG_IN, Verb, is_phrase, login_verb, verb_of

__all__ = ["Part", "PartKind", "event_parts", "event_sentence", "query_sentence"]

PartKind: TypeAlias = Literal["actor", "verb", "resource", "plain"]
Part: TypeAlias = tuple[PartKind, str]

_PIECE_CHARS_MAX = 120
_SHELLS = frozenset({"sudo", "su", "doas", "cron", "ssh"})
_PREFIXES = frozenset({"agent", "service"})


def event_sentence(event: Event) -> str:
    """Return the sentence, without a full stop."""
    return "".join(text for _, text in event_parts(event))


def event_parts(event: Event) -> list[Part]:
    """Return the sentence in parts, so that actor and resource can be linked.

    Joined without anything between, the texts are the sentence. An `actor` or `resource` is the
    value of a field (shortened when very long), to be searched for as it is.
    """
    envelope = event.envelope
    if envelope.quarantine is not None:
        reason = f": {_clean(envelope.quarantine)}" if envelope.quarantine else ""
        return [("plain", f"quarantined record from {_clean(envelope.source)}{reason}")]
    what = event.what
    if what.action is None and (
        what.access is None or (what.access == "other" and event.content.message)
    ):
        return _told(event)
    if what.access == "authenticate":
        verb = login_verb(what.action)
        if verb is not None:
            return _login(event, verb)
    verb = (
        verb_of(what.action, what.resource_name)
        if what.action
        else BY_ACCESS.get(what.access or "other")
    )
    if what.access == "execute" and event.context.service_name in _SHELLS:
        return _command(event)
    if verb is None and what.action and is_phrase(what.action):
        return _phrase(event, what.action)
    return [*_actor(event), *_outcome(event, verb), *_object(event, verb)]


def _clean(text: str) -> str:
    if len(text) > _PIECE_CHARS_MAX:
        text = text[: _PIECE_CHARS_MAX - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)


def _actor(event: Event) -> list[Part]:
    who = event.who
    name = who.actor_name or who.actor_id
    parts: list[Part] = []
    if name is None:
        subject = f"an unnamed {who.actor_type}" if who.actor_type in _PREFIXES else "someone"
        at = f" at {_clean(event.where.ip)}" if event.where.ip else ""
        parts.append(("plain", subject + at))
    else:
        if who.actor_type in _PREFIXES:
            parts.append(("plain", f"{who.actor_type} "))
        parts.append(("actor", _clean(name)))
    if who.actor_on_behalf_of is not None:
        parts += [("plain", " (for "), ("actor", _clean(who.actor_on_behalf_of)), ("plain", ")")]
    parts.append(("plain", " "))
    return parts


def _outcome(event: Event, verb: Verb | None) -> list[Part]:
    """Return the verb in the form that its outcome asks for."""
    action = _clean(event.what.action or "")
    match event.what.outcome:
        case "denied":
            return [("plain", "was denied "), ("verb", verb.gerund if verb else action)]
        case "failure":
            done = verb.base if verb else f"call {action}"
            return [("plain", "failed to "), ("verb", done)]
        case _:
            return [("verb", verb.past if verb else f"called {action}")]


def _object(event: Event, verb: Verb | None) -> list[Part]:
    what = event.what
    names = [name for name in (what.resource_name, *what.resources) if name]
    to = verb.to if verb else ""
    if verb and verb.to_user and what.resource_type == "user":
        to = verb.to_user
    parts: list[Part] = [("plain", f" {to} " if to else " ")]
    if verb is None:
        parts = [("plain", " on ")]
    elif what.rows is not None and what.outcome not in {"denied", "failure"}:
        counted = f"{what.rows:,} {'row' if what.rows == 1 else 'rows'}"
        parts = [("plain", f" {counted} {verb.of} ")]
    if not names:
        if verb is None or verb.whole:
            return []
        thing = f"a {_clean(what.resource_type)}" if what.resource_type else "something"
        return [(kind, text + thing) for kind, text in parts]
    parts.append(("resource", _clean(names[0])))
    if len(names) > 1:
        parts.append(("plain", f" and {len(names) - 1:,} more"))
    if verb is None and what.rows:
        parts.append(("plain", f" ({what.rows:,} {'row' if what.rows == 1 else 'rows'})"))
    return parts


def _login(event: Event, verb: Verb) -> list[Part]:
    who, what, where = event.who, event.what, event.where
    name = who.actor_name or who.actor_id
    parts = _actor(event)
    if name is not None and "invalid:user" in event.envelope.labels:
        parts = [("plain", "someone (invalid user "), ("actor", _clean(name)), ("plain", ") ")]
    elif name is None:
        parts = [("plain", "someone ")]
    match what.outcome:
        case "denied":
            parts += [("plain", "was denied "), ("verb", verb.gerund)]
        case "failure":
            parts += [("plain", "failed to "), ("verb", verb.base)]
        case "success":
            parts.append(("verb", verb.past))
        case _:
            done = "tried to log in" if verb is LOG_IN else verb.past
            parts.append(("verb", done))
    target = what.resource_name or event.context.service_name
    if target:
        parts += [("plain", f" {verb.to} "), ("resource", _clean(target))]
    if where.ip:
        parts.append(("plain", f" from {_clean(where.ip)}"))
    return parts


def _command(event: Event) -> list[Part]:
    what = event.what
    statement = event.content.statement
    command = what.resource_name or statement or what.action or "a command"
    parts = _actor(event)
    match what.outcome:
        case "denied":
            parts += [("plain", "was denied "), ("verb", "running")]
        case "failure":
            parts += [("plain", "failed to "), ("verb", "run")]
        case _:
            parts.append(("verb", "ran"))
    if what.resource_type == "user" and what.resource_name and statement:  # as sudo writes it
        parts.append(("plain", f" {_clean(statement)} as "))
        parts.append(("resource", _clean(what.resource_name)))
    else:
        parts += [("plain", " "), ("resource", _clean(command))]
    host = event.where.host or what.resource_parent
    place = f" on {_clean(host)}" if host else ""
    parts.append(("plain", f"{place} via {event.context.service_name}"))
    return parts


def _phrase(event: Event, action: str) -> list[Part]:
    """Return what an action says that is a phrase and no verb, with whose it is before it."""
    what, name = event.what, event.who.actor_name or event.who.actor_id
    if name is None:
        speaker = _clean(event.context.service_name or event.envelope.source)
        parts: list[Part] = [("plain", f"{speaker}: ")]
    else:
        parts = [*_actor(event)[:-1], ("plain", ": ")]
    parts.append(("verb", _clean(action)))
    if what.resource_name:
        parts += [("plain", " ("), ("resource", _clean(what.resource_name)), ("plain", ")")]
    if name is None and event.where.ip:
        parts.append(("plain", f" from {_clean(event.where.ip)}"))
    if what.outcome == "denied" or (what.outcome == "failure" and "fail" not in action.lower()):
        parts.append(("plain", ", denied" if what.outcome == "denied" else ", failed"))
    return parts


def _told(event: Event) -> list[Part]:
    """Return what an event without any action says."""
    speaker = event.context.service_name or event.envelope.source
    message = event.content.message
    if message:
        return [("plain", f"{_clean(speaker)} reported: {_clean(message)}")]
    return [*_actor(event), ("verb", "did something"), ("plain", f" in {_clean(speaker)}")]
