"""A folder of other people's rules: all of it loads or is told, with its place."""

import json
import os

import pytest

from sigma_collection import FAULTS, GOOD, TWO, WARNINGS, rule, uid, write_collection
from whodid.detection.compiled import compile_rules, unmatchable
from whodid.detection.rule import Correlation, Not
from whodid.detection.rulebook import Choice, read_rules, stamp
from whodid.detection.sigma import load_rules


@pytest.fixture
def folder(tmp_path):
    return write_collection(tmp_path / "collection")


@pytest.mark.parametrize("kept", [False, True])
def test_everything_is_a_rule_or_told_with_its_place(folder, tmp_path, kept):
    cache = tmp_path / "cache" if kept else None
    for _ in range(1 + kept):
        loaded = load_rules([folder], cache)
        numbers = [*GOOD.values(), *(n for some in TWO.values() for n in some), 40, 41]
        assert {it.head.id for it in loaded.rules} == {uid(number) for number in numbers}
        told = {os.path.relpath(it.path, folder): it for it in loaded.faults if not it.warning}
        assert len(told) == sum(not it.warning for it in loaded.faults)
        assert told.keys() == FAULTS.keys()
        for path, (line, reason) in FAULTS.items():
            assert reason in told[path].reason
            assert told[path].line == line, (path, told[path])
        doubts = {os.path.relpath(it.path, folder): it for it in loaded.faults if it.warning}
        assert {path: it.reason[: len(WARNINGS[path])] for path, it in doubts.items()} == WARNINGS
        assert sum(it.foreign for it in loaded.faults) == 3


def test_what_refers_across_files_is_linked(folder):
    by_id = {it.head.id: it for it in load_rules([folder]).rules}
    for number, about in ((40, 5), (41, 1)):
        correlation = by_id[uid(number)]
        assert isinstance(correlation, Correlation)
        assert correlation.rules == (uid(about),)
        assert by_id[uid(about)].silent
    assert isinstance(by_id[uid(2)].node.items[-1], Not), "its filter"
    assert by_id[uid(2)].head.version != by_id[uid(1)].head.version
    assert not by_id[uid(20)].silent


def test_the_rules_compile_and_those_without_such_logs_are_blind(folder):
    rules = load_rules([folder]).rules
    compile_rules(rules)
    blind = {it.rule.id: it.why for it in unmatchable(rules)}
    assert blind[uid(6)] == blind[uid(11)] == "logsource"
    assert uid(5) not in blind


def test_a_name_that_is_no_text_is_told_as_one(tmp_path):
    """Its bytes reach alerts, JSON and terminals: as escapes."""
    text = rule("Odd name", 70)
    with open(os.fsencode(tmp_path) + b"/caf\xe9.yml", "w") as file:
        file.write(text)
    with open(os.fsencode(tmp_path) + b"/none\xff.yml", "w") as file:
        file.write("title: x\n")
    loaded = load_rules([tmp_path])
    assert loaded.rules[0].head.path.endswith("caf\\xe9.yml")
    assert json.dumps([it.path for it in loaded.faults], ensure_ascii=False).encode()
    assert loaded.faults[0].path.endswith("none\\xff.yml")


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open/a.yml").write_text(rule("Seen", 71))
    (tmp_path / "shut").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    loaded = load_rules([tmp_path])
    assert len(loaded.rules) == 1
    [fault] = loaded.faults
    assert (fault.path, fault.reason) == (str(tmp_path / "shut"), "not read: Permission denied")


def test_a_change_below_is_noticed_and_hidden_files_do_not_count(folder, tmp_path):
    choice = Choice((), (str(folder),))
    before = stamp(tmp_path, choice)
    assert read_rules(tmp_path, choice).stamp == before
    (folder / ".git").mkdir()
    (folder / ".git/x.yml").write_text("x")
    assert stamp(tmp_path, choice) == before
    (folder / "rules/new.YML").write_text(rule("New", 80))
    assert stamp(tmp_path, choice) != before
