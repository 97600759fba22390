"""The table of settings in docs/reference/configuration.md: run as a program, it writes it."""

import json
from pathlib import Path

from whodid.config.settings import all_settings, is_reloaded

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/configuration.md"
BEGIN, END = "<!-- settings -->\n", "<!-- end of settings -->\n"
HEAD = "| setting | default | variable | meaning |\n|---|---|---|---|\n"


def render() -> str:
    rows = ""
    for setting in all_settings().values():
        shown = setting.default
        if isinstance(shown, bool):
            shown = str(shown).lower()
        elif isinstance(shown, tuple):
            shown = json.dumps(shown)
        elif isinstance(shown, str):
            shown = f'"{shown}"'
        elif isinstance(shown, float):
            shown = f"{shown:g}"
        variables = ", ".join(f"`{name}`" for name in setting.environment)
        mark = " ↻" if is_reloaded(setting.name) else ""
        rows += f"| `{setting.name}` | `{shown}` | {variables} | {setting.text}{mark} |\n"
    return HEAD + rows


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + render() + END + rest.partition(END)[2], "utf-8")
