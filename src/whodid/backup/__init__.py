"""Backups of a ledger, restoring one, and moving a ledger to another folder.

It reads a ledger that is being written to; it appends nothing but through the sequencer. It does
not keep or remove older backups, and schedules nothing.
"""
