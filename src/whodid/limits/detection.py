"""Bounds of detection: rules, their state, alerts, and looking over history."""

# --- alerts ------------------------------------------------------------------------------------
ALERTS_ACTIVE_MAX = 10_000
"""Most alerts that go on at a time; beyond it one alert for each rule stands for its others."""

ALERTS_PER_RULE_MAX = 1_000
"""Most alerts of one rule that go on at a time; beyond it one alert stands for the others."""

ALERTS_KEPT_MAX = 50_000
"""Most alerts in the table; the oldest that are over leave it, and stay in the ledger."""

ALERT_MATCHES_MAX = 100
"""Most matched events that one record of an alert names: the first ones and the newest."""

ALERT_EVIDENCE_MAX = 1_000
"""Most records of one alert that the table knows; later ones are found in the ledger."""

ALERT_SHOWN_EVENTS_MAX = 200
"""Most matched events that the timeline of an alert shows."""

ALERT_SHOWN_RECORDS_MAX = 200
"""Most records that are read for one alert: the first ones and the newest."""

ALERT_VALUES_MAX = 32
"""Most key fields, and most shown fields, that a record of an alert holds."""

ALERT_VALUE_CHARS_MAX = 1_024
"""Longest value of such a field, and longest text of a rule in a record; what is longer is cut."""

ALERT_NOTE_CHARS_MAX = 2_000
"""Longest note at an alert, and longest reason of a silence."""

ALERT_QUIET_AT_ONCE = 500
"""Most alerts and silences that are ended in one go."""

ALERT_NOTICES_MAX = 100_000
"""Most changes that wait to be told; the oldest are forgotten."""

FINDINGS_KNOWN_MAX = 1_000_000
"""Most findings that are known again when the detector repeats them; older ones by the ledger."""

SILENCES_MAX = 1_000
"""Most silences and exclusions at a time."""

SILENCE_DAYS_MAX = 90
"""Longest silence; what shall be muted for longer is an exclusion."""

ALERT_BADGE_MAX = 99
"""The number beside "Alerts" counts so far for a reader who does not see all; then it says more."""

ALERT_LOOKED_MAX = 500
"""Most alerts of which one page of a reader who does not see all finds out whether he sees them."""

ALERT_EFFECT_DAYS_MAX = 365
"""Most days over which the effect of a silence is shown."""

# --- rules -------------------------------------------------------------------------------------
RULE_FILE_BYTES_MAX = 2 * 1024 * 1024
"""Largest file of rules."""

RULE_FILE_DOCUMENTS_MAX = 10_000
"""Most documents of one file of rules."""

RULE_NODES_MAX = 50_000
"""Most values of one document of a rule, counted with what its YAML aliases stand for."""

RULE_NESTING_MAX = 24
"""Deepest nesting of one document of a rule, and of brackets and `not` in its condition."""

RULE_CONDITION_CHARS_MAX = 4096
"""Longest condition of a rule."""

RULE_TESTS_MAX = 50_000
"""Most looks at fields of one rule, counted as often as its condition names them."""

RULE_REGEX_CHARS_MAX = 8192
"""Longest regular expression of a rule."""

RULE_REGEX_BYTES_MAX = 4 * 1024 * 1024
"""Most memory of one compiled regular expression of a rule."""

REGEX_KEPT_TEXTS_MAX = 512
"""Texts that a regular expression of a rule has decided and need not look at again."""

REGEX_KEPT_CHARS_MAX = 128
"""Longest of these texts."""

CORRELATION_DEPTH_MAX = 10
"""How many correlations may stand upon each other."""

CORRELATION_SPAN_US_MAX = 400 * 24 * 3600 * 1_000_000
"""Longest window of a correlation."""

CORRELATION_RULES_MAX = 256
"""Most rules that one correlation is about."""

RULE_SOURCES_MAX = 1024
"""Most senders, and kinds of logs with names of sources, whose rules are remembered."""

