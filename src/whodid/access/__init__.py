"""Who may use a face: local users, login sessions, tokens. Faces ask `doorkeeper`.

Every secret that lets somebody in is stored as a hash only. It writes no events: a face records
what it decided. What a user may see is a value (`rights`); `query` cuts searches to it.
"""
