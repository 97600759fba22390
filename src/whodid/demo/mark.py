"""The file beside a demo ledger that says that its story is in."""

from pathlib import Path


def mark_of(directory: Path) -> Path:
    """Return the path of the mark (beside DIR, not in it: DIR holds nothing but the ledger)."""
    return directory.parent / f"{directory.name}.story-is-in"


def is_demo(directory: Path) -> bool:
    """Tell whether DIR is a finished demo ledger."""
    return mark_of(directory.resolve()).exists()