RULE_CHECK_ENTRIES = 20_000
"""So many entries `whodid rules check` looks at, to see which fields records have."""

RULE_CHECK_PARTS = 20
"""They are taken from so many places of the log."""

RULE_ASKED_VALUES_MAX = 16_384
"""Values of one field whose rules are remembered, so that they are not looked for again."""

RULE_ASKED_CHARS_MAX = 1_024
"""Longest of these values."""

RULE_ASKED_BYTES_MAX = 64 * 1024 * 1024
"""About what all these values take together; when there are more they are found anew."""

RULE_ALTERNATIVES_MAX = 8
"""Alternatives that a rule's condition is taken apart into; one with more is asked as a whole."""

RULE_ANSWERS_MAX = 4096
"""Combinations of what values say, of one kind of log, whose rules are remembered."""

# --- following ---------------------------------------------------------------------------------
DETECTION_BACK_ENTRIES = 250_000
"""So many entries are looked at again when the state of detection is missing or damaged."""

DETECTION_STEP_ENTRIES = 8192
"""Entries that the detector reads in one go; between two it looks whether it is told to end."""

DETECTION_SAVE_S = 5.0
"""How often the detector keeps its state; so much work is done again after a crash."""

DETECTION_SAVE_SHARE_MAX = 0.05
"""Most of the detector's time that goes into keeping its state; a large one is kept less often."""

DETECTION_STATE_BYTES_MAX = 512 * 1024 * 1024
"""Largest state of detection that is read back, decompressed."""

DETECTION_LAG_S_MAX = 300.0
"""When something waits for longer to be looked at, `whodid status` asks for somebody."""

DETECTION_GRACE_US = 30_000_000
"""Time without events counts as passed only so long afterwards: a door may still be storing."""

RULE_FOLDER_FILES_MAX = 20_000
"""Most files that are looked at in the folders of rules, to see whether one changed."""

# --- fixtures of rules -------------------------------------------------------------------------
FIXTURE_BYTES_MAX = 256 * 1024
"""Largest file of a rule's fixture."""

FIXTURE_CASES_MAX = 64
"""Most cases of one kind in a fixture."""

FIXTURE_EVENTS_MAX = 20_000
"""Most events of one case of a fixture."""

RULE_CHANGES_TOLD_MAX = 200
"""Most rules that one event names when the rules that are used change."""

RULE_FAULTS_TOLD_MAX = 100
"""Most faulty rules that get an event each at a time; `whodid rules check` shows all."""

DETECTION_LOOK_S = 1.0
"""How often the files of rules, and the report of validation, are looked at for changes."""

DETECTION_SELF_S = 300.0
"""How often the detector looks whether the ledger and its sources are sound."""

DETECTION_TICK_S = 1.0
"""How often alerts that are over, and silences that expired, are looked for."""

# --- looking over history ----------------------------------------------------------------------
BACKTEST_OPENED_SHARE = 1 / 4
"""The part of a table that a backtest opens for what columns of the index leave; of more, columns
of the records are asked."""

BACKTEST_OPENED_FEW = 256
"""So few entries of a table are opened in any case."""

BACKTEST_SIEVED_SHARE = 1 / 4
"""The part of all events that the rules of a correlation must leave for their hits to be sieved."""

STRETCH_ROWS = 32_768
"""Entries of which columns of records are read, and kept in one file."""

STRETCH_VALUE_BYTES_MAX = 1024
"""Longest value in such a column; records that have a longer one are opened."""

STRETCH_TEXTS_BYTES_MAX = 4 * 1024 * 1024
"""Most bytes of the different values of one such column."""

STRETCH_FIELDS_MAX = 1024
"""Most fields of which a file of such columns is kept; of more, those that were asked for last."""

STRETCHES_BYTES_MAX = 1024 * 1024 * 1024
"""Most disk for columns of records; the longest unused go."""

SIEVE_HITS_MAX = 20_000_000
"""Most hits of one correlation that are looked at together; of more, all are opened."""

