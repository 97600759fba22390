"""Sigma rules (specification 2.1): YAML files and folders → the rules of `detection.rule`.

Rules, correlations and filters, whodid's own kinds of correlations among them. What cannot be
read is a fault with file, line and reason; the rest loads. Nothing here looks at an event.
"""

from whodid.detection.sigma.fault import Fault
from whodid.detection.sigma.load import Loaded, load_rules

__all__ = ["Fault", "Loaded", "load_rules"]
