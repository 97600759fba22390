"""The steps of `whodid.ledger.verify`, a file each; they are of no use apart from it."""
