"""Before Python 3.11.5 a possessive group keeps what a failed turn consumed (gh-106052).

An empty last alternative ends it cleanly everywhere; each of ours has one.
"""

import re
from pathlib import Path

import whodid

SOURCES = sorted(Path(whodid.__file__).parent.rglob("*.py"))
POSSESSIVE = re.compile(r"(.)\)(?:[*+?]|\{[0-9,]*\})\+")


def test_each_possessive_group_ends_in_an_empty_alternative():
    found = [
        (path.name, match[0])
        for path in SOURCES
        for match in POSSESSIVE.finditer(path.read_text("utf-8"))
    ]
    assert len(found) > 10
    assert [item for item in found if item[1][0] != "|"] == []
