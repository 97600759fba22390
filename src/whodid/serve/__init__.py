"""The server: a supervisor and its processes.

    door x2     the public port: takes events; passes every other request on to the faces
    faces       API and pages, behind a local socket
    sequencer   the one writer of the ledger
    follower    seals and indexes
    detector    looks for what rules say, and raises alerts
    validator   verifies the ledger end to end, behind all others

A door holds only the public half of the payload key: a fault in a parser reads nothing old.
"""
