"""TLS of the public port: 1.2 and 1.3, forward secrecy and authenticated ciphers only, HTTP/1.1.

The certificate is read again when its files change or SIGHUP comes; connections that stand keep
theirs. Files that do not fit together (half of a renewal) are refused and the old ones stay.

It does not make certificates (`certificate`), check revocation or staple OCSP.
"""

import os
import ssl
import stat
from pathlib import Path

from cryptography import x509

from whodid.config.settings import TlsSettings
from whodid.errors import UsageError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_OTHERS = 0o077
_GROUP_READS = 0o040


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return a context of these files. Raises UsageError that says what is wrong with which."""
    check_key_file(Path(settings.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            f"{settings.certificate} and {settings.key} cannot be used: {_reason(error)}"
        ) from error
    if settings.client_ca:
        try:
            context.load_verify_locations(settings.client_ca)
        except (ssl.SSLError, OSError) as error:
            raise UsageError(f"{settings.client_ca} cannot be used: {_reason(error)}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def check_key_file(path: Path) -> None:
    """Raise UsageError for a key that others can read, as PostgreSQL and ssh do.

    Only its owner may; of a file of root's also a group.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no file")
    if found.st_uid not in {0, os.getuid()}:
        raise UsageError(f"{path} belongs to another user: chown it to the server's")
    allowed = _GROUP_READS if found.st_uid == 0 and os.getuid() != 0 else 0
    if found.st_mode & _OTHERS & ~allowed:
        raise UsageError(f"{path} can be read by others: chmod 600 {path}")


def expires_s(certificate: Path) -> float:
    """Return when a certificate ends, in seconds since 1970. Raises UsageError."""
    try:
        first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError) as error:
        raise UsageError(f"{certificate} is no PEM certificate") from error
    return first.not_valid_after_utc.timestamp()


class TlsFiles:
    """The context of the files as they are now. One owner: the door's event loop.

    Invariant: `context` was made of files that fit together; None: no TLS.
    """

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._seen = self._stamp()
        self.context = make_context(settings) if settings.certificate else None

    def use(self, settings: TlsSettings) -> None:
        """Take other files (or the same again). Raises UsageError; then the old ones stay.

        A port that speaks TLS goes on to, and one that does not begins with the next start.
        """
        if (self.context is None) or not settings.certificate:
            return
        seen = self._stamp()
        self.context = make_context(settings)
        self._settings, self._seen = settings, seen

    def look(self) -> bool:
        """Read the files again if they changed, and tell whether they were read. Raises UsageError.

        What could not be used is not tried again until it changes.
        """
        seen = self._stamp()
        if seen == self._seen:
            return False
        self._seen = seen
        self.use(self._settings)
        return True

    def _stamp(self) -> tuple[object, ...]:
        stamps: list[object] = []
        for name in (self._settings.certificate, self._settings.key, self._settings.client_ca):
            try:
                found = Path(name).stat() if name else None
            except OSError:
                found = None
            stamps.append(found and (found.st_mtime_ns, found.st_size, found.st_ino))
        return tuple(stamps)


def _no_password() -> str:
    raise OSError("the key is encrypted; give one that is not, readable by the server's user only")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return error.strerror or str(error)
