"""Random Sigma rules over fields that records have, with the mix of modifiers of public rules.

The weights are how often each modifier stands in SigmaHQ's 3,780 active rules (2026), and one for
those that never do, so that they are tried too. The same seed and fields give the same rules.
"""

import json
from collections.abc import Mapping, Sequence
from random import Random

_WEIGHTS = {
    "": 2400, "contains": 2422, "endswith": 2063, "startswith": 336, "contains|all": 827,
    "re": 120, "windash|contains": 86, "base64offset|contains": 8, "fieldref": 5, "re|i": 2,
    "base64": 1, "wide|base64": 1, "null": 88, "cased": 20, "contains|cased": 10, "exists": 20,
    "neq": 20, "wildcard": 60,
}  # fmt: skip
_RARE = 20
_OF_NUMBERS = ("", "gt", "gte", "lt", "lte", "neq", "exists")
_OF_TIMES = ("hour", "minute", "day", "month", "year", "hour|gte", "minute|lt")
_CONDITIONS = (
    ("a", 40), ("a and not b", 25), ("a and b", 15), ("a or b", 8), ("all of them", 4),
    ("1 of them", 4), ("a and not (b or c)", 3), ("not a and b", 1),
)  # fmt: skip
_LIST_MAX = 6
_MISS = 0.35


class RuleMix:
    """Makes rules of a product and service.

    `texts`, `numbers` and `times` are fields with some of their values; `networks` are fields of
    addresses; `action` is a field that most rules of such logs ask about, `action_share` of these.
    """

    def __init__(
        self,
        seed: int,
        texts: Mapping[str, Sequence[str]],
        *,
        numbers: Mapping[str, Sequence[int | float]] | None = None,
        times: Sequence[str] = (),
        networks: Sequence[str] = (),
        action: str = "",
        action_share: float = 0.0,
        keywords: bool = True,
        logsource: Mapping[str, str] | None = None,
    ) -> None:
        self._random = Random(seed)  # noqa: S311 - a test's dice
        self._texts = {name: list(values) for name, values in texts.items() if values}
        self._numbers = {name: list(values) for name, values in (numbers or {}).items() if values}
        self._times, self._networks = list(times), list(networks)
        self._action, self._share = action, action_share
        self._keywords = keywords
        self._logsource = dict(logsource or {"product": "aws", "service": "cloudtrail"})
        self._made = 0

    def rule(self) -> dict[str, object]:
        """Return one rule as a document."""
        self._made += 1
        condition = self._random.choices(*zip(*_CONDITIONS, strict=True))[0]
        names = [name for name in "abc" if name in condition.replace("and", "").replace("all", "")]
        if "them" in condition:
            names = ["a", "b"]
        selections: dict[str, object] = {name: self._selection() for name in names}
        first = selections[names[0]]
        if self._random.random() < self._share and isinstance(first, dict):
            values = self._texts[self._action]
            count = min(len(values), self._random.choice((1, 1, 1, 2, 4)))
            first[self._action] = self._random.sample(values, count)
        return {
            "title": f"Random rule {self._made}", "name": f"random-{self._made}",
            "logsource": self._logsource, "level": "low",
            "detection": {**selections, "condition": condition},
        }  # fmt: skip

    def yaml(self, count: int) -> str:
        """Return `count` rules as one file."""
        return "---\n".join(json.dumps(self.rule()) + "\n" for _ in range(count))

    def _selection(self) -> object:
        roll = self._random.random()
        if self._keywords and roll < 0.025:
            return [self._part(self._text()) for _ in range(self._random.randint(1, 3))]
        if roll < 0.1:
            return [dict([self._item()]) for _ in range(self._random.randint(2, 3))]
        return dict(self._item() for _ in range(self._random.choice((1, 1, 2, 2, 3))))

    def _item(self) -> tuple[str, object]:
        roll = self._random.random()
        if roll < 0.05 and self._numbers:
            return self._number_item()
        if roll < 0.08 and self._times:
            modifier = self._random.choice(_OF_TIMES)
            return f"{self._random.choice(self._times)}|{modifier}", self._random.randint(0, 30)
        if roll < 0.10 and self._networks:
            first = f"{self._random.randint(1, 223)}.{self._random.randint(0, 255)}"
            network = self._random.choice((f"{first}.0.0/16", "0.0.0.0/1", "128.0.0.0/2"))
            return f"{self._random.choice(self._networks)}|cidr", network
        field = self._random.choice(list(self._texts))
        modifier = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        return self._text_item(field, modifier)

    def _number_item(self) -> tuple[str, object]:
        field = self._random.choice(list(self._numbers))
        modifier = self._random.choice(_OF_NUMBERS)
        value = self._random.choice(self._numbers[field])
        key = f"{field}|{modifier}" if modifier else field
        return key, self._random.random() < 0.5 if modifier == "exists" else value

    def _text_item(self, field: str, modifier: str) -> tuple[str, object]:
        if modifier == "null":
            return field, None
        if modifier == "exists":
            return f"{field}|exists", self._random.random() < 0.5
        if modifier == "fieldref":
            return f"{field}|fieldref", self._random.choice(list(self._texts))
        if modifier == "wildcard":
            return field, self._wildcard(self._of(field))
        values = [self._value(field, modifier) for _ in range(self._random.randint(1, _LIST_MAX))]
        if modifier in ("", "cased", "neq"):
            values = values[: self._random.randint(1, 3)]
        if modifier == "contains|all":
            values = values[:2]
        key = f"{field}|{modifier}" if modifier else field
        return key, values if len(values) > 1 else values[0]

    def _value(self, field: str, modifier: str) -> str:
        text = self._of(field)
        if self._random.random() < 0.3:
            text = text.swapcase()
        kind = modifier.partition("|")[0]
        if kind in {"contains", "windash"}:
            return _plain(self._part(text))
        if kind == "startswith":
            return _plain(text[: self._random.randint(1, max(len(text), 1))])
        if kind == "endswith":
            return _plain(text[-self._random.randint(1, max(len(text), 1)) :])
        if kind == "re":
            part = self._part(text)[:12]
            escaped = "".join(it if it.isalnum() else "." for it in part)
            before, after = self._random.choice(("", "^", ".*")), ("", "$", "[a-z]")
            return f"{before}{escaped}{self._random.choice(after)}"
        if kind in {"base64", "base64offset", "wide"}:
            return "".join(it for it in self._part(text) if it.isascii()) or "x"
        return _plain(text)

    def _wildcard(self, text: str) -> str:
        at = self._random.randrange(max(len(text), 1))
        gap = self._random.choice(("*", "?", "*"))
        end = at + 1 if gap == "?" else self._random.randint(at, len(text))
        return f"{_plain(text[:at])}{gap}{_plain(text[end:])}"

    def _of(self, field: str) -> str:
        if self._random.random() < _MISS:
            return f"{self._random.choice(('x', 'zq', 'none'))}{self._random.getrandbits(24):x}"
        return self._random.choice(self._texts[field])

    def _text(self) -> str:
        return self._of(self._random.choice(list(self._texts)))

    def _part(self, text: str) -> str:
        if len(text) < 3:
            return text or "x"
        at = self._random.randrange(len(text) - 2)
        return text[at : at + self._random.randint(3, 16)]


def _plain(text: str) -> str:
    r"""Return a text whose `*`, `?` and `\` mean themselves."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