SIEVE_TEXTS_MAX = 2_000_000
"""Most different texts that hits of correlations are about; of more, all are opened."""

BACKTEST_OPENED_AT_ONCE = 4096
"""Events that a backtest opens in one go."""

BACKTEST_ROWS_MAX = 50_000_000
"""Most events that a backtest looks at."""

BACKTEST_DAYS_MAX = 400
"""Most days over which a server looks back with a rule."""

BACKTEST_SECONDS_MAX = 900.0
"""Longest time of such a look; then it is ended without an answer."""

BACKTEST_MEMORY_BYTES_MAX = 2 * 1024**3
"""Most memory that the process of such a look may ask for."""

BACKTESTS_KEPT = 20
"""So many of them are kept by a server, the newest ones."""

BACKTESTS_KEPT_DAYS = 30
"""They are kept for so long, over restarts, too."""

BACKTESTS_KEPT_BYTES_MAX = 32 * 1024 * 1024
"""Most bytes of them that outlive the server; of more, the newest."""

BACKTEST_FINDINGS_SHOWN = 50
"""Most findings that it shows, the last ones."""

BACKTEST_DAYS_SHOWN = 120
"""Most days that it draws, the last ones."""

BACKTEST_KEYS_SHOWN = 10
"""Most keys that a backtest names of one rule."""

TUNE_ALERTS_MIN = 3
"""Fewest alerts that an exclusion must spare to be suggested."""

TUNE_SHARE_MIN = 0.1
"""The part of a rule's alerts that an exclusion must spare to be suggested."""

TUNE_DAYS_MIN = 2
"""On so many days it must have spared one: what happened on one day is no habit."""

TUNE_SUGGESTIONS_MAX = 10
"""Most exclusions that are suggested for one rule."""

# --- learning ----------------------------------------------------------------------------------
BASELINE_ACTORS_MAX = 20_000
"""Most actors whose habits are kept; of more, first new ones go, then the longest idle."""

BASELINE_ACTOR_RESOURCES_MAX = 144
"""Most resources kept of one actor; with the next four and the hours of a week it is under 4 KB."""

BASELINE_ACTOR_AREAS_MAX = 48
"""Most areas (what resources are part of) kept of one actor."""

BASELINE_ACTOR_ACTIONS_MAX = 32
"""Most actions kept of one actor."""

BASELINE_ACTOR_NETWORKS_MAX = 24
"""Most networks kept of one actor."""

BASELINE_ACTOR_CLIENTS_MAX = 16
"""Most kinds of clients kept of one actor."""

BASELINE_UNPACKED_ACTORS_MAX = 2048
"""Actors whose habits are held ready for reading; the others are packed."""

BASELINE_CROWD_VALUES_MAX = 65_536
"""Most values of one dimension that are known of everybody together."""

BASELINE_GROUPS_MAX = 64
"""Most groups of peers."""

BASELINE_GROUP_VALUES_MAX = 2048
"""Most values of one dimension that are known of a group of peers."""

BASELINE_PEERED_ACTORS_MAX = 8192
"""Most actors among whom groups of peers are sought, the last active ones."""

BASELINE_DAY_VALUES_MAX = 2048
"""Most different values of one dimension that are looked at of one actor's day."""

BASELINE_OPEN_VALUES_MAX = 2_000_000
"""Most different values of all days that are not learned yet; further ones are counted only."""

BASELINE_OPEN_DAYS_MAX = 60_000
"""Most actors' days that are not learned yet; of further ones only the events are counted."""

BASELINE_VERDICTS_MAX = 10_000
"""Most verdicts about alerts that are remembered, so that what was malicious is never learned."""

BASELINE_TEXT_CHARS_MAX = 120
"""Longest value that an explanation shows."""

BASELINE_SNAPSHOT_BYTES_MAX = 512 * 1024 * 1024
"""Largest snapshot of what was learned that is read back."""
