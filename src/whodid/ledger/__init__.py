"""The ledger: one sequencer appends; what it acknowledged is durable, ordered and provable.

Readers begin with `reader`, an auditor with `verify`, the format is in docs/explanation/format.md.
"""
