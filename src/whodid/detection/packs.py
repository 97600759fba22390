"""The packs of rules that come with whodid: what each is about, and what of it is used.

A pack is a folder of `rules/` with a `pack.toml`. Of a pack that is used every rule is, but those
of status `experimental`: they are too loud, or need a habit (approvals that are logged), to be on
where nobody asked for them.
"""

import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.detection.rule import AnyRule
from whodid.errors import InputError

PACKS = Path(__file__).parent / "rules"
OFF_STATUS = frozenset({"experimental", "deprecated", "unsupported"})
"""Sigma's words for rules that are not used unless they are named."""
_ABOUT = "pack.toml"


class Pack(Struct, frozen=True, forbid_unknown_fields=True):
    """What `pack.toml` says; `name` is that of the folder. `needs` is what must be recorded."""

    title: str
    about: str
    needs: str
    name: str = ""


def packs() -> tuple[Pack, ...]:
    """Return the packs by name. Raises InputError for one that is damaged."""
    folders = sorted(path for path in PACKS.iterdir() if path.is_dir()) if PACKS.is_dir() else []
    return tuple(_read(folder) for folder in folders)


def is_on(rule: AnyRule) -> bool:
    """Tell whether a rule of a pack is used where nobody named it."""
    return rule.head.status not in OFF_STATUS


def pack_of(rule: AnyRule) -> str:
    """Return the name of the pack that a rule is of, "" for a rule of the user's."""
    path = Path(rule.head.path)
    return path.parent.name if path.parent.parent == PACKS else ""


def _read(folder: Path) -> Pack:
    path = folder / _ABOUT
    try:
        said = tomllib.loads(path.read_text("utf-8"))
        return msgspec.convert({**said, "name": folder.name}, Pack)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: {error}") from None
