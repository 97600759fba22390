"""The maps of ranges: built of the index's columns, joined, kept, named in the log.

`merkle.range_map` says what a map is, `ledger.range_root` what the log says of it.
"""
