"""The text of a rule is its document, and no other one of the file."""

import pytest

from whodid.app.rule_text import rule_text
from whodid.detection.packs import PACKS
from whodid.detection.rule import Head
from whodid.detection.sigma import load_rules
from whodid.errors import InputError
from whodid.limits import RULE_FILE_BYTES_MAX


def test_every_rule_of_the_packs_is_found_in_its_text():
    rules = load_rules([PACKS], None).rules
    assert len(rules) > 400
    for rule in rules:
        text = rule_text(rule.head)
        assert f"id: {rule.head.id}" in text
        assert text.count("\nid: ") <= 1 or text.startswith("id: ")


def place(tmp_path, text, line=1):
    path = tmp_path / "x.yml"
    path.write_bytes(text)
    return Head("x", "x", "low", "v", path=str(path), line=line)


def test_documents_of_one_file(tmp_path):
    text = b"---\ntitle: a\n--- # more\ntitle: b\n---\ntitle: c\n"
    assert rule_text(place(tmp_path, text, 2)) == "title: a\n"
    assert rule_text(place(tmp_path, text, 4)) == "title: b\n"
    assert rule_text(place(tmp_path, text, 6)) == "title: c\n"
    assert "title: a" in rule_text(place(tmp_path, text, 1))


def test_what_is_not_there_any_more(tmp_path):
    for head in (
        Head("x", "x", "low", "v", path=str(tmp_path / "none.yml"), line=1),
        Head("x", "x", "low", "v"),
        place(tmp_path, b"title: a\n", 7),
        place(tmp_path, b"title: \xff\n"),
        place(tmp_path, b"x" * (RULE_FILE_BYTES_MAX + 1)),
    ):
        with pytest.raises(InputError):
            rule_text(head)
