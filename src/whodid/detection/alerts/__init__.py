"""The life of an alert: from what was found to what somebody made of it.

`alerts` decides and writes, `record` is what stands in the ledger, `table` is what is derived from
it (`DIR/alerts.db`: delete it and it is made again), `fingerprint` and `silence` tell which belong
together and which are muted. Nothing here delivers, and nothing here knows who may read what.
"""
