"""What the fields and logsources of rules mean here: kinds of logs, and names of their fields."""

from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.kinds import KINDS, kind_of, kinds_of, names_of, source_words
from whodid.detection.taxonomy.native import native_of

__all__ = ["KINDS", "Kind", "kind_of", "kinds_of", "names_of", "native_of", "source_words"]
