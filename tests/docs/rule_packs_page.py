"""docs/reference/rule-packs.md, from the rules: `python tests/docs/rule_packs_page.py`."""

import json
import runpy
from collections import Counter
from pathlib import Path

from whodid.detection.packs import PACKS, is_on, pack_of, packs
from whodid.detection.rule import LEVELS, AnyRule, Rule
from whodid.detection.sigma import load_rules

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/rule-packs.md"
_TRIED = ROOT / "tests/detection/packs"
_EVENTS = 2900
_HEAD = """# Rule packs

{rules} rules in {packs} packs come with whodid, in our own words, under its licence (Apache-2.0).
They are Sigma, with our own kinds of correlations ([rules](rules.md)); each has a fixture that says
what it must find and must not ([how to test a rule](../how-to/test-a-rule.md)), is run on it by the
tests, and daily by a running server.

- All packs are used; `detection.packs` names those that are to be.
- Rules marked *off* (status `experimental`) are loud, or need a habit such as approvals that are
  logged: `detection.enabled_rules` switches them on, `detection.disabled_rules` others off.
- What a rule says, and when it errs, stands in `src/whodid/detection/rules/PACK/RULE.yml`.

| pack | rules | off | about | needs |
|---|---|---|---|---|
"""
_MEASURED = """
## On real logs

`tests/detection/test_pack_quality.py` holds these. An alert is what one rule finds about one key
within a day, as alerts fold.

- CloudTrail of 24 attack techniques of stratus-red-team: each raises an alert of a rule that is on.
- {techniques} further techniques of it, on AWS, Google Cloud, Azure, Entra ID and Kubernetes, in
  records made after its documentation (`tests/attack_techniques.py`): so do these. Its reuse of
  refresh tokens of Cognito is not claimed: applications do that all day.
- 2,900 events of an intrusion and what went on beside it (invictus-ir/aws_dataset): its steps are
  named, and {noise} alerts name none ({rate:.1f} a thousand events):

| rule | why there was an alert |
|---|---|
{rows}
- Ordinary life of a busy account (`tests/busy_cloudtrail.py`: services, autoscaling, deployments, a
  scanner of configurations, people, jobs; 30,000 events of three days): fewer than two alerts a
  thousand events, most about the scanner.
- Sample events of panther-analysis, where ours claim the behaviour of a rule of theirs
  (`tests/detection/packs/claims.json` names {claims} of them): ours agree on which must match.
  `unclaimed.json` beside it names {unclaimed} about the same logs that ours do not claim: what is
  daily work here, needs a list of what is allowed there, or counts in another way.

What that does not tell: how loud the packs are where you are. `whodid rules backtest` does.
"""
_TABLE = """
## {title}

{about}

| rule | level | ATT&CK | |
|---|---|---|---|
"""


def render() -> str:
    rules = [rule for rule in load_rules([PACKS]).rules if not rule.silent]
    known = packs()
    counted = Counter(pack_of(rule) for rule in rules)
    off = Counter(pack_of(rule) for rule in rules if not is_on(rule))
    page = _HEAD.format(rules=len(rules), packs=len(known))
    for pack in known:
        name = f"[{pack.name}](#{pack.title.lower().replace(' ', '-')})"
        numbers = f"{counted[pack.name]} | {off[pack.name] or ''}"
        page += f"| {name} | {numbers} | {pack.about} | {pack.needs} |\n"
    for pack in known:
        page += _TABLE.format(title=pack.title, about=f"Needs {pack.needs}.")
        of_pack = [rule for rule in rules if pack_of(rule) == pack.name]
        page += "".join(map(_row, sorted(of_pack, key=_order)))
    return page + _measured()


def _measured() -> str:
    noise = json.loads((_TRIED / "no_step.json").read_text("utf-8"))
    claims = json.loads((_TRIED / "claims.json").read_text("utf-8"))
    rows = "".join(f"| `{name}` | {why} |\n" for name, why in noise.items())
    unclaimed = json.loads((_TRIED / "unclaimed.json").read_text("utf-8"))
    tried = runpy.run_path(str(ROOT / "tests/attack_techniques.py"))
    return _MEASURED.format(
        techniques=sum(len(tried[name]) for name in ("AWS", "GCP", "AZURE", "KUBERNETES")),
        noise=len(noise),
        rate=len(noise) / _EVENTS * 1000,
        rows=rows,
        claims=len(claims),
        unclaimed=len(unclaimed),
    )


def _order(rule: AnyRule) -> tuple[int, str]:
    return -LEVELS.index(rule.head.level), rule.head.name


def _row(rule: AnyRule) -> str:
    head = rule.head
    attack = " ".join(tag.removeprefix("attack.").upper() for tag in head.tags)
    kind = "" if isinstance(rule, Rule) else rule.kind
    marks = " ".join(filter(None, (kind, "" if is_on(rule) else "*off*")))
    return f"| `{head.name}`: {head.title} | {head.level} | {attack} | {marks} |\n"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
