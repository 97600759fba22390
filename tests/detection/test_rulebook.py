"""Which rules are used: packs, folders, what is disabled, and what changed on disk."""

import os
from pathlib import Path

import pytest
from msgspec import structs

from whodid.detection import rulebook
from whodid.detection.reads import with_reads
from whodid.detection.rule import Correlation, Head, LogSource, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.rulebook import Choice, read_rules, stamp
from whodid.detection.sigma import Loaded
from whodid.errors import InputError


def rule(name):
    return Rule(
        Head(name, name, "low", "v1", name=f"n-{name}"), LogSource(), Look("a", "null", None)
    )


def correlation(name, *rules):
    return Correlation(Head(name, name, "low", "v1"), "event_count", rules, 1_000_000)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "packs" / "identity").mkdir(parents=True)
    (tmp_path / "packs" / "cloud").mkdir()
    monkeypatch.setattr(rulebook, "PACKS", tmp_path / "packs")
    (tmp_path / "ledger").mkdir()
    return tmp_path / "ledger"


@pytest.fixture
def loaded(monkeypatch):
    """What the loader gives; the paths that it was asked for are in `asked`."""
    given = {"rules": (), "asked": []}

    def load(paths, _cache):
        given["asked"] = [Path(path).name for path in paths]
        return Loaded(given["rules"], ())

    monkeypatch.setattr(rulebook, "load_rules", load)
    return given


def test_packs_and_folders_are_chosen_and_what_is_missing_is_said(folder, loaded):
    assert not read_rules(folder, Choice()).faults
    assert loaded["asked"] == ["cloud", "identity"]
    (folder / "rules").mkdir()
    (folder / "more").mkdir()
    book = read_rules(folder, Choice(("identity", "cluod"), ("more", "gone")))
    assert loaded["asked"] == ["identity", "rules", "more"]
    assert [fault.reason for fault in book.faults] == [
        "there is no pack 'cluod'; there are cloud, identity", "there is no such file or folder",
    ]  # fmt: skip


def test_an_experimental_rule_of_a_pack_is_used_when_it_is_named(folder, loaded):
    loud = rule("loud")
    of_pack = structs.replace(
        loud,
        head=structs.replace(
            loud.head, status="experimental", path=str(folder.parent / "packs/cloud/loud.yml")
        ),
    )
    mine = structs.replace(
        loud, head=structs.replace(loud.head, id="mine", name="n-mine", status="experimental")
    )
    of_pack, mine = loaded["rules"] = with_reads((of_pack, mine))
    assert read_rules(folder, Choice()).rules == (mine,)
    assert read_rules(folder, Choice(enabled=("n-loud",))).rules == (of_pack, mine)
    assert not read_rules(folder, Choice(enabled=("n-loud",), disabled=("loud", "mine"))).rules
    (fault,) = read_rules(folder, Choice(enabled=("quiet",))).faults
    assert (fault.path, fault.warning) == ("detection.enabled_rules", True)


def test_a_disabled_rule_is_gone_unless_another_is_built_on_it(folder, loaded):
    loaded["rules"] = (rule("a"), rule("b"), correlation("c", "b"), correlation("d", "c"))
    book = read_rules(folder, Choice(disabled=("n-a", "b", "c", "nobody")))
    assert [(found.head.id, found.silent) for found in book.rules] == [
        ("b", True), ("c", True), ("d", False),
    ]  # fmt: skip
    assert [fault.reason for fault in book.faults] == ["there is no rule 'nobody'"]
    assert book.versions == {"b": "v1", "c": "v1", "d": "v1"}


def test_a_loader_that_fails_leaves_no_rules_and_a_fault(folder, monkeypatch):
    def load(_paths, _cache):
        raise InputError("gone meanwhile")

    monkeypatch.setattr(rulebook, "load_rules", load)
    book = read_rules(folder, Choice())
    assert book.rules == ()
    assert [fault.reason for fault in book.faults] == ["gone meanwhile"]
    assert book.stamp != stamp(folder, Choice()), "it is read again"


def test_every_change_of_a_file_is_seen_and_nothing_else(folder):
    own = folder / "rules"
    own.mkdir()
    seen = [stamp(folder, Choice())]

    def changed():
        seen.append(stamp(folder, Choice()))
        return seen[-1] != seen[-2]

    (own / "a.yml").write_text("title: a")
    assert changed()
    assert not changed()
    (own / "readme.txt").write_text("no rule")
    assert not changed()
    os.utime(own / "a.yml", ns=(1, 1))
    assert changed()
    (own / "sub").mkdir()
    (own / "sub" / "b.yaml").write_text("title: b")
    assert changed()
    (own / "a.yml").rename(own / "c.yml")
    assert changed()
    (own / "c.yml").unlink()
    assert changed()
    assert stamp(folder, Choice(disabled=("x",))) != seen[-1]
