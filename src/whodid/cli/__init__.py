"""The command line: one file per command; every command is a thin face over `app`."""

from whodid.cli.main import main

__all__ = ["main"]
