"""A sequencer behind its socket, in a thread of the test's process."""

import socket
import threading
import time

import msgspec

from whodid.ledger import protocol, server
from whodid.ledger.client import SequencerClient
from whodid.ledger.server import SequencerServer
from whodid.ledger.state_db import OWN_SOURCE


class Served:
    """A hand's sequencer behind its socket, in a thread of this process."""

    def __init__(self, hand):
        self.hand = hand
        self.clients = []
        self.start()

    def start(self):
        self.server = SequencerServer(self.hand.sequencer, self.hand.directory)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        deadline = time.monotonic() + 60
        while not (self.hand.directory / "sock").exists() and time.monotonic() < deadline:
            time.sleep(0.001)

    def stop(self):
        self.server.stop()
        self.thread.join()

    def kill(self):
        self.stop()
        self.hand.kill()

    def client(self, role="admin", retry_s=60.0):
        client = SequencerClient(self.hand.directory, role, retry_s)
        self.clients.append(client)
        return client

    def raw(self):
        connection = self._connected()
        self.clients.append(connection)
        return connection

    def _connected(self):
        """Connect; the server's thread may not listen yet."""
        for left in range(2000, -1, -1):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(60)
            try:
                with server.short_path(self.hand.directory / "sock") as address:
                    connection.connect(address)
            except (ConnectionRefusedError, FileNotFoundError):
                connection.close()
                if not left:
                    raise
                time.sleep(0.025)
            else:
                return connection
        raise AssertionError


def answer_of(connection):
    head = connection.recv(8, socket.MSG_WAITALL)
    if len(head) < 8:
        raise ConnectionError
    length, number = protocol.HEAD.unpack(head)
    body = connection.recv(length, socket.MSG_WAITALL)
    return number, msgspec.msgpack.decode(body, type=protocol.Answer)


def own_batch(hand):
    row = hand.row(1)
    row.source_id = hand.sequencer.sources[OWN_SOURCE].source_id
    return hand.builder.build([row])
