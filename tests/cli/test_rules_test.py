"""`whodid rules test`."""

import json

from click.testing import CliRunner

from rule_kit import REFUND_FIXTURE, REFUND_RULE
from whodid.cli.main import main


def folder(path, rule=REFUND_RULE, fixture=REFUND_FIXTURE):
    path.mkdir(exist_ok=True)
    (path / "refund.yml").write_text(rule, "utf-8")
    (path / "refund.test.json").write_text(json.dumps(fixture), "utf-8")
    return path


def run(*args):
    return CliRunner().invoke(main, ["rules", "test", *map(str, args)])


def test_good_rules_end_with_0(tmp_path):
    done = run(folder(tmp_path / "rules"))
    assert done.exit_code == 0, done.output
    assert "refund" in done.output
    assert "1 rules, 2 cases, 0 failed" in done.output


def test_a_rule_that_fails_ends_with_1_and_says_where(tmp_path):
    done = run(folder(tmp_path / "rules", REFUND_RULE.replace("action: refund", "action: x")))
    assert done.exit_code == 1
    assert "✗ refund: 'one' (positive): it found nothing" in done.output
    done = run("--json", tmp_path / "rules")
    assert done.exit_code == 1
    document = json.loads(done.output)
    assert (document["ok"], document["rules"], document["cases"]) == (False, 1, 2)
    (failed,) = document["failed"]
    assert failed["path"].endswith("refund.test.json")
    assert failed["case"] == "one"


def test_the_rules_of_a_ledger_are_tested_with_the_packs(tmp_path):
    folder(tmp_path / "rules", REFUND_RULE.replace("action: refund", "action: x"))
    done = run("--dir", tmp_path)
    assert done.exit_code == 1
    assert "aws" in done.output
    assert "✗ refund" in done.output
    assert done.output.count("✗") == 1


def test_a_path_that_is_not_there_ends_with_3(tmp_path):
    done = run(tmp_path / "gone")
    assert done.exit_code == 3
    assert "no such file or folder of rules" in done.output


def test_what_cannot_be_read_is_named(tmp_path):
    rules = folder(tmp_path / "rules", fixture={"format": "json"})
    (rules / "bad.yml").write_text("title: [", "utf-8")
    done = run(rules)
    assert done.exit_code == 1
    assert "refund.test.json: no fixture" in done.output
    assert "bad.yml:1" in done.output
