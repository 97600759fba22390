"""Rules over history: what they would have raised, and what that costs.

`bounds` says of a rule what columns of the index can: which rows it cannot match. One scan of
DuckDB over those columns leaves few rows; they are opened, and decided by what decides live.
"""
