"""Bounds of telling people of alerts: the outbox, messages, requests to receivers."""

# --- delivery of alerts ------------------------------------------------------------------------
OUTBOX_MESSAGES_SHOWN = 200
"""Most waiting messages, and most given-up ones, that a page shows: the newest."""

OUTBOX_MESSAGES_MAX = 2000
"""Most messages of one channel that wait; beyond, further ones are left out, told and counted."""

OUTBOX_AGE_S_MAX = 900.0
"""A message that waits for longer asks for somebody (`whodid status`)."""

OUTBOX_ALERTS_MAX = 20_000
"""Most open alerts that the outbox remembers having told; beyond, the oldest are forgotten."""

OUTBOX_SENT_KEPT = 500
"""Most messages that are remembered, without content, after they were sent."""

OUTBOX_DEAD_KEPT = 1000
"""Most messages that were given up and can be sent again; the oldest are dropped for newer ones."""

OUTBOX_TAKE = 200
"""Changes of alerts that are taken in at a time."""

MESSAGE_CHANGES_MAX = 20
"""Most changes that stand in one message; the others are counted in it."""

MESSAGE_CHARS_MAX = 3000
"""Longest text of a message for people."""

MESSAGE_VALUE_CHARS_MAX = 200
"""Longest value of an event in a message."""

MESSAGE_TITLE_CHARS_MAX = 200
"""Longest title of a message."""

DELIVERY_ATTEMPTS_MAX = 24
"""A message is given up after so many tries, about half a day."""

DELIVERY_BACKOFF_S = 2.0
"""Wait after the first try that failed; it doubles with each. Up to half is left out by chance."""

DELIVERY_BACKOFF_S_MAX = 3600.0
"""Longest wait between two tries."""

DELIVERY_RETRY_AFTER_S_MAX = 3600.0
"""Longest wait that a receiver can ask for."""

OUTBOX_ATTEMPTS_MAX = 10_000
"""Most tries whose event waits for the ledger; beyond, the oldest go without and are counted."""

OUTBOX_OLD_S = 3600.0
"""An outbox that is made anew leaves out changes that are older than itself by more than this."""

DELIVERY_STEP_MESSAGES = 20
"""Messages of one channel that are sent in one go."""

RESPONSE_HEAD_BYTES_MAX = 16 * 1024
"""Longest head of a receiver's answer that is read; its body is not."""

CHANNEL_SECRET_BYTES_MAX = 4096
"""Longest secret of a channel."""

COURIER_MEMORY_BYTES = 1024 * 1024 * 1024
"""Address space of the process that runs apprise, which reads whole answers."""

COURIER_IDLE_S = 60.0
"""That process ends when it had nothing to do for so long."""

HEARTBEAT_SILENT_S = 120.0
"""A detector that came round less often than this counts as not living: nobody is told."""
