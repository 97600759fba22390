"""Our closures and pysigma-backend-sqlite agree on random rules over real records."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from chance import SEED
from rule_kit import record, rules_of
from sigma_oracle import SigmaOracle, scalars
from whodid.detection.compiled import compile_rules
from whodid.testing.rule_mix import RuleMix

DATA = Path(__file__).resolve().parents[3] / "shared/data/cloudtrail"
_TIMES = ["eventTime"]
_SAID_OF_TEXTS = 40
_DIVERSE = {
    "eventName": "DescribeThings", "eventSource": "ec2.amazonaws.com", "awsRegion": "eu-west-1",
    "sourceIPAddress": "198.51.100.7", "userAgent": "curl/8 -v /x", "errorCode": "AccessDenied",
}  # fmt: skip


def _natives() -> list[dict]:
    """Return real records; where there are none, made ones that differ enough."""
    dice = random.Random(11)
    made = []
    for number in range(150):
        one = {**_DIVERSE, "eventTime": f"2026-03-{number % 28 + 1:02}T{number % 24:02}:15:00Z"}
        for key in dice.sample(list(_DIVERSE), 3):
            one[key] = dice.choice(["", "x" * 3, f"{one[key]}{number % 7}", one[key].upper(), None])
        one["requestParameters"] = {
            "count": number % 9,
            "name": f"n{number % 13}",
            "on": number % 2 == 0,
        }
        made.append(one)
    if not DATA.is_dir():
        return made
    with gzip.open(DATA / "invictus-aws.jsonl.gz") as lines:
        real = [json.loads(line) for line in lines]
    for path in sorted((DATA / "stratus").glob("*.json")):
        found = json.loads(path.read_text())
        real += found if isinstance(found, list) else found["Records"]
    dice.shuffle(real)
    return made + real[:600]


def _fields(natives: list[dict]) -> tuple[dict[str, list], dict[str, list]]:
    """Return the fields that hold only texts, and those that hold only numbers, with values."""
    seen: dict[str, list] = {}
    listed: set[str] = set()
    for native in natives:
        listed |= set(_listed(native))
        for name, value in scalars(native).items():
            if value is not None:
                seen.setdefault(name, []).append(value)
    spelled = Counter(name.lower() for name in seen)  # SQLite's columns ignore case
    nested = {name.rpartition(".")[0] for name in seen} | listed
    plain = {
        name: values
        for name, values in seen.items()
        if name not in nested
        and spelled[name.lower()] == 1
        and not any(name.startswith(f"{it}.") for it in listed)
    }
    texts = {
        name: sorted(set(values))[:_SAID_OF_TEXTS]
        for name, values in plain.items()
        if all(isinstance(it, str) and it.isascii() for it in values) and name not in _TIMES
    }
    numbers = {
        name: sorted(set(values))[:_SAID_OF_TEXTS]
        for name, values in plain.items()
        if all(isinstance(it, int | float) and not isinstance(it, bool) for it in values)
    }
    return texts, numbers


def _listed(value: object, above: str = "") -> list[str]:
    if not isinstance(value, dict):
        return []
    found = [f"{above}{key}" for key, item in value.items() if isinstance(item, list)]
    return found + [it for key, item in value.items() for it in _listed(item, f"{above}{key}.")]


@pytest.fixture(scope="module")
def world():
    records = [record(it, entry=at) for at, it in enumerate(_natives())]
    natives = [it.native for it in records]  # secrets are replaced in what is stored
    texts, numbers = _fields(natives)
    assert len(texts) >= 7
    oracle = SigmaOracle(natives, [*texts, *numbers, *_TIMES])
    return oracle, records, texts, numbers


def _compare(world, tmp_path, seed: int, count: int) -> int:
    oracle, records, texts, numbers = world
    mix = RuleMix(
        seed, texts, numbers=numbers, times=_TIMES, networks=[], action="eventName",
        action_share=0.3,
    )  # fmt: skip
    documents = [mix.rule() for _ in range(count)]
    rules = rules_of(tmp_path, "---\n".join(json.dumps(it) + "\n" for it in documents))
    matcher = compile_rules(rules)
    ours: dict[str, set[int]] = {}
    for number, it in enumerate(records):
        for rule in matcher.matching(it):
            ours.setdefault(rule.head.id, set()).add(number)
    matched = 0
    for document in documents:
        said = oracle.matching(json.dumps(document))
        found = ours.get(document["name"], set())
        assert found == said, f"seed {seed}: {json.dumps(document)}"
        matched += bool(said) and len(said) < len(records)
    return matched


@pytest.mark.parametrize("seed", range(4))
def test_random_rules_match_the_same_records(world, tmp_path, seed):
    matched = _compare(world, tmp_path, seed, 120)
    assert matched > 15, "too few rules say anything"


@pytest.mark.slow
def test_many_random_rules_match_the_same_records(world, tmp_path):
    for number in range(12):
        _compare(world, tmp_path, SEED + number, 200)
