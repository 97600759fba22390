"""Bringing a ledger of an older format up to date, in its place.

Only what may change is ever rewritten: databases, and what binds them to the key folder. Entries,
payload and heads are never touched; what is derived is made again by whoever needs it.
"""
