"""Tell for a whole request at once that no rule of `redact` can find anything in it.

Every secret that `redact` knows stands beside a mark: a few letters that its rule needs. Marks are
looked for in all bytes at once by their rarest pair of letters, which costs 1 ns a byte; looking
for each mark in turn costs ten times that. It does not find secrets, and may cry wolf.
"""

import re
from collections.abc import Sequence

import numpy as np

MARKS: dict[bytes, int] = {
    b"passw": 3, b"passph": 3, b"passc": 3, b"pwd": 1, b"secret": 2, b"token": 1, b"apikey": 2,
    b"api_key": 2, b"api-key": 2, b"api key": 2, b"accesskey": 5, b"access_key": 5,
    b"access-key": 5, b"private": 3, b"authorization": 6, b"cookie": 2, b"bearer": 2,
    b"signature": 2, b"eyj": 1, b"identified": 5, b"keymaterial": 2,
    b"-----begin ": 4, b"://": 1, rb":\/\/": 1,
}  # fmt: skip
"""Mark, in lower case → where in it the pair of letters stands that is rare in logs."""

_USERINFO = re.compile(rb":\\?/\\?/[^\s/?#\"'@\\:<>]{0,255}:[^\s/?#\"'@\\<>]{1,255}@")
_URL_MARKS = (b"://", rb":\/\/")
_SMALL_BYTES = 16 * 1024
_FOLD = 0x20


def _fold(mark: bytes) -> bytes:
    return bytes(byte | _FOLD for byte in mark)


_FOLDED = tuple((mark, _fold(mark), at) for mark, at in MARKS.items())
_PAIRS = tuple(dict.fromkeys(letters[at : at + 2] for _, letters, at in _FOLDED))
_CODES = np.zeros(1 << 16, np.uint8)
for _code, _pair in enumerate(_PAIRS, 1):
    _CODES[_pair[0] | _pair[1] << 8] = _code
_CODES.flags.writeable = False
_BY_CODE = tuple(
    tuple((mark, letters, at) for mark, letters, at in _FOLDED if letters[at : at + 2] == pair)
    for pair in _PAIRS
)


def may_hold_secret(body: bytes) -> bool:
    """Return False only when `redact` would change no part of `body`; never raises."""
    if len(body) < _SMALL_BYTES:
        lowered = body.lower()
        found = [mark for mark in MARKS if mark in lowered]
    else:
        found = list(_places(body))
    if not found:
        return False
    return any(mark not in _URL_MARKS for mark in found) or _USERINFO.search(body) is not None


def may_hold_secrets(records: Sequence[bytes]) -> list[bool]:
    """Return `may_hold_secret` of each record, which is cheap when few of many hold one."""
    body = b"\n".join(records)
    if len(body) < _SMALL_BYTES:
        if not may_hold_secret(body):
            return [False] * len(records)
        return [may_hold_secret(record) for record in records]
    places = _places(body)
    if not places:
        return [False] * len(records)
    found = [starts for mark, starts in places.items() if mark not in _URL_MARKS]
    if len(found) < len(places):
        found.append(np.array([match.start() for match in _USERINFO.finditer(body)], np.intp))
    ends = np.cumsum(np.fromiter(map(len, records), np.intp, len(records)) + 1)
    verdicts = np.zeros(len(records), np.bool_)
    verdicts[np.searchsorted(ends, np.concatenate(found), side="right")] = True
    return verdicts.tolist()


def _places(body: bytes) -> dict[bytes, "np.ndarray[tuple[int], np.dtype[np.intp]]"]:
    """Return the marks that stand in `body`, and where each begins."""
    folded = np.frombuffer(body, np.uint8) | np.uint8(_FOLD)
    size = folded.size
    positions, codes = [], []
    for shift in (0, 1):
        pairs = folded[shift : shift + (size - shift) // 2 * 2].view("<u2")
        code = _CODES.take(pairs)
        hits = np.flatnonzero(code != 0)
        positions.append(hits * 2 + shift)
        codes.append(code[hits])
    at, code = np.concatenate(positions), np.concatenate(codes)
    found = {}
    for number in np.flatnonzero(np.bincount(code, minlength=1)).tolist():
        here = at[code == number]
        for mark, letters, offset in _BY_CODE[number - 1]:
            start = here - offset
            start = start[(start >= 0) & (start <= size - len(letters))]
            for index, letter in enumerate(letters):
                if not start.size:
                    break
                if not offset <= index < offset + 2:
                    start = start[folded[start + index] == letter]
            if start.size:
                found[mark] = start
    return found
