"""Rules as public collections write them, decided in three ways over records made from themselves.

WHODID_SIGMA names a folder of rules of others (SigmaHQ's, say): then these are tried, too, and
those that cannot be read must say why. WHODID_SEED chooses the records.
"""

import ipaddress
import os
import random
from pathlib import Path

import pytest
import yaml
from sigma.exceptions import SigmaError

from chance import SEED
from sigma_events import TEXT, EventsOfRule
from three_ways import by_closures, by_duckdb, by_sqlite
from whodid.detection.rule import Not, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.sigma import load_rules

OTHERS = os.environ.get("WHODID_SIGMA", "")
OURS = Path(__file__).parent / "syntax_of_others.yml"
TEXTS = [it for it in OURS.read_text("utf-8").split("\n---\n") if it.strip()]
RECORDS = 120


def networks_of(node):
    if isinstance(node, Look):
        return {node.field} if node.op == "cidr" else set()
    items = (node.item,) if isinstance(node, Not) else node.items
    return set().union(*map(networks_of, items))


def is_fair(native, networks):
    """Tell whether SQLite can say it: it folds ASCII only, and takes addresses for texts."""
    if not all(it.isascii() for it in native.values() if isinstance(it, str)):
        return False
    for name in networks:
        try:
            ipaddress.ip_address(native.get(name) or "192.0.2.1")
        except ValueError:
            return False
    return True


def tried(text, tmp_path):
    """Return how many of how many records the rule matches. Fails where ways disagree."""
    path = tmp_path / "rule.yml"
    path.write_text(text, "utf-8")
    loaded = load_rules([path])
    assert not [str(it) for it in loaded.faults if not it.warning]
    [rule] = loaded.rules
    assert isinstance(rule, Rule)
    document = yaml.safe_load(text)
    dice = random.Random(f"{SEED} {document['title']}")
    maker = EventsOfRule(document["detection"], dice)
    natives = [maker.record() for _ in range(RECORDS)]
    found = by_closures(rule, natives)
    assert by_duckdb(rule, natives) == found, (SEED, document["title"])
    networks = networks_of(rule.node)
    fair = [native for native in natives if is_fair(native, networks)]
    try:
        said = by_sqlite(text, rule.node, fair)
    except (SigmaError, AttributeError):  # what pysigma cannot read and we can
        return len(found), len(natives)
    assert said == by_closures(rule, fair), (SEED, document["title"])
    return len(found), len(natives)


@pytest.mark.parametrize("text", TEXTS, ids=[it.split("title: ")[1].split("\n")[0] for it in TEXTS])
def test_a_way_of_writing(text, tmp_path):
    matched, looked_at = tried(text, tmp_path)
    assert 0 < matched < looked_at


@pytest.mark.skipif(not OTHERS, reason="WHODID_SIGMA names no folder of rules")
def test_rules_of_others(tmp_path):
    loaded = load_rules([Path(OTHERS)])
    faults = [it for it in loaded.faults if not it.warning]
    assert all(it.reason and it.path and it.line for it in faults)
    for rule in loaded.rules:
        path = Path(rule.head.path)
        if isinstance(rule, Rule) and "\n---" not in path.read_text("utf-8"):
            tried(path.read_text("utf-8"), tmp_path)
    print(f"{len(loaded.rules)} rules, {len(faults)} faults")


def test_the_maker_of_records_knows_keywords():
    maker = EventsOfRule({"k": ["till"], "condition": "k"}, random.Random(1))
    texts = [str(maker.record().get(TEXT, "")).lower() for _ in range(50)]
    assert any("till" in it for it in texts)
    assert any("till" not in it for it in texts)
