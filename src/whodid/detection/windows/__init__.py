"""Correlation by event time: from records that rules match to findings.

The same entries and rules give the same findings, live or over history, whatever pieces the
entries come in, in whatever order within the allowed lateness, and whenever it was stopped and
restored in between. docs/explanation/event-time.md says how.
"""

from whodid.detection.windows.engine import Engine, Matching, Notice, Unusable
from whodid.detection.windows.options import OWN_KINDS, option_keys, own_options
from whodid.detection.windows.ready import unusable
from whodid.detection.windows.settings import Settings

__all__ = [
    "OWN_KINDS", "Engine", "Matching", "Notice", "Settings", "Unusable", "option_keys",
    "own_options", "unusable",
]  # fmt: skip
