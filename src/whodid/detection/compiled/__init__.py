"""Decides which rules a single record matches: rules as closures, behind an index of values.

`compile_rules` makes a `Matcher`; `unmatchable` tells which rules can never match here.
"""

from whodid.detection.compiled.blind import Blind, Observed, unmatchable
from whodid.detection.compiled.matcher import Matcher, compile_rules

__all__ = ["Blind", "Matcher", "Observed", "compile_rules", "unmatchable"]
