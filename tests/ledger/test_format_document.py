"""The worked examples of docs/explanation/format.md, byte by byte."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from whodid.ledger.blocks import decode_block
from whodid.ledger.keys import Kek
from whodid.ledger.keys_db import key_context
from whodid.ledger.leaf import decode_leaf
from whodid.ledger.leaves import decode_leaf_file
from whodid.ledger.sequenced import parse_sequenced
from whodid.ledger.tags import Tagger, domain_key
from whodid.ledger.wal_record import parse_file_header, parse_record
from whodid.merkle.commitment import commit, group_hashes, salts
from whodid.merkle.tree import hash_leaf

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "format.md"
LEDGER, SOURCE, SEED = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
KEK = Kek(1, b"\x02" * 32)


@pytest.fixture(scope="module")
def examples():
    found = re.findall(r"```hex (\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {name: bytes.fromhex(text) for name, text in found}


@pytest.fixture(scope="module")
def groups():
    text = PAGE.read_text()
    shown = dict(re.findall(r"^([1-8])  (\{.*\})$", text, re.MULTILINE))
    return tuple(shown.get(str(g), "").encode() for g in range(1, 9))


def test_every_example_is_checked_here(examples):
    source = Path(__file__).read_text()
    assert set(examples) == set(re.findall(r'examples\["(\w+)"\]', source))


def test_leaf_and_its_hash(examples):
    leaf = decode_leaf(examples["leaf"])
    assert (leaf.type, leaf.flags, leaf.seq, leaf.source_id) == (1, 1, 7, SOURCE)
    assert leaf.appended_us == 1_700_000_000_000_000
    assert leaf.identity_tag == examples["identity_tag"]
    assert leaf.commitment == examples["commitment"]
    assert hash_leaf(examples["leaf"]) == examples["leaf_hash"]


def test_commitment(examples, groups):
    assert salts(SEED)[0] == examples["salt_1"]
    hashes = group_hashes(SEED, groups)
    assert (hashes[0], hashes[3]) == (examples["group_1"], examples["group_4"])
    assert commit(SEED, groups) == examples["commitment"]
    joined = sha256(b"whodid/event/v1" + b"".join(hashes)).digest()
    assert joined == examples["commitment"]


def test_tags(examples, groups):
    tagger = Tagger(domain_key(b"\x01" * 32, "app"))
    assert tagger.identity(1, b"42") == examples["identity_tag"]
    assert tagger.content(groups[6]) == examples["content_tag"]


def test_wrapped_key(examples):
    opened = KEK.unwrap(examples["wrapped"], key_context(LEDGER, SOURCE))
    assert opened == b"\x04" * 32


def test_leaf_file(examples):
    file = decode_leaf_file(examples["leaf_file"], "example")
    assert (file.ledger_id, file.first, file.end) == (LEDGER, 0, 1)
    assert file.leaves() == [b"\0" + examples["leaf"]]


def test_block(examples, groups):
    block = decode_block(examples["block"], "example")
    assert (block.ledger_id, block.key_id, list(block.indexes)) == (LEDGER, SOURCE, [0])
    rows = block.read_frame(0, b"\x04" * 32)
    assert (rows.seeds, rows.groups) == ([SEED], [groups])
    assert rows.content_tags == [examples["content_tag"]]


def test_write_ahead_log(examples, groups):
    header = parse_file_header(examples["wal_header"], "example")
    assert (header.ledger_id, header.generation, header.first_lsn) == (LEDGER, 1, 1)
    record = parse_record(memoryview(examples["wal_record"]), 0)
    assert (record.lsn, record.durable_lsn, record.end) == (1, 0, len(examples["wal_record"]))
    sequenced = parse_sequenced(record.body)
    assert sequenced.leaves() == [b"\0" + examples["leaf"]]
    rows = sequenced.batch.open({1: KEK})
    assert (rows.seeds, rows.groups) == ([SEED], [groups])
