"""Steps 0, 1 and 10 of `verify`: the public key, what was signed, and rollback."""

from pathlib import Path

from msgspec import Struct

from whodid.clock import to_rfc3339
from whodid.errors import WhodidError
from whodid.ledger.backup_note import BackupNote, read_backup_note
from whodid.ledger.checkpoints_log import is_torn, split_checkpoints
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import BACKUP, CHECKPOINT, CHECKPOINTS_LOG, ORIGINS
from whodid.ledger.origins import Restart, read_origins
from whodid.ledger.signer import HEAD
from whodid.ledger.verification.verdict import Findings
from whodid.merkle.checkpoint import Checkpoint, Vkey, parse_body, parse_note, verify_note


class Signed(Struct, frozen=True):
    """A head that somebody signed, and where it stands (file, or in words)."""

    where: str
    head: Checkpoint


class Heads(Struct):
    """All the heads that the log must agree with.

    `given` and `signer` are heads from outside DIR, which settle rollback. `backup` is what a
    backup says of itself: what the signer signed after it was made need not be in it.
    """

    checkpoint: Checkpoint | None = None
    kept: list[Signed] = []
    given: Checkpoint | None = None
    signer: Checkpoint | None = None
    backup: BackupNote | None = None
    restarts: tuple[Restart, ...] = ()

    @property
    def older(self) -> bool:
        """Tell whether this is a backup, and the signer has signed more since."""
        made = self.backup
        return made is not None and self.signer is not None and self.signer.size > made.size

    def reach(self) -> int:
        """Return how far the log must reach: not to what an older origin signed beyond its end."""
        ended = {restart.origin: restart.size for restart in self.restarts}
        sizes = [signed.head for signed in self.all()]
        return max((min(one.size, ended.get(one.origin, one.size)) for one in sizes), default=0)

    def all(self) -> list[Signed]:
        """Return every head, those from outside last."""
        heads = list(self.kept)
        if self.checkpoint:
            heads.insert(0, Signed(CHECKPOINT, self.checkpoint))
        if self.signer and not self.older:
            heads.append(Signed(f"{HEAD} (key folder)", self.signer))
        if self.given:
            heads.append(Signed("the given head", self.given))
        heads += [Signed(ORIGINS, restart.head()) for restart in self.restarts]
        if self.backup:
            note = self.backup
            heads.append(Signed(BACKUP, Checkpoint(note.origin, note.size, note.root)))
        return heads


def public_key(keys: KeyFolder | None, vkey: Vkey | None, findings: Findings) -> Vkey | None:
    """Return the key that signatures are checked against: the given one before the key folder's."""
    own: Vkey | None = None
    if keys is not None and keys.exists():
        try:
            own = keys.vkey()
        except WhodidError as error:
            findings.warn(f"the key folder's public key is not readable ({error})")
    if vkey is not None:
        if own is not None and own != vkey:
            findings.fault(
                "log.vkey (key folder)", None, "the key folder's public key is not the given one"
            )
        return vkey
    if own is None:
        text = "signatures: no public key was given and this machine has no key folder of the log"
        findings.not_opened.append(text)
    return own


def read_heads(
    directory: Path,
    keys: KeyFolder | None,
    vkey: Vkey | None,
    given: Checkpoint | str | None,
    findings: Findings,
) -> Heads:
    """Read what was signed (1): before the log, which must reach at least as far.

    Raises IntegrityError or InputError for a given head that is no checkpoint of this key.
    """
    heads = Heads()
    try:
        origins = read_origins(directory, vkey)
    except WhodidError as error:
        findings.fault(ORIGINS, None, str(error))
        origins = None
    heads.restarts = origins.restarts if origins else ()
    keyring = (vkey, origins.vkeys() if origins else {})
    if isinstance(given, str):
        given = _open(given.encode(), keyring)
    heads.given = given
    if keys is not None and keys.exists() and (keys.path / HEAD).exists():
        try:
            heads.signer = _open((keys.path / HEAD).read_bytes(), keyring)
        except (WhodidError, OSError) as error:
            findings.fault(f"{HEAD} (key folder)", None, str(error))
    try:
        heads.checkpoint = _open((directory / CHECKPOINT).read_bytes(), keyring)
    except FileNotFoundError:
        findings.fault(CHECKPOINT, None, "the file is missing")
    except (WhodidError, OSError) as error:
        findings.fault(CHECKPOINT, None, str(error))
    try:
        heads.backup = read_backup_note(directory, vkey)
    except WhodidError as error:
        findings.fault(BACKUP, None, str(error))
    heads.kept = _kept(directory, heads, keyring, findings)
    return heads


