"""The demo: 30 days in the life of an invented company, as the raw logs of its systems.

`story.write_story` writes files in real formats; nothing here knows the Event or the ledger, so
the story enters whodid as any customer's logs would. All names are invented, all domains are
example.com (RFC 2606), all addresses are private or for documentation (RFC 1918, 3849, 5737).
"""
