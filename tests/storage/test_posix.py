"""What differs between systems, by fakes: there is one system under a test."""

import errno
import fcntl
import os
import socket
import struct

import pytest

from whodid.ledger import server
from whodid.storage import posix

FULL = 51


@pytest.fixture
def calls(monkeypatch):
    found = []
    monkeypatch.setattr(os, "fsync", lambda fd: found.append(("fsync", fd)))
    return found


def test_macos_is_asked_to_write_through_the_drives_cache(calls, monkeypatch):
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, command: calls.append((command, fd)))
    posix.sync(7, FULL)
    assert calls == [(FULL, 7)]


def test_a_file_system_without_it_gets_a_plain_fsync(calls, monkeypatch):
    def refuse(_fd, _command):
        raise OSError(errno.ENOTSUP, "not here")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    posix.sync(7, FULL)
    assert calls == [("fsync", 7)]


def test_a_failure_is_not_taken_for_a_missing_call(calls, monkeypatch):
    def fail(_fd, _command):
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(fcntl, "fcntl", fail)
    with pytest.raises(OSError, match="broken"):
        posix.sync(7, FULL)
    assert calls == []


def test_data_is_synced_fully_on_macos(monkeypatch):
    asked = []
    monkeypatch.setattr(posix, "_FULL_FSYNC", FULL)
    monkeypatch.setattr(posix, "sync", asked.append)
    posix.PosixDisk().sync_data(7)
    assert asked == [7]


class Peer:
    """A connection whose system is macOS."""

    def __init__(self, uid):
        self.uid = uid

    def getsockopt(self, level, option, size):
        assert (level, option, size) == (0, 1, 76)
        return struct.pack("=IIh2x16I", 0, self.uid, 1, *[20] * 16)


@pytest.mark.parametrize(
    ("uid", "same"), [(os.getuid(), True), (0, True), (os.getuid() + 1, False)]
)
def test_the_peer_of_a_socket_on_macos(monkeypatch, uid, same):
    monkeypatch.delattr(socket, "SO_PEERCRED")
    monkeypatch.setattr(socket, "LOCAL_PEERCRED", 1, raising=False)
    assert server.same_user(Peer(uid)) is same