Keyring = tuple[Vkey | None, dict[str, Vkey]]
"""The log's public key, and those of the origins before it."""


def _open(note: bytes, keyring: Keyring) -> Checkpoint:
    """Read a note of this origin, or of one before it."""
    vkey, older = keyring
    body, _ = parse_note(note)
    if vkey is None:
        return parse_body(body)
    return parse_body(verify_note(note, older.get(body.partition("\n")[0], vkey)))


def _kept(directory: Path, heads: Heads, keyring: Keyring, findings: Findings) -> list[Signed]:
    try:
        data = (directory / CHECKPOINTS_LOG).read_bytes()
    except OSError as error:
        findings.fault(CHECKPOINTS_LOG, None, f"cannot be read ({error})")
        return []
    notes, rest = split_checkpoints(data)
    if not notes:
        findings.fault(CHECKPOINTS_LOG, None, "holds no checkpoint")
    kept: list[Signed] = []
    for item in notes:
        where = f"note {item.number} at offset {item.offset}"
        try:
            head = _open(item.note, keyring)
        except WhodidError as error:
            findings.fault(CHECKPOINTS_LOG, None, f"{where}: {error}")
            continue
        if kept and head.size < kept[-1].head.size:
            findings.fault(CHECKPOINTS_LOG, head.size, f"{where}: smaller than the one before")
        kept.append(Signed(CHECKPOINTS_LOG, head))
    if rest:
        origin = (heads.checkpoint or heads.signer or (kept[-1].head if kept else None)) or None
        if origin is not None and is_torn(rest, origin.origin):
            findings.warn(f"{CHECKPOINTS_LOG}: a crash cut off its last entry ({len(rest)} bytes)")
        else:
            findings.fault(CHECKPOINTS_LOG, None, f"{len(rest)} bytes at its end are no checkpoint")
    return kept


def check_roots(
    heads: Heads, origin: str, size: int, roots: dict[int, bytes], findings: Findings
) -> bool:
    """Compare every signed head with the log (5): its origin, that it is reached, its root.

    `size` is how far the log reaches, also where leaves on the way could not be read: then roots
    are missing in `roots`, and that is faulted where the leaves are. Returns whether a head from
    outside DIR is at odds with the log.
    """
    bad = False
    ended = {restart.origin: restart.size for restart in heads.restarts}
    for signed in heads.all():
        head = signed.head
        before = findings.count
        if head.size > ended.get(head.origin, head.size):
            end = ended[head.origin]
            problem = (
                f"{head.origin} signed {head.size} entries; this log was restored from a backup of "
                f"{end}: {head.size - end} of them are not here"
            )
            findings.fault(signed.where, end, problem)
        elif head.origin != origin and head.origin not in ended:
            problem = f"a head of another log, {head.origin!r} (this one is {origin!r})"
            findings.fault(signed.where, None, problem)
        elif head.size > size:
            problem = (
                f"signed {head.size} entries, the log has only {size}: its tail was cut or an"
                " older copy was put in place"
            )
            findings.fault(signed.where, size, problem)
        elif head.size in roots and roots[head.size] != head.root:
            problem = f"the root at size {head.size} is not the one that was signed"
            findings.fault(signed.where, head.size - 1 if head.size else None, problem)
        bad = bad or (findings.count > before and head in (heads.signer, heads.given))
    return bad


def rollback(heads: Heads, vkey: Vkey | None, size: int, *, bad: bool) -> str:
    """Say what is known about rollback (10). `bad` means that a head from outside disagrees.

    The signer's own head lies beside the key on the machine that DIR is on: who restored both
    cannot be told from who restored none, so that it never settles the matter alone.
    """
    if heads.given is not None:
        against = f"the given head of {heads.given.size} entries"
        signature = "" if vkey else " (whose signature was not checked)"
        if bad:
            return f"fault: the log of {size} entries does not continue {against}{signature}"
        return f"checked against {against}{signature}"
    if heads.older and heads.signer and heads.backup:
        made = to_rfc3339(heads.backup.made_us)[:19]
        return (
            f"not checked: this is a backup of {heads.backup.size} entries, made {made}Z; the "
            f"signer has signed {heads.signer.size} since"
        )
    if heads.signer is not None:
        against = f"the signer's head of {heads.signer.size} entries"
        if bad:
            return f"fault: the log of {size} entries does not continue {against}"
        return (
            f"checked against {against}; not checked beyond it: a key folder that was restored"
            " together with DIR agrees as well, only a head kept elsewhere (--head) settles it"
        )
    return "not checked: there is no head from outside DIR (--head, or the signer's)"
