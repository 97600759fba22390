"""Every bound of whodid: a name, a default and a sentence; some kinds have files of their own."""

from whodid.limits.access import *  # noqa: F403 - a bound is asked for here, wherever it stands
from whodid.limits.correlation import *  # noqa: F403 - a bound is asked for here, wherever it stands
from whodid.limits.delivery import *  # noqa: F403 - a bound is asked for here, wherever it stands
from whodid.limits.detection import *  # noqa: F403 - a bound is asked for here, wherever it stands
from whodid.limits.operation import *  # noqa: F403 - a bound is asked for here, wherever it stands

# --- input -------------------------------------------------------------------------------------
REQUEST_BYTES_MAX = 16 * 1024 * 1024
"""Largest body of one HTTP request, after decompression."""

RECORD_BYTES_MAX = 256 * 1024
"""Largest record kept whole; a longer one is cut, hashed and quarantined."""

RECORD_KEPT_BYTES = 16 * 1024
"""How much of a record that is too long is kept, beside the SHA-256 of all of it."""

NESTING_MAX = 64
"""Deepest JSON nesting that is mapped; deeper records are quarantined."""

FIELD_CHARS_MAX = 8 * 1024
"""Longest value of one mapped field; a longer one is cut and labelled, the raw stays whole."""

LIST_ITEMS_MAX = 128
"""Most items kept of one mapped list (groups, resources, labels)."""

CHANGES_MAX = 128
"""Most changed fields kept of one event."""

BODY_COUNTED_FROM_BYTES = 4 * 1024 * 1024
"""A body larger than this is refused before it is split when its values are tiny (next line)."""

BODY_VALUE_BYTES_MIN = 12
"""Smallest mean size of a value in such a body: fewer bytes would cost too many objects."""

STENCIL_RECORD_BYTES_MAX = 4096
"""Longest record of which a stencil is made, or that is tried on one."""

STENCILS_MAX = 16
"""Most shapes of records that are remembered of one source."""

STENCIL_ATTEMPTS_MAX = 256
"""Records of one source that are looked at to find its shapes; then no more are made."""

SECRET_BYTES_MAX = 4096
"""Longest run that a rule of `normalize.redact` looks at for a secret without an end mark."""

MAPPING_BYTES_MAX = 16 * 1024
"""Longest mapping file of a source."""

TRIAL_RECORDS_MAX = 1000
"""Most records of a sample that `source try` looks at."""

# --- sources -----------------------------------------------------------------------------------
PIECE_BYTES = 256 * 1024
"""How much of a file or of a decompressed stream is held at a time."""

LINE_HEAD_BYTES = 4096
"""How much of a line is looked at to tell whether it begins a record of several lines."""

PAUSE_SECONDS = 1.0
"""A pipe that is silent for so long has ended the record whose end only the next one would show."""

CHUNK_RECORDS = 1000
"""Records of a file that are handed on together."""

CHUNK_BYTES_MAX = 4 * 1024 * 1024
"""A chunk of a file is handed on earlier when its records pass this size."""

ZSTD_WINDOW_BYTES_MAX = 128 * 1024 * 1024
"""Largest window a zstd file may ask for (`zstd --long` uses it), which is memory of the reader."""

REQUEST_ZSTD_WINDOW_BYTES_MAX = 8 * 1024 * 1024
"""The same for a request (RFC 9659 says 8 MB for the content coding)."""

REQUEST_MEMBERS_MAX = 1024
"""Most gzip members or zstd frames in one request; an empty one costs more than its bytes."""

REQUEST_BODIES_BYTES_MAX = 128 * 1024 * 1024
"""Bodies held at a time by one ingest door; beyond, senders are told to come back."""

LOOP_BYTES_MAX = 256 * 1024
"""A larger body is taken apart beside an ingest door's event loop, so that others do not wait."""

DOOR_PIECE_RECORDS = 256
"""Records that an ingest door normalises in one go; between two pieces it answers others."""

DOOR_PIECE_BYTES = 256 * 1024
"""Bytes of such a piece, unless one record is longer."""

BODY_SECONDS_MAX = 60.0
"""A request body must have arrived after this time: on a slow line send smaller batches."""

STORE_SECONDS_MAX = 30.0
"""A request whose records are not durable after this time is answered that this is not known."""

METRIC_SOURCES_MAX = 200
"""Most sources that a door counts apart in its metrics; further ones are counted together."""

IDEMPOTENCY_KEY_CHARS_MAX = 255
"""Longest Idempotency-Key."""

PROXY_BODY_BYTES_MAX = 1024 * 1024
"""Largest request body that the door passes on to the faces."""

PROXY_BODIES_BYTES_MAX = 32 * 1024 * 1024
"""Bodies held at a time by one door to be passed on; beyond, senders are told to come back."""

