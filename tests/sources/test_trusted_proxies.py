"""Whose word about the client's address is believed."""

import pytest

from whodid.sources.rates import client_key
from whodid.sources.trusted_proxies import TrustedProxies, parse_hop

PROXIES = TrustedProxies(("10.0.0.0/8", "2001:db8::/32"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["203.0.113.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.1, 10.2.0.1"], "203.0.113.1"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.1", "10.2.0.1"], "203.0.113.1"),
        ("10.0.0.1", ["10.3.0.1, 10.2.0.1"], "10.3.0.1"),
        ("10.0.0.1", ["203.0.113.1, junk"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.1, junk, 10.2.0.1"], "10.2.0.1"),
        ("10.0.0.1", ["203.0.113.1:4711"], "203.0.113.1"),
        ("10.0.0.1", ['"[2001:4860::1]:443"'], "2001:4860::1"),
        ("10.0.0.1", ["2001:4860::1"], "2001:4860::1"),
        ("::ffff:10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("2001:db8::9", ["::ffff:203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", [",,,"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6," + ",".join(["10.0.0.2"] * 100)], "10.0.0.2"),
        ("", ["203.0.113.1"], ""),
    ],
)
def test_the_first_untrusted_hop_from_the_right(peer, forwarded, client):
    assert PROXIES.client_of(peer, [value.encode() for value in forwarded]) == client


def test_without_networks_nobody_is_trusted_and_others_can_be_taken():
    proxies = TrustedProxies()
    assert proxies.client_of("10.0.0.1", [b"203.0.113.1"]) == "10.0.0.1"
    proxies.use(["10.0.0.0/8"])
    assert proxies.client_of("10.0.0.1", [b"203.0.113.1"]) == "203.0.113.1"
    proxies.use(["192.0.2.0/24"])
    assert not proxies.trusts("10.0.0.1")


@pytest.mark.parametrize("entry", [b"", b"\xff\xfe", b"1.2.3", b"[", b"unknown", b"_hidden", b":"])
def test_what_is_no_address_is_none(entry):
    assert parse_hop(entry) is None


def test_what_a_client_is_known_by():
    assert client_key("203.0.113.1") == "203.0.113.1"
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff:1") == "2001:db8::/64"
    assert client_key("127.0.0.1") is client_key("::1") is None
    assert client_key("/run/x.sock") == "/run/x.sock"
