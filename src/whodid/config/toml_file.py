"""whodid.toml: its values, and the line of each, so that an error can name it.

TOML 1.0 as Python's tomllib reads it. The lines are found by looking for keys at the beginning of
lines; for a key in an inline table it is the line of the table.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from msgspec import Struct

from whodid.errors import UsageError

_BYTES_MAX = 1024 * 1024
_TABLE = re.compile(r"\s*\[{1,2}\s*([\w.\-\"' ]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\-\"' ]+?)\s*=")
_WRITABLE_BY_ALL = 0o002


class TomlFile(Struct, frozen=True):
    """One file that was read. `values` are by "section.key", as the file has them."""

    path: Path
    values: dict[str, Any]
    lines: dict[str, int]

    def place(self, name: str) -> str:
        """Say where a name stands."""
        tables = (line for key, line in self.lines.items() if key.startswith(f"{name}."))
        line = self.lines.get(name) or next(tables, None) or self.lines.get(name.partition(".")[0])
        return f"{self.path} line {line}" if line else str(self.path)


def read_toml(path: Path) -> TomlFile:
    """Read a file. Raises UsageError that names the place of what is wrong."""
    try:
        if path.stat().st_mode & _WRITABLE_BY_ALL:
            raise UsageError(f"{path} can be written by everybody: chmod o-w {path}")
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
        if len(data) > _BYTES_MAX:
            raise UsageError(f"{path} is larger than a configuration can be")
        text = data.decode()
        document = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    lines = _lines(text)
    return TomlFile(path, _flat(document, path, lines), lines)


def _flat(document: dict[str, Any], path: Path, lines: dict[str, int]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for section, table in document.items():
        if not isinstance(table, dict):
            place = f"{path} line {lines[section]}" if section in lines else str(path)
            raise UsageError(
                f"{place}: {section!r} stands in no section; sections are [server], [tls], …"
            )
        values[section] = None
        values |= {f"{section}.{key}": value for key, value in table.items()}
    return values


def _lines(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        found = _TABLE.match(line)
        if found:
            table = _bare(found[1])
            lines.setdefault(table, number)
            continue
        found = _KEY.match(line)
        if found:
            name = _bare(found[1])
            lines.setdefault(f"{table}.{name}" if table else name, number)
    return lines


def _bare(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