PROXY_CONNECTIONS_MAX = 512
"""Requests passed on to the faces at a time, each open `tail` among them."""

PROXY_START_S_MAX = 3.0
"""How long a door keeps a request for pages and searches that are just starting."""

CONNECTIONS_MAX = 2048
"""Connections open at a time at one door; a further one is closed at once."""

OPEN_FILES = 8192
"""Files and sockets that a door and the faces ask the system to allow, if they may."""

HEAD_BYTES_MAX = 128 * 1024
"""Longest head of a request (a search of 16 Ki characters is 48 KiB in an address)."""

HEAD_FIELDS_MAX = 256
"""Most header fields of a request."""

TLS_SECONDS_MAX = 10.0
"""A TLS handshake must have ended after this time."""

PIPELINED_MAX = 64
"""Requests of one connection that wait for the answers before them; with more it is closed."""

HEAD_SECONDS_MAX = 10.0
"""A request's head must have arrived after this time; so long an idle connection stays at least."""

# --- time --------------------------------------------------------------------------------------
EVENT_TIME_MIN_US = 0
"""Earliest event time that is believed (1970); earlier ones are quarantined."""

EVENT_TIME_MAX_US = 4_102_444_800_000_000
"""Latest event time that is believed (2100); later ones are quarantined."""

CLOCK_BACK_MAX_US = 5_000_000
"""How far the system clock may step back before the log stops; less is held still."""

# --- ledger ------------------------------------------------------------------------------------
BATCH_ROWS_MAX = 4096
"""Most rows in one batch of a door."""

BATCH_BYTES_MAX = 24 * 1024 * 1024
"""Largest batch on the sequencer's socket."""

WAL_FILE_BYTES = 32 * 1024 * 1024
"""Size of one preallocated write-ahead file."""

UNIT_ROWS = 4096
"""Rows of one sealed unit: one leaf file and one payload block per class."""

FRAME_ROWS = 256
"""Rows of one compressed, encrypted frame in a block."""

SEAL_AFTER_S = 600.0
"""A unit that is not full is sealed after this time."""

SEAL_SOON_ENTRIES = 131_072
"""When more entries wait, a server seals them sooner rather than small, until it has caught up."""

LEAF_TAIL_BYTES_MAX = 4096
"""Longest type-specific tail of a leaf."""

QUEUE_ROWS_MAX = 200_000
"""Rows waiting in the sequencer before a door is told to come back later."""

BACKLOG_ENTRIES_MAX = 8_000_000
"""Entries that wait to be sealed before a door is told to come back later: each takes memory."""

QUEUE_BYTES_MAX = 128 * 1024 * 1024
"""The same for the bytes of the batches that wait."""

DISK_FREE_BYTES_MIN = 256 * 1024 * 1024
"""Appends are refused below this much free space, so that reads, seals and checkpoints go on."""

BATCH_ID_KEPT_US = 24 * 3600 * 1_000_000
"""How long the answer to a batch id is kept, so that a retry gets the same receipt."""

PUBLISH_BUSY_S = 1.0
"""A checkpoint is published this long after new entries."""

PUBLISH_IDLE_S = 60.0
"""A checkpoint is published at least this often."""

VERIFY_FAULTS_MAX = 1000
"""Most faults that a verification lists; the rest are counted."""

VERIFY_PART_FAULTS_MAX = 20
"""Most faults that are listed of one sealed unit or one write-ahead record."""

VERIFY_TAIL_BYTES_MAX = 128 * 1024 * 1024
"""So much of the write-ahead log is read before it is checked; more is checked as it is read."""

VERIFY_PARALLEL_FROM_LEAVES = 50_000
"""A ledger of this many entries is verified by as many processes as there are processors."""

VERIFY_SEQUENCES_MAX = 1_000_000
"""Most (source, epoch) pairs, and ranges of numbers in them, that a verification keeps apart."""

# --- log ---------------------------------------------------------------------------------------
LOG_SIZE_MAX = 2**63 - 1
"""Most leaves of one log, so that sizes and indexes fit a signed 64-bit number."""

CHECKPOINT_BODY_BYTES_MAX = 4096
"""Longest body of a checkpoint, key name or verifier key."""

NOTE_BYTES_MAX = 64 * 1024 * 1024
"""Largest signed note; the manifest of a great ledger is the longest one."""

NOTE_SIGNATURES_MAX = 100
"""Most signatures on one note (signed-note asks for at least 16)."""

# --- search ------------------------------------------------------------------------------------
QUERY_CHARS_MAX = 16 * 1024
"""Longest search text."""

QUERY_TERMS_MAX = 256
"""Most terms in one search."""

QUERY_DEPTH_MAX = 32
"""Deepest nesting of brackets and NOT in one search."""

