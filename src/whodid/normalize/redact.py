r"""Secrets in a record are replaced by `[redacted:<rule>]` before it is stored.

Rules: `sql-password` (PASSWORD '…', IDENTIFIED BY '…'; pgaudit prints them in clear), `json-key`
(values of password, client_secret, SecretAccessKey, …; also in JSON inside a JSON string),
`authorization` (Bearer, Basic and the like), `url-userinfo`, `parameter` (password=… in a query
or a connection string), `private-key` (PEM), `jwt`.

JSON stays JSON: a replacement never crosses the unescaped quote that ends its string and never
splits an escape. Each rule takes linear time. Where the end of a secret is not to be found, all up
to the end of its string goes. It knows shapes and names, not entropy: a bare secret under an
innocent name stays. An AWS access key id (AKIA…) names a key and is not a secret.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from whodid.event import Redaction
from whodid.normalize.secret_marks import MARKS

_Span = tuple[int, int, str]


class _Rule(NamedTuple):
    """A secret beside a mark: `match` is tried where one of `marks` (lower case) stands.

    Its last group that took part is the secret; the search goes on behind the match.
    """

    name: str
    marks: tuple[bytes, ...]
    match: re.Pattern[bytes]


_RULES = (
    _Rule(
        "authorization",
        (b"authorization", b"bearer"),
        re.compile(
            rb"(?:authorization(?:\\*[\"'])?\s{0,4}[:=]\s{0,4}(?:\\*[\"'])?"
            rb"(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)\s{1,4}"
            rb"([^\s\"'\\,;]{1,4096})|bearer\s{1,4}([a-z0-9._~+/=-]{16,4096}))",
            re.IGNORECASE,
        ),
    ),
    _Rule(
        "url-userinfo",
        (b"://", rb":\/\/"),
        re.compile(rb":\\?/\\?/[^\s/?#\"'@\\:<>]{0,255}:([^\s/?#\"'@\\<>]{1,255})@"),
    ),
    _Rule(
        "private-key",
        (b"-----begin ",),
        re.compile(
            rb"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
            rb"(?:(?!-----END )(?:[\w+/=:,.() \r\n\t-]|\\[nrt/\\])|)*+"
            rb"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?)"
        ),
    ),
    _Rule(
        "jwt",
        (b"eyj",),
        re.compile(rb"(?<![\w-])(eyJ[\w-]{6,8192}\.eyJ[\w-]{2,8192}\.[\w-]{0,4096})"),
    ),
)

_NAME = re.compile(rb"[\w.$@-]{2,64}\Z").search
_VALUE = re.compile(
    rb"\s{0,3}(?!\$\d|\?|%s|'?\[redacted:)(?:'([^'\"\\]{1,4096})'|([^&\s\"'\\#<>;,)]{1,4096}))"
).match

_KEY_MARKS = (
    b"pass", b"pwd", b"secret", b"token", b"apikey", b"api_key", b"api-key", b"api key", b"private",
    b"accesskey", b"access_key", b"access-key", b"authorization", b"cookie", b"keymaterial",
)  # fmt: skip
_KEY_REST = re.compile(rb'[\w.$@ -]{2,48}+(\\{0,15}+")').match
_NUMBER = re.compile(rb"\s{0,16}:\s{0,16}(-?\d[\d.eE+-]*+)").match
_DIRECT = re.compile(rb'\s{0,16}:\s{0,16}(\[?+)\s{0,16}(\\{0,15}+)"').match
_ITEM = re.compile(rb'\s{0,16}(,)\s{0,16}(\\{0,15}+)"').match
_MEMBER = re.compile(
    rb"\s{0,16}(,|:\s{0,16}\{)\s{0,16}"
    rb'\\{0,15}+"(?:[a-z_]{0,24}value|before|after|old|new)\\{0,15}+"\s{0,16}:\s{0,16}(\\{0,15}+)"',
    re.IGNORECASE,
).match
_VALUES_MAX = 8
_KEY_NAME = re.compile(rb"[\w.$@ -]{2,96}").fullmatch
_SECRET_NAMES = frozenset(
    b"pwd secret token cookie setcookie authorization proxyauthorization secretstring secretbinary"
    b" secretvalue tokens signature xamzsignature".split()
)
_SECRET_ENDINGS = (
    b"password", b"passwd", b"passphrase", b"passcode", b"secretkey", b"privatekey", b"apikey",
    b"secretaccesskey", b"accesstoken", b"refreshtoken", b"sessiontoken", b"securitytoken",
    b"idtoken", b"authtoken", b"bearertoken", b"apitoken", b"clientsecret", b"appsecret",
    b"sharedsecret", b"secretkeybase", b"keymaterial", b"dbpwd", b"userpwd", b"accesskey",
)  # fmt: skip
_HARMLESS = re.compile(
    rb"\**|HIDDEN_DUE_TO_SECURITY_REASONS|<REDACTED>|\[redacted:[a-z-]{1,32}\]"
).fullmatch

_SQL_MARKS = (b"password", b"identified")
_SQL = re.compile(
    rb"(?<![a-z0-9_])(?:password(?:\s+for\s+[^\s=]{1,128}+)?"
    rb"|identified\s+(?:with\s+[^\s]{1,128}+\s+)?(?:by|as)(?:\s+(?:password|values))?)"
    rb"(?:\s|\\[nrt]|[=(]|\bto\b|\bas\b|\busing\b|){0,64}+[EN]?"
    rb"(?:(?P<q>'|\\u0027)|(?P<d>\$\w{0,16}\$))",
    re.IGNORECASE,
).match
# A backslash before a quote escapes it in MySQL and does not in PostgreSQL: what follows decides.
_SQL_BODY_TEXT = re.compile(rb"(?:[^'\\]++|''|\\[^']|\\'(?=[^\s,;)])|\\(?=')|)*+", re.DOTALL).match
_SQL_BODY_JSON = re.compile(
    rb"(?:[^'\\]++|''|\\\\(?!')|\\\\'(?=[^\s,;)\\])|\\\\(?=')|\\(?!u0027|\\).|)*+", re.DOTALL
).match
_JSON_START = re.compile(rb"\s*(?:\{|\[\s*[\[{\"])").match

_TEXT_CHARS_MIN = 8


def redact(raw: bytes) -> tuple[bytes, tuple[Redaction, ...]]:
    """Return the bytes to store and where its replacements stand in them; linear, never raises."""
    lowered = raw.lower()
    spans: list[_Span] = []
    for mark in _KEY_MARKS:
        if mark in lowered:
            _find_keys(raw, lowered, mark, spans)
    for mark in _SQL_MARKS:
        if mark in lowered:
            _find_sql(raw, lowered, mark, spans)
    for rule in _RULES:
        for mark in rule.marks:
            if mark in lowered:
                _find(raw, lowered, mark, rule, spans)
    if b"=" in raw:
        _find_parameters(raw, spans)
    return _replace(raw, spans) if spans else (raw, ())


def redact_text(text: str) -> str:
    """Replace the secrets in one mapped text by the same rules."""
    if len(text) < _TEXT_CHARS_MIN:
        return text
    kept, redactions = redact(text.encode("utf-8", "surrogatepass"))
    return kept.decode("utf-8", "surrogatepass") if redactions else text


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name holds a secret (`password`, `clientSecret`)."""
    return len(name) <= 64 and _is_secret_name(name.encode("utf-8", "replace"))


