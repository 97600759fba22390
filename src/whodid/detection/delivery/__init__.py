"""Telling people: changes of alerts become messages, kept until their channels took them.

    change        what happened to an alert, and the ports to who knows and to the ledger
    settings      section `[alerts]`: channels, routes, calendars
    routing       which change goes to which channels, and when
    rows          the outbox on disk: messages, open alerts, attempts; sealed and signed
    outbox        takes changes in, sends what is due, tells each attempt
    text          a message in words
    channels      one file for each kind

At least once: a message is durable before it is sent and marked after; a crash between sends it
again with the same key. It decides nothing about alerts, and their page is what holds.
"""
