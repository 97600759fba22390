"""Rules from YAML and records from values, for the tests of detection."""

import json
import textwrap
from pathlib import Path

from whodid.detection.record import Record
from whodid.detection.rule import AnyRule
from whodid.detection.sigma import Loaded, load_rules
from whodid.detection.taxonomy import native_of
from whodid.event import encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name

REFUND_RULE = """\
title: Refund
id: 7d3f0c0e-4a51-4c1f-9d0e-2f4f6f2f9a10
name: refund
logsource:
  product: whodid
detection:
  selection:
    action: refund
  condition: selection
level: high
"""
REFUND_FIXTURE = {
    "format": "json",
    "record": {"userId": "ada", "action": "refund"},
    "positive": [{"case": "one"}],
    "near_miss": [{"case": "a sale", "change": {"action": "sale"}}],
}
"""A rule and its fixture."""

CLOUDTRAIL = {"product": "aws", "service": "cloudtrail"}


def rules_of(tmp_path: Path, text: str) -> tuple[AnyRule, ...]:
    """Load rules; none may be faulty."""
    file = tmp_path / "rules.yml"
    file.write_text(textwrap.dedent(text))
    loaded = load_rules([file])
    assert not [str(it) for it in loaded.faults if not it.warning]
    return loaded.rules


def rule_text(detection: str, title: str = "t", source: dict[str, str] | None = None) -> str:
    """Return the YAML of a rule; `detection` in flow style or indented by two."""
    where = json.dumps(source or CLOUDTRAIL)
    return f"title: {json.dumps(title)}\nlogsource: {where}\ndetection:\n" + textwrap.indent(
        textwrap.dedent(detection).strip("\n") + "\n", "  "
    )


def record(
    raw: bytes | str | dict, format_name: str = "cloudtrail", source: str = "aws", entry: int = 0
) -> Record:
    """Make the record that a door would store of what a source sent."""
    if isinstance(raw, dict):
        raw = json.dumps(raw, separators=(",", ":")).encode()
    elif isinstance(raw, str):
        raw = raw.encode()
    known = format_by_name(format_name)
    event = prepare(
        known.map(raw, 1_700_000_000_000_000), raw,
        event_id="018bcfe5-687b-7000-8000-000000000000", source=source,
        received_us=1_700_000_000_000_000, format_name=format_name, mapping=known.mapping,
    ).event  # fmt: skip
    return Record(entry, encode_groups(event), native_of)


LOGIN_RULE = """\
title: Somebody logs in
id: 11111111-1111-4111-8111-111111111111
name: login
logsource: {product: aws, service: cloudtrail}
detection:
  selection:
    eventName: ConsoleLogin
  condition: selection
level: low
"""


def loaded_of(tmp_path: Path, text: str | bytes, **others: str) -> Loaded:
    """Load a file of rules, and others by their names."""
    content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    (tmp_path / "a.yml").write_bytes(content)
    for name, other in others.items():
        (tmp_path / f"{name}.yml").write_text(textwrap.dedent(other))
    return load_rules([tmp_path])
