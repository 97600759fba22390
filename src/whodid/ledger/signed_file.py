"""Reading a file of DIR that is a signed note and need not be there."""

from pathlib import Path

from whodid.errors import IntegrityError, WhodidError
from whodid.merkle.checkpoint import Vkey, parse_note, verify_note


def read_signed(path: Path, vkey: Vkey | None) -> str | None:
    """Return the body of a note, None when there is no file; the signature is checked with a key.

    Raises IntegrityError for what cannot be read, is no note or is not signed by that key.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read ({error})") from error
    try:
        return verify_note(text, vkey) if vkey else parse_note(text)[0]
    except WhodidError as error:
        raise IntegrityError(f"{path}: {error}") from error