@lru_cache(maxsize=1024)
def _is_secret_name(name: bytes) -> bool:
    plain = name.lower()
    if not any(mark in plain for mark in MARKS):
        return False
    for mark in (b"_", b"-", b" ", b"$", b"@"):
        plain = plain.replace(mark, b"")
    plain = plain.rpartition(b".")[2]
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)


def _find(raw: bytes, lowered: bytes, mark: bytes, rule: _Rule, spans: list[_Span]) -> None:
    at = lowered.find(mark)
    while at >= 0:
        match = rule.match.match(raw, at)
        if match is None:
            at += 1
        else:
            spans.append((*match.span(match.lastindex or 0), rule.name))
            at = match.end()
        at = lowered.find(mark, at)


def _find_parameters(raw: bytes, spans: list[_Span]) -> None:
    """Values of name=value where the name is that of a secret."""
    at = raw.find(b"=")
    while at >= 0:
        name = _NAME(raw[max(0, at - 68) : at].rstrip(b" "))
        at += 1
        if name is not None and _is_secret_name(_unescaped(name)):
            value = _VALUE(raw, at)
            if value is not None and not _is_folder(name[0], value):
                spans.append((*value.span(value.lastindex or 0), "parameter"))
                at = value.end()
        at = raw.find(b"=", at)


def _is_folder(name: bytes, value: re.Match[bytes]) -> bool:
    """Tell whether this is sudo's PWD=/home/alice: the working directory, no password."""
    return name.endswith(b"PWD") and value[value.lastindex or 0].startswith((b"/", b"~"))


