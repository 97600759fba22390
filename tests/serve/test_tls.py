"""TLS of the public port: what is spoken, what is refused, and a renewal without a restart."""

import contextlib
import os
import re
import signal
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from running_server import wait_until
from whodid.clock import system_clock
from whodid.config.settings import TlsSettings
from whodid.errors import UsageError
from whodid.serve.certificate import make_certificate, write_certificate
from whodid.serve.tls import TlsFiles, check_key_file, expires_s, make_context

HOSTS = ("127.0.0.1", "localhost")


def made(folder, days=30):
    hosts = (f"{folder.name}.example", *HOSTS)  # authorities of one name are taken for each other
    certificate, key = write_certificate(folder, *make_certificate(hosts, days, system_clock))
    return TlsSettings(str(certificate), str(key))


def replace(settings, other):
    """Put another certificate and key in place, the key last."""
    for name in ("certificate", "key"):
        new = Path(getattr(settings, name) + ".new")
        new.write_bytes(Path(getattr(other, name)).read_bytes())
        new.chmod(0o600)
        new.rename(getattr(settings, name))


def test_a_certificate_is_made_once_and_its_key_is_private(tmp_path):
    settings = made(tmp_path / "tls", days=3)
    assert Path(settings.key).stat().st_mode & 0o777 == 0o600
    assert abs(expires_s(Path(settings.certificate)) - system_clock() / 1e6 - 3 * 86400) < 60
    with pytest.raises(UsageError, match="is there already"):
        made(tmp_path / "tls")
    with pytest.raises(UsageError, match="neither a name"):
        make_certificate(["a b..c"], 1, system_clock)


def test_files_that_cannot_be_used_say_why(tmp_path):
    good, other = made(tmp_path / "a"), made(tmp_path / "b")
    make_context(good)
    with pytest.raises(UsageError, match="key values mismatch"):
        make_context(TlsSettings(good.certificate, other.key))
    with pytest.raises(UsageError, match="missing cannot be read"):
        make_context(TlsSettings(good.certificate, str(tmp_path / "missing")))
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(UsageError, match="junk cannot be used"):
        make_context(TlsSettings(good.certificate, good.key, str(tmp_path / "junk")))
    with pytest.raises(UsageError, match="is no PEM"):
        expires_s(tmp_path / "junk")
    Path(good.key).chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        check_key_file(Path(good.key))
    with pytest.raises(UsageError, match="is no file"):
        check_key_file(tmp_path)


def test_half_of_a_renewal_leaves_the_old_certificate(tmp_path):
    settings, other = made(tmp_path / "a"), made(tmp_path / "b")
    files = TlsFiles(settings)
    first = files.context
    assert not files.look()
    Path(settings.certificate).write_bytes(Path(other.certificate).read_bytes())
    with pytest.raises(UsageError, match="mismatch"):
        files.look()
    assert files.context is first
    assert not files.look(), "it is not said again"
    Path(settings.key).write_bytes(Path(other.key).read_bytes())
    assert files.look()
    assert files.context is not first


def _trusting(*settings, **options):
    context = ssl.create_default_context()
    for one in settings:
        context.load_verify_locations(one.certificate)
    for name, value in options.items():
        setattr(context, name, value)
    return context


