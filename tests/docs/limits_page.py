"""docs/reference/limits.md, from whodid.limits: `python tests/docs/limits_page.py` writes it."""

import ast
import inspect
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from whodid import limits
from whodid.limits import access, correlation, delivery, detection, operation

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/limits.md"
_HEAD = """# Limits

Every bound of whodid, from `src/whodid/limits/`. Those that can be set are the defaults of
settings in [configuration](configuration.md). Names end in their unit; `_US` is microseconds.
"""
_TABLE = "\n| name | value | what it bounds |\n|---|---|---|\n"
_UNITS = ("", "KiB", "MiB", "GiB")


def render() -> str:
    return _HEAD + "".join(
        map(_page, (limits, access, detection, correlation, delivery, operation))
    )


def _page(module: ModuleType) -> str:
    source = inspect.getsource(module)
    titles = {
        number: match[1]
        for number, line in enumerate(source.splitlines(), 1)
        if (match := re.match(r"# --- (.+?) -+$", line))
    }
    body = ast.parse(source).body
    page, shown = "", ""
    for bound, sentence in pairwise(body):
        if isinstance(bound, ast.Assign) and isinstance(sentence, ast.Expr):
            title = titles[max(number for number in titles if number < bound.lineno)]
            if title != shown:
                page += f"\n## {'API' if title == 'api' else title.capitalize()}\n{_TABLE}"
                shown = title
            name = bound.targets[0].id
            said = " ".join(ast.literal_eval(sentence.value).split())
            page += f"| `{name}` | {_value(name, getattr(limits, name))} | {said} |\n"
    return page


def _value(name: str, value: float) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    unit = 0
    whole = value
    while "BYTES" in name and whole % 1024 == 0 and unit < 3:
        whole, unit = whole // 1024, unit + 1
    return f"{value:,} ({whole} {_UNITS[unit]})" if unit else f"{value:,}"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
