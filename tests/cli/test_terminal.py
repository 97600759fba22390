"""What a log holds never drives the reader's terminal."""

import json
import re

import pytest

from whodid.cli.options import plain

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31m", "\x9b2J", "\x90q\x9c", "\r\n\x08\x7f\0",
    "\u202egnp.exe", "\u2066\u2069\u200b\ufeff\xad", "\u2028\u2029", ":smile: [bold]x[/bold]",
    "\N{VARIATION SELECTOR-16}\U000e0041", "'; rm -rf ~ #",
)  # fmt: skip
CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f]"
)
FIELDS = ("userId", "action", "resource", "status", "ip", "reason", "userAgent", "sessionId")


@pytest.fixture(scope="module")
def hostile(shared):
    records = [
        {"id": f"h{number}", **{field: f"{field}{text}" for field in FIELDS}, text: text}
        for number, text in enumerate(HOSTILE)
    ]
    shared.ingest(*records, {"id": HOSTILE[0], "userId": "zed", "action": "READ"})
    raw = b"raw \x1b[2J \xc2\x9b \xe2\x80\xae \xff\n"
    shared("ingest", "--source", "json", "-", stdin=raw)
    return shared


def clean(result):
    assert not CONTROL.search(result.output), repr(CONTROL.search(result.output))
    return result


def test_search_and_show(hostile):
    clean(hostile("search", "", "--limit", 100))
    clean(hostile("search", "_quarantined:true"))
    clean(hostile("search", "", "--own"))
    for event in hostile.json("search", "", "--limit", 100)["events"]:
        clean(hostile("show", event["id"]))


def test_documents_are_escaped_and_give_the_very_text_back(hostile):
    result = clean(hostile("search", "source:json", "--limit", 100, "--json"))
    events = json.loads(result.stdout)["events"]
    actors = {event.get("actor.id") for event in events}
    assert {f"userId{text}" for text in HOSTILE[:5]} <= actors
    for event in events:
        document = json.loads(clean(hostile("show", event["id"], "--json")).stdout)
        assert document.get("actor.id") == event.get("actor.id")


def test_emoji_names_and_markup_stay_as_they_are(hostile):
    [event] = hostile.json("search", 'actor:"userId:smile: [bold]x[/bold]"')["events"]
    assert "userId:smile: [bold]x[/bold]" in hostile("show", event["id"]).stdout
    assert ":smile: [bold]x[/bold]" in hostile("search", "actor:*smile*").stdout


def test_messages_too(hostile):
    for text in HOSTILE:
        for command in (
            ("search", "--", text),
            ("show", "--", f"x{text}"),
            ("login", "--link", "--", text),
        ):
            result = hostile.runner.invoke(_main(), list(command), env=hostile.env)
            assert result.exception is None or isinstance(result.exception, SystemExit)
            clean(result)


def _main():
    from whodid.cli import main

    return main


def test_plain():
    assert plain("naïve — ✓ 日本 a b") == "naïve — ✓ 日本 a b"
    assert plain("a\tb\nc\x9b") == "a�b�c�"
