"""Attack techniques that are public, as they are documented: each raises an alert."""

import pytest

from attack_techniques import AWS, AZURE, GCP, KUBERNETES
from rule_kit import record
from whodid.detection.compiled import compile_rules
from whodid.detection.packs import PACKS, is_on
from whodid.detection.rule import Correlation
from whodid.detection.sigma import load_rules
from whodid.detection.windows import Engine

_HOUR_US = 3_600_000_000
SENT = [
    (name, events, source, format_name)
    for table, source, format_name in (
        (AWS, "aws", "cloudtrail"), (GCP, "gcp", "json"), (AZURE, "azure", "json"),
        (KUBERNETES, "cluster", "kubernetes"),
    )
    for name, events in table.items()
]  # fmt: skip


@pytest.fixture(scope="module")
def enabled(tmp_path_factory):
    loaded = load_rules([PACKS], tmp_path_factory.mktemp("cache"))
    on = [rule for rule in loaded.rules if rule.silent or is_on(rule)]
    known = {rule.head.id for rule in on}
    on = [rule for rule in on if not isinstance(rule, Correlation) or set(rule.rules) <= known]
    return on, compile_rules(on)


@pytest.mark.parametrize(
    ("name", "events", "source", "format_name"), SENT, ids=[it[0] for it in SENT]
)
def test_a_technique_raises_an_alert(enabled, name, events, source, format_name):
    rules, matcher = enabled
    engine = Engine(rules, matcher)
    records = [record(it, format_name, source, number) for number, it in enumerate(events)]
    found = engine.feed(records) + engine.close(max(it.time_us for it in records) + _HOUR_US)
    assert {it.rule.name for it in found} - {"aws_attack_tool"}, name
