"""`whodid rules`: what is used, what cannot be read, what can never match here."""

import json
from pathlib import Path

from sigma_collection import FAULTS, write_collection
from whodid.cli import rules_summary

_RULE = """\
title: Somebody logs in
name: {name}
level: high
logsource: {{product: {product}}}
detection:
  selection: {{{field}: x}}
  condition: selection
"""


def _rules(folder: Path, *rules: dict[str, str], more: str = "") -> Path:
    path = folder / "mine"
    path.mkdir()
    texts = [_RULE.format(**{"product": "aws", "field": "eventName", **it}) for it in rules]
    (path / "a.yml").write_text("---\n".join([*texts, *([more] if more else [])]))
    return path


def test_the_rules_that_come_with_it_can_be_used(cli):
    found = json.loads(cli("rules", "check", "--json", rc=1, WHODID_DIR=None).stdout)
    assert not [it for it in found["faults"] if not it["warning"]]
    blind = [it for it in found["unmatchable"] if it["why"] != "needs"]  # files of the user's
    assert not blind
    listed = json.loads(cli("rules", "list", "--json", WHODID_DIR=None).stdout)["rules"]
    assert len({rule["id"] for rule in listed}) == len(listed) > 100
    grave = json.loads(
        cli("rules", "list", "--level", "critical", "--json", WHODID_DIR=None).stdout
    )["rules"]
    assert 0 < len(grave) < len(listed)
    assert {rule["level"] for rule in grave} == {"critical"}


def test_bad_rules_are_told_with_their_place(cli, tmp_path):
    path = _rules(tmp_path, {"name": "good"}, {"name": "typo", "field": "eventNmae"}, more="a: [")
    result = cli("rules", "check", path, rc=1, WHODID_DIR=None)
    assert f"{path}/a.yml:9: cannot match: no record of cloudtrail has eventNmae" in result.stdout
    assert f"{path}/a.yml:17: not YAML" in result.stdout
    found = json.loads(cli("rules", "check", path, "--json", rc=1, WHODID_DIR=None).stdout)
    assert found["rules"] == 2
    assert [it["why"] for it in found["unmatchable"]] == ["field"]
    assert found["records"] is None
    assert "2 rules; 1 could not be read" in cli("rules", "list", path, WHODID_DIR=None).stdout
    cli("rules", "check", tmp_path / "nothing", rc=3, WHODID_DIR=None)


def test_markup_and_controls_in_a_rule_reach_no_terminal(cli, tmp_path):
    path = _rules(tmp_path, {"name": "good", "field": '"[bold]\\x1b[31m"'})
    result = cli("rules", "check", path, rc=1, WHODID_DIR=None)
    assert "\x1b" not in result.stdout
    assert "[bold]" in result.stdout


def test_sources_and_records_of_a_ledger_count(cli, tmp_path):
    path = _rules(
        tmp_path,
        {"name": "seen", "product": "acme", "field": "a.b"},
        {"name": "unseen", "product": "acme", "field": "a.c"},
        {"name": "aws"},
        {"name": "gone", "product": "windows"},
    )
    cli("source", "add", "acme", "--format", "json")
    cli.ingest({"user": "u", "action": "x", "a": {"b": 1}}, source="acme")
    found = cli.json("rules", "check", path, rc=1)
    assert {it["title"]: None for it in found["unmatchable"]} == {"Somebody logs in": None}
    assert [it["why"] for it in found["unmatchable"]] == ["unseen", "logsource"]
    assert found["unmatchable"][0]["fields"] == ["a.c"]
    assert found["records"] >= 1
    looks = [event for event in cli.events() if event.what.action == "check rules"]
    assert len(looks) == 1
    assert looks[0].what.access == "read"


def test_a_rule_that_needs_a_file_is_told(cli, tmp_path):
    more = (
        "title: far\ncorrelation: {type: impossible_travel, rules: [good], timespan: 1h, "
        "group-by: [actor.name], field: ip}\n"
    )
    path = _rules(tmp_path, {"name": "good"}, more=more)
    found = json.loads(cli("rules", "check", path, "--json", rc=1, WHODID_DIR=None).stdout)
    assert [(it["title"], it["why"]) for it in found["unmatchable"]] == [("far", "needs")]


def test_check_of_a_whole_collection_ends_with_a_summary(cli, tmp_path):
    folder = write_collection(tmp_path / "collection")
    told = cli("rules", "check", folder, rc=1, WHODID_DIR=None).stdout.splitlines()
    for path, (line, _) in FAULTS.items():
        assert any(text.startswith(f"{folder}/{path}:{line}: ") for text in told), path
    bad, why, last = told[-3:]
    assert bad.startswith("could not be read: 3 not UTF-8 (byte …); 2 "), bad
    assert bad.endswith(" for other reasons"), bad
    assert why.startswith("can never match: "), why
    assert "logsource windows/process_creation" in why
    assert last.startswith("18 rules can be used, ")
    assert "20 could not be read; 3 documents are no rules; 1 are deprecated" in last
    found = json.loads(cli("rules", "check", folder, "--json", rc=1, WHODID_DIR=None).stdout)
    assert sum(not it["warning"] for it in found["faults"]) == len(FAULTS)
    assert sum(it["foreign"] for it in found["faults"]) == 3


def test_many_reasons_are_counted_together():
    assert rules_summary._general("'a b' is already the rule in x:3") == (
        rules_summary._general("'c' is already the rule in x:40")
    )
    told = rules_summary._most(["b", "a", "b", *"cdefgh"])
    assert told.startswith("2 b; 1 a; ")
    assert told.endswith("; 3 for other reasons")
