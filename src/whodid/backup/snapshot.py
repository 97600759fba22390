"""What of a ledger goes into a backup, as of one moment, while others write.

1. Copy state.db, whose rows are signed; whoever is in it is in the log already (an entry comes
   before its row).
2. Ask for everything durable to be sealed, and wait. The write-ahead log is never copied: its
   batches open with the key-encryption keys, which an erasure could not reach in a backup.
3. Read the signed manifest; its files do not change any more.
4. When a source was declared meanwhile, begin again: state.db must know the sources of all entries.
5. Have the head of exactly the sealed entries signed, and keep of checkpoints.log what it covers.
6. Copy keys.db: it has a key for each block that the manifest names, the key coming first.
7. Read what people set up beside the ledger (`setup`): rules, calendars, settings.

Left out: the write-ahead log, keys that open keys, and what can be derived (index, tiles,
identities).
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from whodid.backup.setup import SETUP, Setup, read_setup
from whodid.clock import Clock
from whodid.errors import IntegrityError, LedgerError, RefusedError
from whodid.ledger.backup_note import BackupFile, BackupNote
from whodid.ledger.checkpoints_log import split_checkpoints
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import (
    BACKUP,
    CHECKPOINT,
    CHECKPOINTS_LOG,
    KEYS_DB,
    MANIFEST,
    ORIGINS,
    STATE_DB,
)
from whodid.ledger.manifest import Manifest, SealedFile, all_files, parse_manifest
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.limits import BACKUP_SEAL_WAIT_S
from whodid.merkle.checkpoint import Checkpoint, parse_body, sign_note, verify_note

_ROUNDS_MAX = 5
_LOOK_S = 0.1


class Ledger(Struct):
    """The ledger to back up, and the way to its sequencer; `alone` when that is in this process.

    `named` are further files that the settings name, such as that of calendars.
    """

    directory: Path
    keys: KeyFolder
    port: SequencerPort
    alone: bool
    clock: Clock
    sleep: Callable[[float], None] = time.sleep
    named: tuple[str, ...] = ()


class Snapshot(Struct, frozen=True):
    """What is to be copied: sealed files from DIR, and the small ones, whose bytes are here.

    `setup` is among these, when there is any.
    """

    note: BackupNote
    sealed: tuple[SealedFile, ...]
    small: dict[str, bytes]
    setup: Setup

    def size_bytes(self) -> int:
        """Return how many bytes a whole copy has."""
        return sum(file.size_bytes for file in self.sealed) + sum(map(len, self.small.values()))


def take_snapshot(ledger: Ledger) -> Snapshot:
    """Return a snapshot (the numbered steps). Raises RefusedError when sealing does not come about.

    IntegrityError when what it reads is not what was signed: nothing altered is copied.
    """
    for _ in range(_ROUNDS_MAX):
        state = _signed_state(ledger)  # 1
        _seal(ledger)  # 2
        vkey = ledger.keys.vkey()
        signed = (ledger.directory / MANIFEST).read_bytes()  # 3
        manifest = parse_manifest(verify_note(signed, vkey))
        if _names(copy_database(ledger.directory / STATE_DB)) == _names(state):  # 4
            break
    else:
        raise RefusedError("sources are declared faster than a backup is begun; try again")
    head_note = ledger.port.head_at(manifest.sealed)  # 5
    head = parse_body(verify_note(head_note, vkey))
    small = {
        MANIFEST: signed,
        CHECKPOINT: head_note.encode(),
        CHECKPOINTS_LOG: _kept(ledger.directory, head_note, head),
        STATE_DB: state,
        KEYS_DB: copy_database(ledger.directory / KEYS_DB),  # 6
    }
    if (ledger.directory / ORIGINS).exists():
        small[ORIGINS] = (ledger.directory / ORIGINS).read_bytes()
    for chapter in manifest.chapters:
        small[chapter.path] = (ledger.directory / chapter.path).read_bytes()
    setup = read_setup(ledger.directory, ledger.named)  # 7
    if setup.files:
        small[SETUP] = setup.packed()
    note = _signed_note(ledger, manifest, head, small)
    files = tuple(all_files(ledger.directory, manifest))
    return Snapshot(note, files, small, setup)


def _signed_note(
    ledger: Ledger, manifest: Manifest, head: Checkpoint, small: dict[str, bytes]
) -> BackupNote:
    """Return the note that names the small files, and put it among them, signed."""
    listed = tuple(
        BackupFile(path, len(data), sha256(data).hexdigest()) for path, data in small.items()
    )
    note = BackupNote(
        manifest.origin, manifest.ledger_id, head.size, head.root, ledger.clock(), listed
    )
    signed = sign_note(note.body(), manifest.origin, ledger.keys.signing_key())
    small[BACKUP] = signed.encode()
    return note


def _seal(ledger: Ledger) -> None:
    wanted = ledger.port.status().size
    if ledger.alone:
        reader = LedgerReader(ledger.directory, ledger.keys)
        try:
            sealer = Sealer(reader, ledger.keys, ledger.port.seal, ledger.clock)
            while sealer.run_once(wanted, force=True):
                pass
        finally:
            reader.close()
    else:
        ledger.port.want_sealed(wanted)
    waited, before = 0.0, -1
    while (sealed := ledger.port.status().sealed) < wanted:
        waited = 0.0 if sealed > before else waited + _LOOK_S
        before = sealed
        if waited > BACKUP_SEAL_WAIT_S:
            raise RefusedError(
                f"the tail is not being sealed ({sealed} of {wanted} entries are); is the server's "
                "follower running? Look at what it says, or stop the server and try again",
                10,
            )
        ledger.sleep(_LOOK_S)


def copy_database(path: Path) -> bytes:
    """Return a consistent copy of a database that others write to. Raises LedgerError."""
    try:
        with (
            closing(
                sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)
            ) as live,
            closing(sqlite3.connect(":memory:")) as copy,
        ):
            live.backup(copy)
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise IntegrityError(f"{path}: {verdict}; run `whodid verify`")
            return copy.serialize()
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: cannot be copied ({error})") from error


def _signed_state(ledger: Ledger) -> bytes:
    """Return a copy of state.db. Raises IntegrityError when its rows have lost their signatures.

    A backup without them would be taken for one of before rows were signed, and they be signed when
    it is restored, whoever wrote them.
    """
    path = ledger.directory / STATE_DB
    state = copy_database(path)
    if ledger.keys.has_access_key():
        with closing(sqlite3.connect(":memory:")) as db:
            db.deserialize(state)
            signed = "mac" in {row[1] for row in db.execute("PRAGMA table_info(sources)")}
        if not signed:
            raise IntegrityError(
                f"{path}: its rows have lost their signatures; run `whodid verify`"
            )
    return state


def _names(database: bytes) -> set[str]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(database)
        return {name for (name,) in db.execute("SELECT name FROM sources")}


def _kept(directory: Path, head_note: str, head: Checkpoint) -> bytes:
    """Return the kept checkpoints that the head covers, and the head itself at the end."""
    notes, _ = split_checkpoints((directory / CHECKPOINTS_LOG).read_bytes())
    kept = [item.note for item in notes if _size(item.note) < head.size]
    return b"".join(note + b"\n" for note in [*kept, head_note.encode()])


def _size(note: bytes) -> int:
    try:
        return int(note.split(b"\n", 2)[1])
    except (ValueError, IndexError):
        return 0  # altered: `verify` of the copy names it
