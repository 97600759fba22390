"""Telling people: changes of alerts become messages, kept until their channels took them.

    change        what happened to an alert, and the ports to who knows and to the ledger
    settings      section `[alerts]`: channels, routes, calendars
    routing       which change goes to which channels, and when
    intake        changes in, messages out
    kept          the outbox on disk: messages, open alerts, tries; sealed and signed
    outbox        sends what is due, and tells each try
    heartbeat     that the detector lives
    text          a message in words
    channels      one file for each kind

At least once: a message is durable before it is sent and marked after; a crash between sends it
again with the same key. It decides nothing about alerts, and their page is what holds.
"""
