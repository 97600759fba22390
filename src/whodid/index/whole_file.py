"""Writing a file of the index: there whole, or not at all. Not fsynced: it can be made again."""

from pathlib import Path


def write_file(path: Path, data: bytes) -> None:
    """Write a file for this user alone, in place of what was there. Raises OSError."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.chmod(0o600)
    temporary.replace(path)