def _unescaped(name: re.Match[bytes]) -> bytes:
    r"""Return a name without what belongs to an escape before it (`\u0026token`, `\ntoken`)."""
    text, start = name[0], name.start()
    if start and name.string[start - 1] == 0x5C:
        return text[5:] if text[:1] == b"u" else text[1:]
    return text


def _find_keys(raw: bytes, lowered: bytes, mark: bytes, spans: list[_Span]) -> None:
    """Values of secret keys, in JSON at any depth of strings within strings."""
    at = lowered.find(mark)
    while at >= 0:
        match = _KEY_REST(raw, at)
        if match is not None:
            quote = raw.rfind(b'"', max(0, at - 48), at)
            name = raw[quote + 1 : match.start(1)]
            if quote >= 0 and _KEY_NAME(name) is not None and _is_secret_name(name):
                number = _NUMBER(raw, match.end())
                if number is None:
                    _find_values(raw, match.end(), match[1], spans)
                elif (
                    match[1] == b'"'
                    and not name.lower().endswith(b"tokens")  # how many, as language models count
                    and _backslashes(raw, quote, 0) == 0
                ):
                    spans.append((*number.span(1), "json-key:number"))
        at = lowered.find(mark, at + 1)


def _find_values(raw: bytes, at: int, quote: bytes, spans: list[_Span]) -> None:
    """Values after the name of a secret that ends at `at`, as deeply escaped as its `quote`.

    "password":"x" · "password":["x","y"] · "password":{"old":"x"} · "key":"password","value":"x"
    """
    match = _DIRECT(raw, at)
    following = _ITEM
    if match is None:
        match, following = _MEMBER(raw, at), _MEMBER
    for _ in range(_VALUES_MAX):
        if match is None or len(match[2]) + 1 != len(quote):
            return
        start = match.end()
        end = _string_end(raw, start, len(match[2]))
        if end > start and _HARMLESS(raw, start, end) is None:
            spans.append((start, end, "json-key"))
        if not match[1]:
            return
        match = following(raw, end + len(quote))


def _backslashes(raw: bytes, quote: int, floor: int) -> int:
    at = quote
    while at > floor and raw[at - 1] == 0x5C:
        at -= 1
    return quote - at


def _string_end(raw: bytes, start: int, opening: int) -> int:
    r"""Find where a JSON string ends whose opening quote had `opening` backslashes.

    A string at level L of strings within strings is closed by a quote after 2^L - 1 backslashes;
    a run of r backslashes before a quote closes the level that is the number of trailing ones
    of r, and all levels within it.
    """
    level = (opening + 1).bit_length() - 1
    floor = quote = start
    while (quote := raw.find(b'"', quote)) >= 0:
        run = _backslashes(raw, quote, floor)
        closes = (~run & (run + 1)).bit_length() - 1
        if closes <= level:
            return max(start, quote - (1 << closes) + 1)
        quote += 1
        floor = quote
    return len(raw)


def _find_sql(raw: bytes, lowered: bytes, mark: bytes, spans: list[_Span]) -> None:
    limit = 0
    in_json = _JSON_START(raw) is not None
    body = _SQL_BODY_JSON if in_json else _SQL_BODY_TEXT
    at = lowered.find(mark)
    while at >= 0:
        match = _SQL(raw, at)
        at += 1
        if match is not None:
            start = match.end()
            if limit < start:
                limit = _string_end(raw, start, 0) if in_json else len(raw)
            tag = match["d"]
            if tag is None:
                found = body(raw, start, limit)
                end = found.end() if found is not None else limit
            else:
                end = raw.find(tag, start, limit)
                end = limit if end < 0 else end
            if end > start and not raw.startswith(b"[redacted:", start):
                spans.append((start, end, "sql-password"))
            at = max(at, end)
        at = lowered.find(mark, at)


def _replace(raw: bytes, spans: list[_Span]) -> tuple[bytes, tuple[Redaction, ...]]:
    """Replace the spans, overlapping ones as one; offsets are in the result."""
    spans.sort(key=lambda span: (span[0], -span[1]))
    parts: list[bytes] = []
    redactions: list[Redaction] = []
    size = position = index = 0
    while index < len(spans):
        start, end, rule = spans[index]
        index += 1
        while index < len(spans) and spans[index][0] < end:
            end = max(end, spans[index][1])
            index += 1
        name, _, number = rule.partition(":")
        mark = f"[redacted:{name}]".encode()
        if number:
            mark = b'"' + mark + b'"'
        parts += (raw[position:start], mark)
        size += start - position
        redactions.append(Redaction(size, len(mark), name))
        size += len(mark)
        position = end
    parts.append(raw[position:])
    return b"".join(parts), tuple(redactions)
