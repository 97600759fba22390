"""Requests to receivers that are not trusted: where they go, how long, what is read and said."""

import socket
import ssl
import threading
import time

import pytest

from delivery_kit import RawReceiver, Receiver
from whodid.clock import system_clock
from whodid.detection.delivery.channels.channel import NotTakenError
from whodid.detection.delivery.channels.guard import Guard
from whodid.detection.delivery.channels.http import Sender, Target
from whodid.errors import UsageError
from whodid.serve.certificate import make_certificate, write_certificate

LOCAL = ("127.0.0.1",)


def sender(url, *, allow=LOCAL, resolve=None, timeout_s=60.0, ca_file=""):
    guard = Guard(allow, resolve) if resolve else Guard(allow)
    return Sender(Target.parse(url), guard, timeout_s, ca_file)


def resolver(*addresses):
    asked = []

    def resolve(host, port):
        asked.append(host)
        found = addresses[min(len(asked), len(addresses)) - 1]
        family = socket.AF_INET6 if ":" in found else socket.AF_INET
        return [(int(family), (found, port))]

    resolve.asked = asked
    return resolve


# --- where -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "::1", "::",
        "169.254.169.254", "100.64.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "224.0.0.1", "ff02::1", "255.255.255.255",
        "198.18.0.1", "192.0.2.1", "240.0.0.1",
    ],
)  # fmt: skip
def test_local_and_private_addresses_are_not_public(address):
    assert not Guard(()).permits(address, private=False)
    with pytest.raises(NotTakenError, match="private or local"):
        Guard((), resolver(address)).addresses("evil.example", 443)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::",
    ],  # fmt: skip,
)
def test_addresses_of_the_internet_are(address):
    assert Guard(()).permits(address, private=False)


@pytest.mark.parametrize(
    "allow", [("Mail.Corp.example.",), ("10.0.0.7",), ("10.0.0.0/8",), ("x", "10.0.0.7")]
)
def test_what_the_settings_name_may_be_private(allow):
    resolve = resolver("10.0.0.7")
    found = Guard(allow, resolve).addresses("mail.corp.example", 25)
    assert found == [(int(socket.AF_INET), ("10.0.0.7", 25))]


@pytest.mark.parametrize("allow", [("other.example",), ("10.0.0.8",), ("192.168.0.0/16",), ("*",)])
def test_naming_one_does_not_let_another_in(allow):
    with pytest.raises(NotTakenError, match="allow_hosts"):
        Guard(allow, resolver("10.0.0.7")).addresses("mail.corp.example", 25)


def test_just_the_address_that_was_judged_is_connected_to():
    """A name that resolves to another address the second time leads nowhere else."""
    with Receiver() as receiver:
        resolve = resolver("127.0.0.1", "10.9.9.9")
        sender(f"http://rebind.example:{receiver.port}/", allow=("rebind.example",),
               resolve=resolve).post({}, b"{}")  # fmt: skip
        assert resolve.asked == ["rebind.example"]
        assert receiver.requests[0][1]["host"] == f"rebind.example:{receiver.port}"


def test_an_answer_with_a_public_and_a_private_address_leads_to_the_public_one_only():
    def resolve(_host, port):
        return [(int(socket.AF_INET), (found, port)) for found in ("127.0.0.1", "9.9.9.9")]

    assert [a[1][0] for a in Guard((), resolve).addresses("x.example", 443)] == ["9.9.9.9"]


def test_a_receiver_on_this_machine_is_not_reached_unless_it_is_named():
    with RawReceiver(lambda _connection: None) as receiver:
        post = sender(
            f"https://sneaky.example:{receiver.port}/", allow=(), resolve=resolver("127.0.0.1")
        )
        with pytest.raises(NotTakenError, match="private or local"):
            post.post({}, b"")
        assert receiver.taken == 0


def test_plain_http_is_for_named_hosts_only():
    with pytest.raises(UsageError, match="plain http"):
        sender("http://receiver.example/", allow=())
    with pytest.raises(UsageError, match="plain http"):
        sender("http://1.1.1.1/", allow=("10.0.0.0/8",))
    sender("http://receiver.example/", allow=("receiver.example",))
    sender("http://10.0.0.1/", allow=("10.0.0.0/8",))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/", "x", "https:///path", "https://user:hunter2@x/", "https://x/\r\nevil: 1",
        "https://x/ y", "https://[::1", "https://x:99999/", "file:///etc/passwd", "https://ü x/",
    ],
)  # fmt: skip
def test_addresses_that_are_none_are_refused_and_not_repeated(url):
    with pytest.raises(UsageError) as caught:
        Target.parse(url)
    assert "hunter2" not in str(caught.value)
    assert "evil" not in str(caught.value)


# --- redirects and answers ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
    def redirect(handler):
        handler.send_response(status)
        handler.send_header("location", f"http://127.0.0.1:{target.port}/stolen")
        handler.send_header("content-length", "0")
        handler.end_headers()

    with Receiver() as target, Receiver(redirect) as receiver:
        with pytest.raises(NotTakenError, match=f"HTTP {status}: redirects are not followed"):
            sender(receiver.url).post({}, b"{}")
        assert target.requests == []