def _serial(port, context):
    with (
        socket.create_connection(("127.0.0.1", port), 60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.version(), secure.selected_alpn_protocol(), secure.getpeercert()


def test_a_server_speaks_tls_and_renews_without_a_restart(server, tmp_path):
    settings, other = made(tmp_path / "a"), made(tmp_path / "b")
    server.trust = _trusting(settings, other)
    server.start("--tls-cert", settings.certificate, "--tls-key", settings.key)
    assert server.url.startswith("https://")
    port = int(server.url.rpartition(":")[2])
    with server.client() as client:
        page = client.get("/login")
        assert page.headers["strict-transport-security"].startswith("max-age=")
        assert "; Secure" in page.headers["set-cookie"].replace("secure", "Secure")
        assert client.get("/healthz").json()["ready"]

    version, protocol, before = _serial(port, server.trust)
    assert (version, protocol) in {("TLSv1.3", "http/1.1"), ("TLSv1.3", None)}
    old = _trusting(settings, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert _serial(port, old)[0] == "TLSv1.2"
    too_old = ssl.create_default_context(cafile=settings.certificate)
    too_old.minimum_version = ssl.TLSVersion.TLSv1_2
    too_old.maximum_version = ssl.TLSVersion.TLSv1_2
    too_old.set_ciphers("AES128-SHA256")  # no forward secrecy
    with pytest.raises(ssl.SSLError):
        _serial(port, too_old)
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10)

    token = server.token("--user", "ann")
    https = ("--url", server.url, "--ca", settings.certificate)
    assert server.json("search", "x", *https, WHODID_TOKEN=token)["total"] == 0
    assert (
        "does not answer"
        in server.run("search", "x", "--url", server.url, rc=1, WHODID_TOKEN=token).stderr
    ), "a stranger's certificate is not believed"

    with server.client() as standing:
        standing.get("/healthz")
        replace(settings, other)
        server.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: _serial(port, server.trust)[2]["serialNumber"] != before["serialNumber"],
            "every door has the new certificate",
        )
        assert standing.get("/healthz").status_code == 200, "what stands is not cut"
    wait_until(lambda: "the settings were read again" in server.said(), "it says so")
    assert "Traceback" not in server.said()


def _half_a_hello(address):
    """Begin to speak TLS at once: who waits has his connection cut before he has said anything."""
    line = socket.create_connection(address, 60)
    line.sendall(b"\x16\x03\x01\x02\x00\x01")
    return line


def test_strangers_to_tls_are_cut_off_and_counted(server, tmp_path):
    settings = made(tmp_path / "a")
    server.trust = _trusting(settings)
    server.env["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).with_name("small")), os.environ.get("PYTHONPATH", "")]
    )
    given = ("--tls-cert", settings.certificate, "--tls-key", settings.key, "--doors", "1")
    server.start(*given)
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    silent = [socket.create_connection(address, 60) for _ in range(40)]
    half = [_half_a_hello(address) for _ in range(40)]
    plain = socket.create_connection(address, 60)
    plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    server.wait_ready()  # others are served meanwhile
    for line in (*silent, *half, plain):
        with line, contextlib.suppress(ConnectionError):
            assert b"HTTP" not in line.recv(4096)

    def counted():
        with server.client() as client:
            found = re.search(r"handshakes_failed_total\{.*\} (\d+)", client.get("/metrics").text)
        return found and int(found[1]) >= 81

    wait_until(counted, "they are counted")


def test_only_clients_with_a_certificate_are_served(server, tmp_path):
    settings, client = made(tmp_path / "a"), made(tmp_path / "client")
    server.trust = _trusting(settings)
    server.trust.load_cert_chain(client.certificate, client.key)
    # Serves as a client's certificate authority: it signs itself.
    server.start(
        "--tls-cert", settings.certificate, "--tls-key", settings.key,
        "--tls-client-ca", client.certificate,
    )  # fmt: skip
    stranger = _trusting(settings)
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{server.url}/healthz", verify=stranger, timeout=10)
    assert server.stop() == 0


def test_wrong_files_are_said_before_anything_starts(server, tmp_path):
    settings = made(tmp_path / "a")
    os.chmod(settings.key, 0o644)
    given = ("--tls-cert", settings.certificate, "--tls-key", settings.key)
    for command in (("serve", "--port", "0"), ("config", "check")):
        assert "can be read by others: chmod 600" in server.run(*command, *given, rc=2).stderr
    assert "go together" in server.run("config", "check", *given[:2], rc=2).stderr
