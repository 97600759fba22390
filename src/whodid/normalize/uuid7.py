"""UUID version 7 (RFC 9562 section 5.7): sortable by time, one call of the system's randomness."""

from os import urandom

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def uuid7_many(count: int, time_us: int) -> list[str]:
    """Return `count` ids for `time_us` (µs since 1970), in hex with hyphens.

    48 bits of milliseconds, 12 of their fraction (method 3 of section 6.2), 62 random. Ids of one
    call are in no order among themselves. Times beyond 48 bits of milliseconds wrap.
    """
    milliseconds, rest_us = divmod(time_us, 1000)
    stamp = f"{milliseconds & 0xFFFFFFFFFFFF:012x}"
    head = f"{stamp[:8]}-{stamp[8:]}-7{rest_us * 4096 // 1000:03x}-"
    random = urandom(8 * count).hex()
    variant = _VARIANT
    return [
        f"{head}{variant[random[i]]}{random[i + 1 : i + 4]}-{random[i + 4 : i + 16]}"
        for i in range(0, 16 * count, 16)
    ]
