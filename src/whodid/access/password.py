"""Passwords: Argon2id (RFC 9106) in its PHC text form.

Parameters are the second choice of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes, salt of 128
and hash of 256 bits; 0.2 s on one core. At most two are computed at a time, so that a crowd at the
login takes 128 MiB, not all memory. Text is normalised by NFKC (NIST SP 800-63B, 3.1.1.2).
"""

import base64
import os
import threading
import unicodedata

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Struct

from whodid.errors import UsageError
from whodid.limits import PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN


class Cost(Struct, frozen=True):
    """What one guess costs. `memory_kib` is the whole memory, over all lanes."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


RFC_9106_SECOND = Cost()
_CONCURRENT_MAX = 2


class PasswordHasher:
    """Hashes and checks. Safe for threads.

    A check costs the same whether there is a stored hash or not, and whether it matches or not.
    """

    def __init__(self, cost: Cost = RFC_9106_SECOND) -> None:
        self._cost = cost
        self._turns = threading.BoundedSemaphore(_CONCURRENT_MAX)
        self._nobody = _random_hash(cost)

    def hash(self, password: str) -> str:
        """Return the text to store. Raises UsageError for a password that is too short or long."""
        data = check_password(password)
        cost = self._cost
        kdf = Argon2id(
            salt=os.urandom(16),
            length=32,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
        with self._turns:
            return kdf.derive_phc_encoded(data)

    def matches(self, password: str, stored: str | None) -> bool:
        """Tell whether the password is the one stored; None stands for a user without one."""
        data = _prepare(password)
        with self._turns:
            try:
                Argon2id.verify_phc_encoded(data or b"", stored or self._nobody)
            except InvalidKey:
                return False
        return data is not None and stored is not None


def check_password(password: str) -> bytes:
    """Return what is hashed of a new password. Raises UsageError when it is too short or long."""
    data = _prepare(password)
    if data is None:
        raise UsageError(f"A password has at most {PASSWORD_BYTES_MAX} bytes of valid text.")
    if len(password) < PASSWORD_CHARS_MIN:
        raise UsageError(f"A password has at least {PASSWORD_CHARS_MIN} characters.")
    return data


def _prepare(password: str) -> bytes | None:
    if len(password) > PASSWORD_BYTES_MAX:
        return None
    try:
        data = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        return None
    return data if len(data) <= PASSWORD_BYTES_MAX else None


def _random_hash(cost: Cost) -> str:
    """Return a stored form that no known password has, at the same cost, without computing one."""
    salt, value = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${value}"
