"""Random searches over given events: most of their values are values that some event has."""

import random

from whodid.query.countable import COUNTED, FUNCTIONS, SEVERAL
from whodid.query.fields import SEARCH_FIELDS, STATES
from whodid.query.match import texts_of
from whodid.query.pipes import Key, Measure, Stats
from whodid.query.tree import (
    Everything,
    Network,
    Not,
    Pattern,
    Range,
    Span,
    Term,
    Text,
    all_of,
    any_of,
)

_MINUTE_US = 60_000_000
_BUCKETS = (_MINUTE_US, 7 * _MINUTE_US, 60 * _MINUTE_US, "day", "week", "month", "year")
_REGEXES = (
    "^a", "(?i)alice", "[0-9]+$", "^$", r"\w+@\w+\.", r"\S \S", "(GET|select).*(x|m)", "a{2,3}b?",
    "^[^a-z]+$", ".", r"\d{3}", "(?i)straße", "[%_]", r"\\", "^(a|b)*$", "é",
)  # fmt: skip
_NETWORKS = ("10.0.0.0/8", "10.0.0.1", "0.0.0.0/0", "192.168.7.8/31", "2001:db8::/32", "::1",
             "::/0",
             "fe80::/10", "2001:db8::1", "::fffe:0:0/95")  # fmt: skip
_ENDS = ("10.0.0.1", "10.0.0.77", "192.168.7.9", "255.255.255.255")
_NUMBERS = (0, 1, 7, 99, 1000, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
_DAY_US = 86_400_000_000


class RandomQueries:
    """Draws trees and tables. What it draws depends on the seed and the events alone."""

    def __init__(self, seed, events):
        self._draw = random.Random(seed)
        self._events = list(events.values())

    def tree(self, depth=3):
        """A tree in normal form that text can say."""
        pick = self._draw.random()
        if depth and pick < 0.5:
            items = [self.tree(depth - 1) for _ in range(self._draw.choice((2, 2, 3)))]
            return all_of(items) if pick < 0.3 else any_of(items)
        if depth and pick < 0.65:
            return Not(self.tree(depth - 1))
        if pick > 0.98:
            return Everything()
        if pick > 0.88:
            return Text(self._text(self._any_text(), pattern=0.4))
        return self._term()

    def stats(self):
        """A table of few keys, no two columns of one name."""
        keys = [self._key() for _ in range(self._draw.choice((0, 1, 1, 2, 3)))]
        if sum(key.field in SEVERAL for key in keys) > 1:
            keys = keys[:1]
        measures = [self._measure() for _ in range(self._draw.choice((1, 1, 2, 4)))]
        by = {key.name: key for key in keys}
        return Stats(tuple(by.values()), tuple({m.name: m for m in measures}.values()))

    def _key(self):
        name = self._draw.choice(COUNTED)
        time = SEARCH_FIELDS[name].kind == "time"
        return Key(name, self._draw.choice(_BUCKETS) if time else None)

    def _measure(self):
        function = self._draw.choice(("count", *FUNCTIONS, "percentile"))
        if function == "count" and self._draw.random() < 0.6:
            return Measure("count")
        kinds = FUNCTIONS["sum" if function == "percentile" else function]
        name = self._draw.choice([name for name in COUNTED if SEARCH_FIELDS[name].kind in kinds])
        percent = self._draw.choice((1, 25, 50, 90, 99)) if function == "percentile" else 0
        return Measure(function, name, percent)

    # --- leaves ----------------------------------------------------------------------------------

    def _term(self):
        name = self._draw.choice((*SEARCH_FIELDS, "actor", "resource", "time", "ip", "rows"))
        field = SEARCH_FIELDS[name]
        if self._draw.random() < 0.08:
            return Term(name, "exists")
        if name in STATES:
            return Term(name, "has", self._draw.random() < 0.5)
        if field.kind == "time":
            return self._compared(name, self._span)
        if field.kind == "integer":
            return self._compared(name, self._number)
        if field.kind == "ip" and self._draw.random() < 0.7:
            return self._address(name)
        return self._of_text(name, field)

    def _of_text(self, name, field):
        if field.values:
            return Term(name, self._draw.choice(("has", "is")), self._draw.choice(field.values))
        if self._draw.random() < 0.1:
            return Term(name, "regex", self._draw.choice(_REGEXES))
        held = texts_of(self._event().field(self._draw.choice(field.columns))) or ("nothing",)
        value = self._draw.choice(held)
        if field.kind == "ip":
            return Term(name, "has", self._pattern(value))
        if self._draw.random() < 0.15 and "\0" not in value and value:
            return Term(name, "is", value)
        if field.kind == "words":
            return Term(name, "has", self._text(value, pattern=0.3))
        if self._draw.random() < 0.35 or "\0" in value or not value:
            return Term(name, "has", self._pattern(value))
        return Term(name, "has", self._cased(value))

    def _compared(self, name, value):
        op = self._draw.choice(("has", ">", ">=", "<", "<=", "range", "range"))
        if op != "range":
            return Term(name, op, value())
        low, high = value(), value()
        if (low > high) if isinstance(low, int) else (low.start_us >= high.end_us):
            low, high = high, low
        open_ = self._draw.random()
        return Term(name, op, Range(None if open_ < 0.2 else low, None if open_ > 0.8 else high))

    def _number(self):
        number = self._event().what.rows
        if number is None or self._draw.random() < 0.4 or not -(2**63) <= number < 2**63:
            return self._draw.choice(_NUMBERS)
        return number

    def _span(self):
        at = self._event().when.received
        width = self._draw.choice((1, 1000, 1_000_000, _MINUTE_US, _DAY_US))
        return Span(at - at % width, at - at % width + width)

    def _address(self, name):
        if self._draw.random() < 0.7:
            return Term(name, "has", Network(self._draw.choice(_NETWORKS)))
        low, high = sorted(self._draw.choices(range(len(_ENDS)), k=2))
        pair = (Network(_ENDS[low]), Network(_ENDS[high]))
        return Term(
            name, "range", Range(*self._draw.choice((pair, (None, pair[1]), (pair[0], None))))
        )

    # --- texts -----------------------------------------------------------------------------------

    def _event(self):
        return self._draw.choice(self._events)

    def _any_text(self):
        event = self._event()
        names = ("actor.name", "message", "resource.name", "statement", "action", "labels", "host")
        held = texts_of(event.field(self._draw.choice(names)))
        return self._draw.choice(held or (event.raw.decode("utf-8", "replace"),))

    def _cased(self, text):
        return self._draw.choice((text, text, text.upper(), text.lower(), text.swapcase()))

    def _text(self, held, *, pattern):
        """A part of a text, perhaps with stars, that can be searched for."""
        if self._draw.random() < pattern:
            return self._pattern(held)
        words = held.replace("\0", " ").split() or ["x"]
        if self._draw.random() < 0.5:
            return self._cased(self._draw.choice(words))
        first = self._draw.randrange(len(words))
        return self._cased(" ".join(words[first : first + 2]))

    def _pattern(self, held):
        """A piece of a text between stars, or what is around one."""
        text = held.split("\0")[-1] or "a"
        first = self._draw.randrange(len(text))
        last = min(len(text), first + self._draw.choice((1, 2, 3, 8)))
        kind = self._draw.random()
        if kind < 0.3:
            return Pattern((text[:last], ""))
        if kind < 0.5:
            return Pattern(("", text[first:]))
        if kind < 0.8:
            return Pattern(("", self._cased(text[first:last]), ""))
        middle = (text[first:last],) if self._draw.random() < 0.5 else ()
        return Pattern((text[:1], *middle, text[-1:]))
