"""outbox.db: messages that wait, alerts that were told, tries whose event is not written yet.

`database` signs and seals, and makes commits durable; each other file is one table.
"""
