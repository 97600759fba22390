"""whodid: who did what, to which resource, when, from where, with what outcome, and the proof."""

__version__ = "0.1.0"
