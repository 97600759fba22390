"""On PYTHONPATH of a server, none of its processes stands behind another."""

from whodid.serve import process

process.yield_to_others = lambda _nice: None
