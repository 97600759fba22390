"""The index: columns of the ledger's events, so that searches need not open rows.

Derived from the ledger and rebuilt from it when missing, altered or foreign. Not durable by itself
and not signed: `verify_index` compares it with the ledger. One process writes it (`follower`),
any number read it (`search`).
"""
