"""A certificate that signs itself, to try TLS: ECDSA P-256, for names and addresses.

Browsers warn of it and clients must be given it (`--ca`). It is no replacement for one of a
certificate authority, and it is not renewed.
"""

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from whodid.clock import Clock
from whodid.errors import UsageError

_EARLIER = timedelta(minutes=5)


def make_certificate(hosts: Sequence[str], days: int, clock: Clock) -> tuple[bytes, bytes]:
    """Return (certificate, key) as PEM. Raises UsageError for a host that is no name."""
    names = [_name_of(host) for host in hosts]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    now = datetime.fromtimestamp(clock() // 1_000_000, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def write_certificate(folder: Path, certificate: bytes, key: bytes) -> tuple[Path, Path]:
    """Write cert.pem and key.pem, the key for this user only; what is there is kept: UsageError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data, mode in (("key.pem", key, 0o600), ("cert.pem", certificate, 0o644)):
        path = folder / name
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except FileExistsError as error:
            raise UsageError(f"{path} is there already: remove it or choose --out") from error
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        written.append(path)
    return written[1], written[0]


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host.encode("idna").decode())
    except ValueError as error:
        raise UsageError(f"--host {host!r} is neither a name nor an address") from error
