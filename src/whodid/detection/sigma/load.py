"""Folders and files of Sigma YAML → rules, linked to each other, and faults."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from whodid.detection.rule import AnyRule


class Fault(Struct, frozen=True):
    """Why a document of a file is no rule, or (a `warning`) why a loaded rule is doubtful."""

    path: str
    line: int
    reason: str
    title: str = ""
    warning: bool = False


class Loaded(Struct, frozen=True):
    """Rules that can be used, what they refer to before them, and what could not be read."""

    rules: tuple[AnyRule, ...]
    faults: tuple[Fault, ...]


def load_rules(paths: Sequence[Path], cache: Path | None = None) -> Loaded:
    """Load rules from files and folders (`*.yml`, `*.yaml`, all below, by name).

    `cache` is a folder where what was parsed is kept by the hash of its text. Raises InputError
    only for a path that is not there.
    """
    raise NotImplementedError
