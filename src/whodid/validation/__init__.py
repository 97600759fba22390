"""Continuous validation: the ledger is verified end to end again and again while it is served.

    schedule      when a round is due, when one is overdue
    share         the part of a processor that it may use
    checks        what is looked at: everything (a round), or what is new (between rounds)
    report        what was found, and what the next process must know
    report_file   the report on disk, under a key that doors do not have
    validator     the loop

It writes no entry itself and stops nothing: it tells (`Tell`), and its report is shown.
"""
