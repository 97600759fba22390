"""How long a folder of other people's rules takes: 4,000 generated ones, a file each.

Loading (YAML, conditions, links) without and with what was parsed before, then until the first
record of CloudTrail is decided, which is when the rules about it are compiled; and the look whether
a file changed, which a server takes every other second. Processor time.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, at_most, plain
from whodid.detection.compiled import compile_rules, unmatchable
from whodid.detection.record import Record
from whodid.detection.rulebook import Choice, stamp
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy import native_of
from whodid.event import encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name
from whodid.testing.rule_mix import RuleMix

_RULES, _SMALL_RULES = 4000, 400
_A_FOLDER = 100
_TEXTS = {
    "eventName": ["CreateUser", "DeleteTrail", "PutBucketPolicy", "ListUsers", "StopLogging"],
    "eventSource": ["iam.amazonaws.com", "s3.amazonaws.com", "cloudtrail.amazonaws.com"],
    "userIdentity.type": ["Root", "IAMUser", "AssumedRole"],
    "userAgent": ["aws-cli/2.15", "console.amazonaws.com", "curl/8.0 (x86_64)"],
    "requestParameters.userName": ["admin", "backup", "deploy"],
    "errorCode": ["AccessDenied", "UnauthorizedOperation"],
}
_HEAD = """\
title: {title}
id: {number:08x}-0000-4000-8000-000000000000
status: test
description: |
    Detects that somebody does one of several things, and says in two or three lines
    why that would be worth a look when it comes from an unusual place.
references:
    - https://example.com/research/{number}
    - https://example.com/more/{number}
author: A. Person, B. Person
date: 2024-05-06
tags:
    - attack.persistence
    - attack.t1098
falsepositives:
    - Administrators
level: medium
"""


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    count = _SMALL_RULES if lab.size.round_events < 100_000 else _RULES
    load_rules([])
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "rules", Path(place) / "cache"
        _write(folder, count)
        loaded, load_s = _timed(lambda: load_rules([folder]))
        load_rules([folder], cache)
        _, again_s = _timed(lambda: load_rules([folder], cache))
        choice = Choice((), (str(folder),))
        _, stamp_s = _timed(lambda: stamp(Path(place), choice))
    rules = loaded.rules
    matcher, compile_s = _timed(lambda: compile_rules(rules))
    first, first_s = _timed(lambda: matcher.matching(_record()))
    _, blind_s = _timed(lambda: unmatchable(rules))
    figures: list[Figure] = [
        at_most(f"{count:,} rules, a file each, loaded", load_s, 20 * count / _RULES, "s",
                f"{len(rules):,} rules, {len(loaded.faults)} faults"),
        plain("the same when they were parsed before", again_s, "s"),
        at_most("compiled until the first record is decided", compile_s + first_s, 5, "s",
                f"{len(first)} matched"),
        plain("which can never match", blind_s, "s"),
        plain("the look whether a file changed", stamp_s * 1000, "ms"),
    ]  # fmt: skip
    return Section("Folders of rules", figures, [])


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    found = work()
    return found, time.process_time() - begun


def _write(folder: Path, count: int) -> None:
    mix = RuleMix(20_261_128, _TEXTS, action="eventName", action_share=0.9)
    for number in range(count):
        said = mix.rule()
        path = folder / f"part-{number // _A_FOLDER:03d}" / f"aws_rule_{number}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = "".join(f"{key}: {json.dumps(said[key])}\n" for key in ("logsource", "detection"))
        path.write_text(_HEAD.format(title=said["title"], number=number) + parts)


def _record() -> Record:
    raw = b'{"eventVersion":"1.08","eventName":"ListUsers","eventSource":"iam.amazonaws.com"}'
    known = format_by_name("cloudtrail")
    event = prepare(
        known.map(raw, 0), raw, event_id="", source="aws", received_us=0,
        format_name="cloudtrail", mapping=known.mapping,
    ).event  # fmt: skip
    return Record(0, encode_groups(event), native_of)
