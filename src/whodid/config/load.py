"""The effective settings: option > environment > whodid.toml > default, and where each came from.

The file is the one that was named (`--config`, WHODID_CONFIG), else DIR/whodid.toml if it is there.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from whodid.config.check import check
from whodid.config.settings import Setting, Settings, all_settings
from whodid.config.toml_file import TomlFile, read_toml
from whodid.errors import UsageError

FILE_NAME = "whodid.toml"
FILE_VARIABLE = "WHODID_CONFIG"
DEFAULT = "default"

Options = Mapping[str, tuple[str, Any]]
"""Setting → (the option as it is typed, its value)."""


class Effective(Struct, frozen=True):
    """Settings, and where each came from (`origins`: by name, in words)."""

    settings: Settings
    origins: dict[str, str]
    file: Path | None


def load(
    directory: Path | None,
    *,
    environment: Mapping[str, str],
    options: Options | None = None,
    file: Path | None = None,
) -> Effective:
    """Return the effective settings. Raises UsageError that names the place of what is wrong."""
    known = all_settings()
    origins = dict.fromkeys(known, DEFAULT)
    values: dict[str, Any] = {}
    path = find_file(directory, environment, file)
    if path is not None:
        read = read_toml(path)
        _refuse_unknown(read, known)
        for name in known.keys() & read.values.keys():
            values[name] = _typed(known[name], read.values[name], read.place(name), strict=True)
            origins[name] = read.place(name)
    for name, (variable, text) in _from_environment(environment, known).items():
        values[name] = _typed(known[name], _split(known[name], text), variable, strict=False)
        origins[name] = variable
    for name, (option, value) in (options or {}).items():
        values[name] = _typed(known[name], value, option, strict=True)
        origins[name] = option
    settings = msgspec.convert(_nested(values), Settings)
    check(settings, origins)
    return Effective(settings, origins, path)


def find_file(
    directory: Path | None, environment: Mapping[str, str], named: Path | None
) -> Path | None:
    """Return the file to read, None when there is none. Raises nothing for one that is missing."""
    if named is not None:
        return named
    if environment.get(FILE_VARIABLE):
        return Path(environment[FILE_VARIABLE])
    if directory is not None and (directory / FILE_NAME).exists():
        return directory / FILE_NAME
    return None


def _refuse_unknown(read: TomlFile, known: Mapping[str, Setting]) -> None:
    sections = {name.partition(".")[0] for name in known}
    for name in read.values:
        if name not in known and name not in sections:
            all_names = [*known, *sections]
            near = get_close_matches(name, all_names, 1, 0.5) or get_close_matches(
                name.rpartition(".")[2], [item.rpartition(".")[2] for item in known], 1
            )
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{read.place(name)}: there is no setting {name!r}{hint}")


def _from_environment(
    environment: Mapping[str, str], known: Mapping[str, Setting]
) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    variables = {}
    for setting in known.values():
        for variable in reversed(setting.environment):
            variables[variable] = setting.name
            if environment.get(variable):
                found[setting.name] = (variable, environment[variable])
    prefixes = tuple({name.partition(".")[0].upper() for name in known})
    for variable in environment:
        section = variable.removeprefix("WHODID_").partition("_")
        meant = variable.startswith("WHODID_") and section[1] and section[0] in prefixes
        if meant and variable not in variables:
            near = get_close_matches(variable, variables, 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"the environment: there is no setting {variable}{hint}")
    return found


def _split(setting: Setting, text: str) -> Any:
    if not setting.is_list:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _typed(setting: Setting, value: Any, place: str, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, setting.type, strict=strict)
    except msgspec.ValidationError as error:
        problem, _, inside = str(error).partition(" - at `$")
        name = setting.name + _inside(setting, value, inside.rstrip("`"))
        raise UsageError(f"{place}: {name}: {problem[:1].lower()}{problem[1:]}") from error


def _inside(setting: Setting, value: Any, path: str) -> str:
    """Return where in a setting of tables something is wrong; msgspec leaves their names out."""
    if not setting.is_table or not isinstance(value, dict) or not path.startswith("[...]"):
        return path if setting.is_list and "." in path else ""
    for name, one in value.items():
        try:
            msgspec.convert({name: one}, setting.type)
        except msgspec.ValidationError:
            return f".{name}{path.removeprefix('[...]')}"
    return path


def _nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, key = name.partition(".")
        nested.setdefault(section, {})[key] = value
    return nested
