"""Detection: what should not have happened, seen as it happens.

Rules and learning over the entries of the ledger. A follower like the index: its state is derived,
and deleting it only costs a look at the entries again.

`sigma` reads rules, `compiled` decides single records, `windows` correlates them by event time,
`baseline` learns, `alerts` keeps what was found.
"""
