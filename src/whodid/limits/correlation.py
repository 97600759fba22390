"""Bounds of correlation: what waits, what is kept, what one event may make."""

# --- correlation -------------------------------------------------------------------------------
CORRELATION_EVENTS_MAX = 50_000
"""Most events that one correlation keeps; with more, the keys longest unseen are given up."""

CORRELATION_PAST_EVENTS = 5_000
"""So many events may stay whose span is over, for those that come late."""

CORRELATION_VALUES_MAX = 100_000
"""Most values that one rule of kind new_value remembers; then keys longest unseen are forgotten."""

CORRELATION_WAITING_MAX = 200_000
"""Most events that wait for earlier ones; with more, event time is pushed on without waiting."""

CORRELATION_TIMERS_MANY = 65_536
"""With more ends of windows to come, those of keys that were given up are sought and forgotten."""

CORRELATION_SOURCES_MAX = 1_000
"""Most sources whose time is told apart; with more the one silent longest is forgotten."""

CORRELATION_KEYS_PER_EVENT = 16
"""Most keys of one event for one correlation, when fields of its group-by are lists."""

CORRELATION_KEYS_SHARED = 65_536
"""Different keys of which all events that wait share one copy."""

CORRELATION_MOULDS_KEPT = 8_192
"""Texts of events, of all correlations, of which it is remembered what these make of them."""

CORRELATION_TEXTS_KEPT = 4_096
"""Texts of which one correlation remembers what it counts for them."""

CORRELATION_CHARS_MAX = 256
"""Longest text of a key or value that is kept whole; a longer one ends in a digest of all of it."""

CORRELATION_ITEMS_MAX = 16
"""Most items of a list that value_count, sums and new_value look at in one event."""

CORRELATION_DEPTH_MAX = 10
"""Most correlations that stand above each other."""

CORRELATION_REPLAY_EVENTS = 1_000
"""Most events of a key that are looked at again for one that is late, or for an early finding."""

CORRELATION_NEAR_US = 3_600_000_000
"""Events later than this (after the lateness that is allowed) are a past of their own, not late."""

FINDING_MATCHES_MAX = 100
"""Most events that a finding names; the newest, with the count of all."""

CALENDAR_BYTES_MAX = 1024 * 1024
"""Largest file of working hours."""

PLACES_KEPT = 65_536
"""Addresses whose place is kept at hand."""
