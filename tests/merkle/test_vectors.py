"""The public proof vectors of transparency-dev/merkle give the verdict that they expect."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from whodid.errors import IntegrityError
from whodid.merkle.tree import verify_consistency, verify_inclusion

DATA = Path(__file__).resolve().parents[2] / "../shared/data/merkle"


def vectors(name):
    file = DATA / name
    if not file.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{name} is not beside the repo"))]
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 98
    return [pytest.param(row, id=row["file"]) for row in rows]


def check(verify, row, *arguments):
    if row["wantErr"]:
        with pytest.raises(IntegrityError):
            verify(*arguments)
    else:
        verify(*arguments)


def hashes(row):
    return [b64decode(value) for value in row["proof"] or []]


@pytest.mark.parametrize("row", vectors("inclusion.jsonl"))
def test_inclusion(row):
    leaf, root = b64decode(row["leafHash"]), b64decode(row["root"])
    check(verify_inclusion, row, leaf, row["leafIdx"], row["treeSize"], hashes(row), root)


@pytest.mark.parametrize("row", vectors("consistency.jsonl"))
def test_consistency(row):
    old, new = b64decode(row["root1"]), b64decode(row["root2"])
    check(verify_consistency, row, row["size1"], old, row["size2"], new, hashes(row))
