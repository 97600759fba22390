"""What is drawn by chance: ids as systems write them, ranks with a long tail, weighted choices."""

from collections.abc import Mapping
from random import Random


def correlation(chance: Random) -> str:
    """Return 32 hexadecimal digits, as nginx's $request_id and W3C trace ids have them."""
    return f"{chance.getrandbits(128):032x}"


def uuid4(chance: Random) -> str:
    """Return a random UUID (RFC 9562, version 4)."""
    text = f"{chance.getrandbits(128):032x}"
    variant = "89ab"[chance.getrandbits(2)]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def session(chance: Random) -> str:
    """Return the name of a session in an application."""
    return f"s-{chance.getrandbits(48):012x}"


def ranked(chance: Random, count: int) -> int:
    """Draw 1..count where rank r comes up about 1/r as often as rank 1 (Zipf)."""
    return max(1, min(count, int(count ** chance.random())))


def pick(chance: Random, weights: Mapping[str, int]) -> str:
    """Draw a key as often as its weight says."""
    return chance.choices(tuple(weights), tuple(weights.values()))[0]
