"""Bounds of operating a ledger: its validation, its status, its backups."""

# --- validation --------------------------------------------------------------------------------
VALIDATION_EARLY_SHARE = 0.25
"""A round begins this part of the interval before its end is due, or earlier if it is long."""

VALIDATION_WATCH_S = 15.0
"""New sealed files, heads and the tail of the log are looked at this often between rounds."""

VALIDATION_SAVE_S = 10.0
"""How often a round keeps how far it is; so much work is done again after a crash."""

VALIDATION_SILENT_S = 120.0
"""A validator that kept nothing for this long does not run."""

VALIDATION_AGAIN_S = 600.0
"""A round that a new fault brings forward begins at least this long after the one before."""

VALIDATION_EVENTS_MAX = 100
"""Most faults standing at once that get an event each; one more event counts the others."""

VALIDATION_UNITS_MAX = 64
"""Most new sealed units that are looked at in one go between rounds."""

VALIDATION_ROUNDS_KEPT = 60
"""Most rounds that the report remembers."""

VALIDATION_WARNINGS_KEPT = 50
"""Most warnings that the report keeps of one round."""

VALIDATION_REPORT_BYTES_MAX = 16 * 1024 * 1024
"""Largest report that is read."""

# --- status ------------------------------------------------------------------------------------
STATUS_DISK_DAYS_MIN = 14.0
"""`whodid status` asks for somebody when the disk is full in fewer days at the present rate."""

STATUS_SEAL_LAG_MAX = 100_000
"""Most durable entries that may wait to be sealed before it does."""

STATUS_QUARANTINED_SHARE_MAX = 0.2
"""The part of a source's records that may be quarantined before it does."""

# --- backups -----------------------------------------------------------------------------------
BACKUP_SEAL_WAIT_S = 60.0
"""A backup gives up when the running server has sealed nothing for this long."""

BACKUP_SETUP_FILES_MAX = 20_000
"""Most files of rules, calendars and settings in a backup."""

BACKUP_SETUP_BYTES_MAX = 64 * 1024 * 1024
"""Most bytes of these files."""

KEY_FILE_BYTES_MAX = 1024 * 1024
"""Largest encrypted file of keys that is read back."""

KEY_FILE_SCRYPT_LOG2 = 17
"""Work of scrypt for the passphrase of such a file, as a power of two (128 MiB, about 0.3 s)."""

PASSPHRASE_CHARS_MIN = 12
"""Shortest passphrase of a file of keys; it is tried offline by who has the file."""

RESTORE_REASON_CHARS_MAX = 500
"""Longest reason of a restore; it stands in the log."""