def test_a_refusal_tells_its_number_and_when_to_come_back_and_nothing_it_said():
    def busy(handler):
        handler.send_response(429, "secret words")
        handler.send_header("Retry-After", "17")
        handler.send_header("content-length", "6")
        handler.end_headers()
        handler.wfile.write(b"secret")

    with Receiver(busy) as receiver, pytest.raises(NotTakenError) as caught:
        sender(receiver.url).post({}, b"{}")
    assert (str(caught.value), caught.value.retry_after_s) == ("HTTP 429", 17.0)


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("-1", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("999999999", 3600), ("9" * 99, 0)],
)
def test_hostile_waits_are_bounded(wait, seconds):
    def busy(handler):
        handler.send_response(503)
        handler.send_header("Retry-After", wait)
        handler.end_headers()

    with Receiver(busy) as receiver, pytest.raises(NotTakenError) as caught:
        sender(receiver.url).post({}, b"{}")
    assert caught.value.retry_after_s == seconds


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data and (piece := connection.recv(65536)):
        data += piece
    return data


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "no HTTP"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 999 x\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 2000 x\r\n\r\n", "no HTTP"),
        (b"\x00\xff" * 100 + b"\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, "more than 16384 bytes of head"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 x\r\n\r\n", "HTTP 404"),
    ],
)
def test_answers_that_are_none_or_too_long_end_the_try(answer, said):
    def talk(connection):
        read_request(connection)
        connection.sendall(answer)

    with RawReceiver(talk) as receiver, pytest.raises(NotTakenError, match=said):
        sender(receiver.url).post({}, b"{}")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 204\n\n", b"HTTP/1.1 202",
        b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)  # fmt: skip
def test_short_answers_of_success_are_taken(answer):
    def talk(connection):
        read_request(connection)
        connection.sendall(answer)

    with RawReceiver(talk) as receiver:
        sender(receiver.url).post({}, b"{}")


def test_a_body_without_end_is_not_read():
    sent = []

    def talk(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            connection.sendall(b"x" * 65536)
            sent.append(1)

    with RawReceiver(talk) as receiver:
        sender(receiver.url).post({}, b"{}")
    assert len(sent) < 10_000


def test_one_deadline_holds_for_a_receiver_that_drips():
    """Each piece comes in time; all of it would take for ever. The clock ticks as it is asked."""
    ticks = iter(range(10_000))

    def talk(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.002)

    with RawReceiver(talk) as receiver, pytest.raises(NotTakenError, match="no answer within 8 s"):
        Sender(
            Target.parse(receiver.url), Guard(LOCAL), 8.0, monotonic_s=lambda: float(next(ticks))
        ).post({}, b"{}")


def test_a_receiver_that_says_nothing_ends_the_try():
    over = threading.Event()
    said = pytest.raises(NotTakenError, match=r"no answer within 0\.2 s")
    with RawReceiver(lambda _connection: over.wait(30)) as receiver, said:
        try:
            sender(receiver.url, timeout_s=0.2).post({}, b"{}")
        finally:
            over.set()


def test_nobody_there_is_said():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(NotTakenError, match="no connection"):
            sender(url).post({}, b"{}")


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) for hooks.example."""
    pem, key = make_certificate(["hooks.example"], 2, system_clock)
    key_file, cert_file = write_certificate(tmp_path_factory.mktemp("tls"), pem, key)
    return (cert_file, key_file) if "cert" in cert_file.name else (key_file, cert_file)


def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return Receiver(context=context)


def test_a_certificate_that_the_settings_trust_is_taken_for_its_name_only(certificate):
    to_local = resolver("127.0.0.1")
    with tls_server(certificate) as receiver:
        for host, good in (("hooks.example", True), ("other.example", False)):
            post = sender(f"https://{host}:{receiver.port}/", resolve=to_local,
                          ca_file=str(certificate[0]))  # fmt: skip
            if good:
                post.post({}, b"{}")
            else:
                with pytest.raises(NotTakenError, match="its certificate is not trusted"):
                    post.post({}, b"{}")
        assert len(receiver.requests) == 1


def test_a_certificate_that_nobody_named_is_not_trusted(certificate):
    with tls_server(certificate) as receiver:
        post = sender(f"https://hooks.example:{receiver.port}/", resolve=resolver("127.0.0.1"))
        with pytest.raises(NotTakenError, match="its certificate is not trusted"):
            post.post({}, b"secret")
        assert receiver.requests == []


def test_what_speaks_no_tls_gets_nothing():
    heard = []

    def talk(connection):
        heard.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with RawReceiver(talk) as receiver:
        post = sender(f"https://hooks.example:{receiver.port}/", resolve=resolver("127.0.0.1"))
        with pytest.raises(NotTakenError, match="TLS failed"):
            post.post({}, b"secret")
    assert b"secret" not in b"".join(heard)


def test_a_file_without_certificates_is_said(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(UsageError, match="no certificates"):
            sender("https://x.example/", ca_file=str(tmp_path / name))
