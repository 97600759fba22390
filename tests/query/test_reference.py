"""docs/reference/query-language.md says what the code does."""

import re
from pathlib import Path

import pytest

from whodid import limits
from whodid.errors import QueryError
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import matcher
from whodid.query.parse import parse
from whodid.query.sentence import query_sentence
from whodid.query.times import resolve

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/query-language.md").read_text("utf-8")
BLOCKS = re.findall(r"```query\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = [line for block in BLOCKS for line in block.splitlines()]
KINDS = {
    "text": "exact", "words": "words", "number": "integer", "time": "time", "address": "ip",
    "state": "state",
}  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_parses(text):
    query = parse(text)
    assert query_sentence(query)
    matcher(resolve(query, 0).filter)


def test_there_are_examples_of_every_operator():
    written = repr([parse(text).filter for text in EXAMPLES])
    for op in ("has", "is", "regex", "exists", ">", ">=", "range"):
        assert f"op='{op}'" in written


def test_the_table_lists_exactly_the_fields():
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert {name: KINDS[kind] for name, kind, _ in rows} == {
        name: field.kind for name, field in SEARCH_FIELDS.items()
    }
    for name, _, about in rows:
        field = SEARCH_FIELDS[name]
        assert about.startswith(field.about)
        if field.kind != "state":
            assert all(f"`{value}`" in about for value in field.values)


def test_what_the_page_calls_errors_are_errors():
    for text in ("outcome:sucess", "foo:bar", "a | stats by (message)", "a | limit 5 | sort rows"):
        with pytest.raises(QueryError):
            parse(text)


def test_the_bounds_are_those_of_the_code():
    for bound in (
        "QUERY_CHARS_MAX", "QUERY_TERMS_MAX", "QUERY_DEPTH_MAX", "REGEX_CHARS_MAX",
        "QUERY_LIMIT_ROWS_MAX", "QUERY_SORT_COLUMNS_MAX", "STATS_KEYS_MAX", "STATS_MEASURES_MAX",
        "STATS_GROUPS_MAX", "STATS_TEXTS_MAX", "STATS_VALUES_MAX", "STATS_ROWS",
    ):  # fmt: skip
        assert f"{getattr(limits, bound):,}" in PAGE.split("## Bounds")[1]