QUERY_ERRORS_MAX = 10
"""Most mistakes of one search that are told at once."""

QUERY_GUESSED_CHARS_MAX = 1_000
"""Longest search of which is guessed what it means elsewhere; nobody types longer ones."""

REGEX_CHARS_MAX = 256
"""Longest regular expression in a search."""

REGEX_STATES_MAX = 2000
"""Most states of one compiled regular expression; `{m,n}` copies what it repeats."""

REGEX_STEPS_MAX = 20_000_000
"""Most steps of one regular expression, in states, over the values of one table."""

REGEX_REPEAT_MAX = 200
"""Greatest m and n of `{m,n}` in a regular expression."""

PAGE_ROWS_MAX = 1000
"""Most events on one page of an answer."""

QUERY_LIMIT_ROWS_MAX = 10_000
"""Greatest number after `| limit`; of events no more than a page is shown."""

QUERY_SORT_COLUMNS_MAX = 8
"""Most columns after `| sort`."""

SEQUENCE_STEPS_MAX = 5
"""Most steps of a sequence."""

SEQUENCE_SPAN_US_MAX = 30 * 24 * 3600 * 1_000_000
"""Longest time that a sequence may take."""

SEQUENCE_ROWS_MAX = 2_000_000
"""Most events that are looked at for a sequence, the newest that fit a step; then it says so."""

SEQUENCE_OPEN_MAX = 100_000
"""Most chains of one value that have begun and are kept; with more the oldest are given up."""

SEQUENCE_CHAINS_MAX = 200
"""Most chains on one page of an answer."""

SQL_CHARS_MAX = 16 * 1024
"""Longest SQL text."""

SQL_ROWS_MAX = 5_000_000
"""Most events that SQL looks at; narrow them with a search."""

SQL_OPENED_ROWS_MAX = 100_000
"""Most events that SQL looks at when it reads a field that is kept with the events."""

SQL_TABLE_BYTES_MAX = 512 * 1024 * 1024
"""Most bytes of columns that are given to the SQL engine."""

SQL_MEMORY_BYTES_MAX = 512 * 1024 * 1024
"""Most memory of the SQL engine beside these columns."""

SQL_SECONDS_MAX = 20.0
"""How long one SQL may run; then it is ended."""

SQL_ANSWER_ROWS_MAX = 100_000
"""Most rows of an answer to SQL; with more it says so."""

SQL_ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""Their bytes at most."""

SQL_RUNS_MAX = 2
"""Most SQL that is run at once by one server."""

STATS_KEYS_MAX = 4
"""Most fields by which events are grouped."""

STATS_MEASURES_MAX = 16
"""Most columns that `| stats` computes."""

STATS_GROUPS_MAX = 200_000
"""Most groups that are counted apart; the events of others are counted together, and it says so."""

STATS_TEXTS_MAX = 1_000_000
"""Most different texts of one field that are told apart while counting."""

STATS_VALUES_MAX = 2_000_000
"""Most pairs of group and value kept to count different values, or for percentiles."""

STATS_ROWS = 1000
"""Rows of a table without `| limit`; the rest is counted, and it says so."""

HISTOGRAM_BARS_MAX = 200
"""Most bars of a histogram."""

FACET_FIELDS_MAX = 16
"""Most fields of which facets are asked for at once."""

FACET_VALUES_MAX = 100
"""Most values of one facet."""

STATS_SECONDS_MAX = 10.0
"""How long is counted for one answer; what was not reached by then is said."""

TRACE_ID_CHARS_MAX = 512
"""Longest id of which a story is asked for."""

TRACE_EVENTS_MAX = 500
"""Most steps of a story; with more it says so."""

TRACE_ID_EVENTS_MAX = 200
"""An id that more events have is that of many undertakings, and is not followed."""

PROFILE_VALUE_CHARS_MAX = 2048
"""Longest value of which a profile is asked for."""

SOURCE_LATE_S = 900
"""What comes later than this after its own time is late: told of sources and in overviews."""

SOURCE_SKEW_S = 300
"""A source of which no event of an hour came sooner than this has a slow clock, or sends late."""

VIEWS_MAX = 200
"""Most searches that one person keeps."""

EXPORTS_MAX = 4
"""Most exports that are written at once."""

PROOF_EVENTS_MAX = 5_000
"""Most events of ranges that an answer with a proof shows, those that do not match included."""

PROOF_TAIL_ROWS_MAX = 20_000
"""An answer with a proof opens so many entries behind the last range, or says where it ends."""

# --- index -------------------------------------------------------------------------------------
INDEX_SEGMENT_ROWS = 65_536
"""Rows of one full index segment; segments never cross a multiple of it."""

INDEX_HANDED_BYTES_MAX = 96 * 1024 * 1024
"""Of what it just sealed the follower keeps so much in memory, to index it without opening it."""

INDEX_MAPPED_BYTES_MAX = 32 * 1024 * 1024
"""Columns that the follower keeps in memory while it makes the maps of ranges of them."""

INDEX_REBUILD_PROCESSES_MAX = 4
"""Most processes that make segments when many are missing."""

INDEX_REBUILD_RANGES_MIN = 4
"""When so many full segments are missing, they are made in several processes."""

INDEX_SEGMENT_BYTES_MAX = 64 * 1024 * 1024
"""A segment is closed early when the fields of its rows pass this, so that memory is bounded."""

INDEX_BLOCK_WORDS_MAX = 65_536
"""Most different words kept of 256 entries; with more, every word search opens them."""

INDEX_LEXICON_WORDS_MAX = 131_072
"""Most different words of a segment that are kept as words, to find parts of them."""

INDEX_LEXICON_BYTES_MAX = 1024 * 1024
"""Their bytes at most. Beyond either, a search for a part of a word opens the segment's rows."""

