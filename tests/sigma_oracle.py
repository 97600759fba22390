"""Which records rules match, said by pysigma-backend-sqlite: a second reading of Sigma.

Records are rows, their scalar fields columns without a type that ignore the case of ASCII letters.
Where the backend reads Sigma in its own way, fields and values are chosen so that it cannot matter:
it compares numbers with texts by SQLite's types, and takes addresses for texts.
"""

import json
import re
import sqlite3

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

FULLTEXT = "all_texts"


def scalars(native: dict, above: str = "") -> dict[str, object]:
    """Return the scalar fields of a record by their paths; what is in a list is left out."""
    found = {}
    for key, value in native.items():
        if isinstance(value, dict):
            found |= scalars(value, f"{above}{key}.")
        elif not isinstance(value, list):
            found[above + key] = value
    return found


def leaves(value: object) -> list[str]:
    """Return all values in a record as texts."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in leaves(item)]
    if isinstance(value, list):
        return [text for item in value for text in leaves(item)]
    if value is None:
        return []
    return [value if isinstance(value, str) else json.dumps(value)]


class SigmaOracle:
    """Rows of records, asked by rules."""

    def __init__(self, natives: list[dict], fields: list[str]) -> None:
        self._base = sqlite3.connect(":memory:")
        self._base.create_function("REGEXP", 2, _regexp, deterministic=True)
        columns = ", ".join(f"`{name}` COLLATE NOCASE" for name in fields)
        self._base.execute(f"CREATE TABLE logs (number INTEGER, `{FULLTEXT}` TEXT, {columns})")
        for number, native in enumerate(natives):
            flat = scalars(native)
            row = [number, "\n".join(leaves(native)), *(_stored(flat.get(it)) for it in fields)]
            marks = ", ".join("?" * len(row))
            self._base.execute(f"INSERT INTO logs VALUES ({marks})", row)

    def matching(self, rule_yaml: str) -> set[int]:
        """Return the numbers of the records that a rule matches."""
        backend = sqliteBackend(fulltext_field=FULLTEXT)
        queries = backend.convert(SigmaCollection.from_yaml(rule_yaml))
        found = set()
        for query in queries:
            wanted = query.replace("SELECT *", "SELECT number", 1)
            found |= {number for (number,) in self._base.execute(wanted)}
        return found


def _stored(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _regexp(pattern: str, value: object) -> bool:
    return value is not None and re.search(pattern, str(value)) is not None
