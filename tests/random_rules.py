"""Random conditions and random values for them, full of what trips SQL up."""

from whodid.detection.rule import All, AnyOf, Not
from whodid.detection.rule import Test as Look

PIECES = (
    "a",
    "B",
    "ab",
    "%",
    "_",
    "'",
    "{0}",
    "!",
    "\\",
    "*",
    "É",
    "ß",
    "x y",
    ";--",
    "12",
    "3.5",
    "",
)
REGEXES = ("^a", "b$", "(?i)AB", "[0-9]+", "a.b", "%|_", "\\\\", "^$", "É")
FIELDS = ("text", "other", "list", "number", "gone")
OPS = (
    "equals", "contains", "startswith", "endswith", "pattern", "regex",
    "lt", "lte", "gt", "gte", "exists", "null", "fieldref",
)  # fmt: skip


def text(chance):
    return "".join(chance.choice(PIECES) for _ in range(chance.randrange(4)))


def values(chance):
    """Return a row: each field's value, None where it is missing."""
    return {
        "text": None if chance.random() < 0.2 else text(chance),
        "other": None if chance.random() < 0.2 else text(chance),
        "list": [text(chance) for _ in range(chance.randrange(4))],
        "number": None if chance.random() < 0.2 else chance.randrange(-3, 20),
    }


def look(chance, fields=FIELDS, ops=OPS):
    field, op, cased = chance.choice(fields), chance.choice(ops), chance.random() < 0.3
    match op:
        case "exists":
            return Look(field, op, chance.random() < 0.5)
        case "null":
            return Look(field, op, None)
        case "regex":
            return Look(field, op, chance.choice(REGEXES), True)
        case "lt" | "lte" | "gt" | "gte":
            return Look(field, op, chance.randrange(-3, 20))
        case "fieldref":
            return Look(field, op, chance.choice(fields), cased)
        case "pattern":
            wild = [chance.choice((None, True)) for _ in range(2)]
            pieces = [text(chance), wild[0], text(chance), wild[1], text(chance)]
            return Look(field, op, tuple(p for p in pieces if p != ""), cased)
    return Look(field, op, text(chance), cased)


def node(chance, depth=3, **options):
    kind = chance.random()
    if depth == 0 or kind < 0.4:
        return look(chance, **options)
    if kind < 0.55:
        return Not(node(chance, depth - 1, **options))
    items = tuple(node(chance, depth - 1, **options) for _ in range(chance.randrange(1, 5)))
    return (All if kind < 0.78 else AnyOf)(items)
