"""Records that a Sigma rule matches, nearly matches or does not, made from its own selections.

A reading of Sigma of its own, and a loose one: it makes texts that most likely fit, then damages
some of them. What matches is not said here; the ways of deciding are compared over the records.
"""

import base64
import ipaddress
import re
import string
from random import Random
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

TEXT = "all texts"
"""The field that takes what keywords look for."""
_CHARS = string.ascii_letters + string.digits + " -_./"
_DASHES = "-/\u2013\u2014\u2015"
_REPEATS = 3


class EventsOfRule:
    """Makes records for one rule. `detection` is its section as YAML says it."""

    def __init__(self, detection: dict[str, Any], dice: Random) -> None:
        self._dice = dice
        self._selections = {
            name: value
            for name, value in detection.items()
            if name not in {"condition", "timeframe"}
        }

    def record(self) -> dict[str, Any]:
        """Return one flat record: fields by their whole names."""
        found: dict[str, Any] = {}
        names = list(self._selections)
        kept = 1.0 if self._dice.random() < 0.3 else self._dice.random()
        for name in self._dice.sample(names, len(names)):
            rare = 0.3 if name.startswith(("filter", "false", "_")) else 1.0
            if self._dice.random() < kept * rare:
                self._apply(self._selections[name], found)
        if found and self._dice.random() < 0.4:
            self._damage(found)
        return found

    def _apply(self, said: Any, found: dict[str, Any]) -> None:
        if isinstance(said, dict):
            for key, value in said.items():
                self._field(key, value, found)
        elif isinstance(said, list) and said and isinstance(said[0], dict):
            self._apply(self._dice.choice(said), found)
        else:
            self._field("", said, found)

    def _field(self, key: str, value: Any, found: dict[str, Any]) -> None:
        field, *modifiers = str(key).split("|")
        values = value if isinstance(value, list) else [value]
        if not values:
            return
        chosen = values if "all" in modifiers else [self._dice.choice(values)]
        made = [self._value(it, modifiers, found) for it in chosen]
        name = field or TEXT
        if len(made) > 1 or (name in found and isinstance(found[name], str) and field):
            before = [found[name]] if isinstance(found.get(name), str) else []
            found[name] = "".join(f"{it}" for it in [*before, *made] if it is not None)
        elif not field:
            found[name] = f"{found.get(name, '')}{self._noise()}{made[0]}{self._noise()}"
        else:
            found[name] = made[0]

    def _value(self, value: Any, modifiers: list[str], found: dict[str, Any]) -> Any:
        if value is None:
            return None
        if "exists" in modifiers:
            return self._noise() if value else None
        if "fieldref" in modifiers:
            return found.setdefault(str(value), self._noise() or "x")
        if "cidr" in modifiers:
            return self._address(str(value))
        if "re" in modifiers:
            return self._noise() + Of(self._dice).text(str(value)) + self._noise()
        if {"lt", "lte", "gt", "gte"} & set(modifiers):
            return value + self._dice.choice((-1, 0, 1, 0.5))
        if not isinstance(value, str):
            return value
        return self._text(value, modifiers)

    def _text(self, value: str, modifiers: list[str]) -> str:
        text = self._literal(value)
        for modifier in modifiers:
            if modifier == "windash":
                text = re.sub(r"\B[-/]\b", lambda _: self._dice.choice(_DASHES), text)
            elif modifier in {"wide", "utf16le"}:
                text = text.encode("utf-16le").decode("latin-1")
            elif modifier == "utf16be":
                text = text.encode("utf-16be").decode("latin-1")
            elif modifier in {"base64", "base64offset"}:
                before = self._noise() if modifier == "base64offset" else ""
                text = base64.b64encode((before + text).encode("utf-8")).decode()
        if "contains" in modifiers or "base64offset" in modifiers or "endswith" in modifiers:
            text = self._noise() + text
        if {"contains", "base64offset", "startswith"} & set(modifiers):
            text += self._noise()
        return self._dice.choice((text, text, text.upper(), text.swapcase()))

    def _literal(self, value: str) -> str:
        """Return a text for one with wildcards."""
        made, at = "", 0
        while at < len(value):
            char = value[at]
            if char == "\\" and value[at + 1 : at + 2] in {"*", "?", "\\"}:
                made += value[at + 1]
                at += 1
            elif char == "*":
                made += self._noise()
            elif char == "?":
                made += self._dice.choice(_CHARS)
            else:
                made += char
            at += 1
        return made

    def _address(self, network: str) -> str:
        net = ipaddress.ip_network(network, strict=False)
        if net.version == 6:  # the oracle compares their texts
            return "203.0.113.9"
        return str(net[self._dice.randrange(net.num_addresses)])

    def _noise(self) -> str:
        return "".join(self._dice.choices(_CHARS, k=self._dice.choice((0, 0, 1, 3, 8))))

    def _damage(self, found: dict[str, Any]) -> None:
        name = self._dice.choice(sorted(found))
        value = found[name]
        how = self._dice.choice(("gone", "null", "empty", "more", "cut", "other"))
        if how == "gone":
            del found[name]
        elif how == "null":
            found[name] = None
        elif how == "empty":
            found[name] = ""
        elif isinstance(value, str):
            cut = value[1:] if self._dice.random() < 0.5 else value[:-1]
            found[name] = {"more": value + "~", "cut": cut}.get(how, self._noise())
        elif how == "other" and isinstance(value, int):
            found[name] = value + 1


class Of:
    """Makes texts that fit regular expressions, near enough."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def text(self, pattern: str) -> str:
        """Return a text for `pattern`."""
        return "".join(self._piece(op, said) for op, said in parser.parse(pattern))

    def _piece(self, op: Any, said: Any) -> str:
        if op is codes.LITERAL:
            return chr(said)
        if op is codes.NOT_LITERAL:
            return "~" if said != ord("~") else "!"
        if op is codes.ANY:
            return self._dice.choice(_CHARS)
        if op is codes.IN:
            return self._of_set(said)
        if op in {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}:
            least, most, inner = said
            count = self._dice.randint(least, min(most, least + _REPEATS))
            return "".join(self._piece(*it) for _ in range(count) for it in inner)
        if op is codes.SUBPATTERN:
            return "".join(self._piece(*it) for it in said[-1])
        if op is codes.BRANCH:
            return "".join(self._piece(*it) for it in self._dice.choice(said[1]))
        return ""

    def _of_set(self, said: Any) -> str:
        if said[0][0] is codes.NEGATE:
            return self._dice.choice("~é ")
        op, value = self._dice.choice(said)
        if op is codes.LITERAL:
            return chr(value)
        if op is codes.RANGE:
            return chr(self._dice.randint(*value))
        kinds = {
            codes.CATEGORY_DIGIT: "07",
            codes.CATEGORY_SPACE: " \t",
            codes.CATEGORY_WORD: "aZ_",
        }
        return self._dice.choice(kinds.get(value, "~!"))
