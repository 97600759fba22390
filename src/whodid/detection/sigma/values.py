"""Values of pysigma, its modifiers applied → looks at fields.

Wildcards become `contains`, `startswith`, `endswith` where they say just that. What pysigma keeps
for somebody else to fill in (`expand`'s placeholders) is a fault: the specification demands it.
"""

from typing import Any

from whodid.detection.compiled.wildcards import fits_pattern
from whodid.detection.regex import compile_regex
from whodid.detection.rule import AnyOf, Node, Not, Part, Test, TestOp
from whodid.errors import InputError

Piece = str | bool | None
_PARTS: dict[str, Part] = {
    "MINUTE": "minute", "HOUR": "hour", "DAY": "day",
    "WEEK": "week", "MONTH": "month", "YEAR": "year",
}  # fmt: skip
_COMPARES: dict[str, TestOp] = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte"}


def node_of(field: str | None, value: Any) -> Node:
    """Return the look at `field` (None: at every text) that a value of pysigma stands for.

    Raises InputError for what cannot be decided here, and says why.
    """
    from sigma import types  # noqa: PLC0415 - slow to load

    if isinstance(value, types.SigmaExpansion):
        return AnyOf(tuple(node_of(field, item) for item in value.values))
    if isinstance(value, types.SigmaString):
        cased = isinstance(value, types.SigmaCasedString)
        return _text(field, _pieces(value), cased=cased)
    if isinstance(value, types.SigmaRegularExpression):
        return Test(field, "regex", _regex(value), cased=True)
    if isinstance(value, types.SigmaTimestampPart) and field is not None:
        return Test(field, "equals", value.number, part=_PARTS[value.timestamp_part.name])
    if isinstance(value, types.SigmaNumber | types.SigmaBool):
        plain = value.number if isinstance(value, types.SigmaNumber) else value.boolean
        return Test(field, "equals", plain) if field is not None else keyword(plain)
    if field is None:
        raise InputError(f"{_name(value)} needs a field: it cannot be a keyword")
    return _of_field(field, value)


def _of_field(field: str, value: Any) -> Node:
    from sigma import types  # noqa: PLC0415 - slow to load

    if isinstance(value, types.SigmaNull):
        return Test(field, "null", None)
    if isinstance(value, types.SigmaExists):
        return Test(field, "exists", bool(value))
    if isinstance(value, types.SigmaCIDRExpression):
        return Test(field, "cidr", str(value.network))
    if isinstance(value, types.SigmaCompareExpression):
        return _compare(field, value)
    if isinstance(value, types.SigmaFieldReference):
        how: TestOp = "fieldref"
        if value.starts_with and value.ends_with:
            how = "fieldref_contains"
        elif value.starts_with:
            how = "fieldref_startswith"
        elif value.ends_with:
            how = "fieldref_endswith"
        return Test(field, how, value.field)
    raise InputError(f"{_name(value)} is not decided here")


def keyword(value: Any) -> Node:
    """Return the look for a number or a truth value in every text."""
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return Test(None, "contains", said)


def _compare(field: str, value: Any) -> Node:
    from sigma import types  # noqa: PLC0415 - slow to load

    number = value.number
    timed = isinstance(number, types.SigmaTimestampPart)
    part = _PARTS[number.timestamp_part.name] if timed else None
    if value.op.name == "NEQ":
        return Not(Test(field, "equals", number.number, part=part))
    return Test(field, _COMPARES[value.op.name], number.number, part=part)


def _pieces(value: Any) -> list[Piece]:
    """Return the literal pieces and wildcards of a text. Raises InputError for a placeholder."""
    from sigma import types  # noqa: PLC0415 - slow to load

    pieces: list[Piece] = []
    for part in value.s:
        if isinstance(part, types.Placeholder):
            raise InputError(f"nothing here knows what stands for the placeholder %{part.name}%")
        if isinstance(part, types.SpecialChars):
            piece: Piece = None if part is types.SpecialChars.WILDCARD_MULTI else True
            if piece is None and pieces and pieces[-1] is None:
                continue
            pieces.append(piece)
        elif part:
            pieces.append(part)
    return pieces


def _text(field: str | None, pieces: list[Piece], *, cased: bool) -> Node:
    if field is None:
        pieces = [*([] if pieces[:1] == [None] else [None]), *pieces]
        pieces += [] if pieces[-1:] == [None] else [None]
    match pieces:
        case []:
            return Test(field, "equals", "", cased)
        case [str(text)]:
            return Test(field, "equals", text, cased)
        case [None, str(text), None]:
            return Test(field, "contains", text, cased)
        case [str(text), None]:
            return Test(field, "startswith", text, cased)
        case [None, str(text)]:
            return Test(field, "endswith", text, cased)
    fits_pattern(tuple(pieces), within=field is None)  # refuses what is too large
    return Test(field, "pattern", tuple(pieces), cased)


def _regex(value: Any) -> str:
    from sigma import types  # noqa: PLC0415 - slow to load

    if value.contains_placeholder():
        raise InputError("nothing here knows what stands for the placeholder of a regex")
    text = str(value.regexp)  # as it was written, though pysigma holds it as pieces
    flags = "".join(sorted(types.SigmaRegularExpression.sigma_to_re_flag[it] for it in value.flags))
    pattern = f"(?{flags}){text}" if flags else text
    compile_regex(pattern)  # its modifiers may have made it too large
    return pattern


def _name(value: Any) -> str:
    return str(value.__class__.__name__).removeprefix("Sigma")