INDEX_STEP_ROWS_MIN = 8192
"""Fewer new entries than this wait for more before they become a segment, but not for long."""

INDEX_STEP_S = 2.0
"""How long they wait."""

INDEX_SCRUB_S = 30.0
"""So often one segment is hashed again, in turn, to find what changed without a trace."""

INDEX_CACHE_BYTES_MAX = 128 * 1024 * 1024
"""Opened columns of segments that a query process keeps."""

BLOCK_HEADS_BYTES_MAX = 32 * 1024 * 1024
"""Most memory of a reader for the headers of payload blocks that it has checked (some 8,000)."""

RECORDS_BYTES_MAX = 32 * 1024 * 1024
"""Most memory of a reader for opened records of the write-ahead log."""

FRAMES_BYTES_MAX = 32 * 1024 * 1024
"""Most memory of a reader for opened frames of payload (256 entries each)."""

LEAF_FILES_KEPT = 64
"""Most decoded leaf files that a reader keeps (0.4 MB each)."""

LEAF_HEADS_BYTES_MAX = 16 * 1024 * 1024
"""Most memory of a reader for type, flags and time of leaves (15 B for each run of equal ones)."""

TEXTS_KEPT = 400_000
"""Most values, over all fields, that a reader keeps as numbers between two tables of groups."""

ANSWERING_MEMORY_BYTES = 512 * 1024 * 1024
"""What the process that answers takes at most, about (`server.memory_bytes`); the bounds above are
its shares."""

ANSWERING_MEMORY_BYTES_MIN = 256 * 1024 * 1024
"""The least that can be set: with less it would do nothing but open things again."""

FRESH_FOR_S = 60.0
"""So long after a search new entries are taken in before the next one asks for them."""

FRESH_EVERY_S = 0.1
"""So often they are taken in."""

INDEX_HOT_ROWS_MAX = 100_000
"""Most entries that a query process reads itself, because no segment holds them yet."""

SEARCH_COUNT_S_MAX = 0.3
"""How long rows are opened only to complete a total, when the page is already full."""

SEARCH_SCAN_S_MAX = 10.0
"""How long rows are opened for one page; then the page is short and says how far it looked."""

# --- api ---------------------------------------------------------------------------------------
READS_MAX = 4
"""Most reads of the log that the API runs at once; the others wait."""

READ_SLICE_S = 0.05
"""How long a read of the log may go on before it lets others pass that wait."""

READS_WAITING_MAX = 64
"""Most reads that wait; further ones are told to come back."""

TAILS_MAX = 32
"""Most live tails at once."""

TAIL_BYTES_MAX = 4 * 1024 * 1024
"""A live tail looks at new entries in pieces of about this size, so that slow ones hold little."""

TAILS_PER_USER_MAX = 8
"""Most live tails of one user."""

ANSWER_RAW_BYTES_MAX = 16 * 1024 * 1024
"""Raw records in one JSON answer; events beyond it come without raw and details, and it says so."""

# --- web ---------------------------------------------------------------------------------------
WEB_FORM_BYTES_MAX = 64 * 1024
"""Largest form that a page sends (a login whose way back holds a long search is the largest)."""

WEB_RULES_SHOWN = 100
"""Rules on a page of them."""

WEB_PAGE_ROWS = 50
"""Events on one page of the search."""

WEB_PAST_PAGES_MAX = 40
"""How many pages back the link "newer" knows the way; behind them it leads to the newest."""

WEB_LINK_VALUE_CHARS_MAX = 512
"""Longest value of a field that is a link; a longer one is plain text."""

WEB_RAW_BYTES_SHOWN = 64 * 1024
"""How much of a raw record a page shows; the whole of it comes from /v1/events/{id}."""
