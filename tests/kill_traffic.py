"""What goes on while processes are killed: writers that remember the answers, and readers.

WHODID_SEED chooses what is sent when.
"""

import hashlib
import http.client
import json
import random
import threading
import time
from contextlib import closing

from chance import SEED
from whodid.errors import RefusedError
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    EMPTY_WHERE,
    Envelope,
    Event,
    What,
    When,
    Who,
    encode_groups,
)
from whodid.ledger.batch import BatchBuilder, Row
from whodid.ledger.client import SequencerClient
from whodid.ledger.leaf import LeafType
from whodid.ledger.manifest import all_files, read_manifest
from whodid.ledger.opening import keys_of
from whodid.ledger.tags import Tagger, domain_key
from whodid.validation.report_file import ReportFiles

WRITERS = 5
RECOVERY_S = 120


class Writers:
    """Threads that each send their own events until `stop`, and remember what was acknowledged.

    A subclass sends: `send(writer, ids)` returns when they are durable and raises what may be tried
    again. `sent` and `acked` are sets of ids.
    """

    again = (OSError, RefusedError, http.client.HTTPException)

    def __init__(self):
        self.stopping = threading.Event()
        self.sent, self.acked, self.failures = set(), set(), []
        self.threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(WRITERS)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, number):
        chance = random.Random(SEED * 100 + number)
        counter = 0
        past = []
        try:
            with closing(self.writer(number)) as writer:
                while not self.stopping.is_set():
                    count = chance.choice((1, 3, 20, 100))
                    ids = [f"w{number}-{counter + i}" for i in range(count)]
                    counter += count
                    self.sent.update(ids)
                    if past and chance.random() < 0.2:  # a redelivery, in other company
                        ids = [*chance.choice(past), *ids]
                    self._deliver(writer, ids)
                    past.append(ids[-20:])
                    self.acked.update(ids)
                    time.sleep(chance.random() * 0.03)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.failures.append(error)

    def _deliver(self, writer, ids):
        deadline = time.monotonic() + 2 * RECOVERY_S
        while True:
            try:
                self.send(writer, ids)
                return
            except self.again:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


class HttpWriters(Writers):
    """Through the doors. An id is the client's own, so that a record is known in any batch."""

    def __init__(self, port, token):
        super().__init__()
        self.port, self.token = port, token

    def writer(self, number):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=RECOVERY_S)

    def send(self, connection, ids):
        try:
            self._post(connection, ids)
        except BaseException:
            connection.close()  # and is opened again by the next request
            raise

    def _post(self, connection, ids):
        lines = [
            json.dumps({
                "id": id_, "timestamp": "2026-11-22T10:00:00Z", "userId": "alice",
                "action": "FILE_READ", "resource": f"{id_}.csv",
            })
            for id_ in ids
        ]  # fmt: skip
        headers = {
            "Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson",
        }  # fmt: skip
        connection.request("POST", "/v1/events", "\n".join(lines).encode(), headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status >= 500 or response.status == 429:
            raise RefusedError(answer.decode())
        assert response.status == 200, answer
        tally = json.loads(answer)
        assert tally["accepted"] + tally["duplicate"] == len(ids), tally
        assert tally["exactly_once"] is True


class SocketWriters(Writers):
    """Through the sequencer's socket: a batch is sent again with its own batch id."""

    def __init__(self, directory, keys, source):
        super().__init__()
        self.directory, self.keys, self.source = directory, keys, source
        self.tagger = Tagger(domain_key(keys.identity_root(), source.domain))

    def writer(self, number):
        client = SequencerClient(self.directory, "door", retry_s=RECOVERY_S)
        client.builder = BatchBuilder(self.keys.ledger_id, self.keys.public_kek())
        return client

    def send(self, client, ids):
        receipt = client.submit(client.builder.build([self.row(id_) for id_ in ids]))
        assert receipt.accepted + receipt.duplicate == len(ids)
        assert receipt.conflict == 0

    def row(self, id_):
        raw = json.dumps({"id": id_}).encode()
        event = Event(
            When("018c0000-0000-7000-8000-000000000000", 1, 1), Who(actor_id="alice"),
            What("read", "read"), EMPTY_WHERE, EMPTY_CONTEXT, EMPTY_CONTENT, raw,
            Envelope(self.source.name, "json", 1, "client", id_),
        )  # fmt: skip
        return Row(
            int(LeafType.EVENT), 0, 0, self.source.source_id, 0, 0,
            self.tagger.identity(1, id_.encode()), self.tagger.content(raw), encode_groups(event),
        )  # fmt: skip


class Readers:
    """Readers while processes are killed: searches, copies of sealed files, rounds asked for.

    Whatever is answered must be right; that there is no answer is what a kill does.
    """

    def __init__(self, directory, port, token):
        self.directory, self.port, self.token = directory, port, token
        self.keys = keys_of(directory)
        self.stopping = threading.Event()
        self.searched = self.copied = 0
        self.failures = []
        works = (self._search, self._copy, self._ask)
        self.threads = [threading.Thread(target=self._run, args=(work,)) for work in works]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def wait(self):
        """Wait until each has read: with few kills in a short time nobody may have been there."""
        deadline = time.monotonic() + RECOVERY_S
        while not (self.searched and self.copied):
            assert self.failures == []
            assert time.monotonic() < deadline, "nothing can be read"
            time.sleep(0.05)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert self.failures == []
        assert self.searched
        assert self.copied

    def _run(self, work):
        try:
            while not self.stopping.wait(0.1):
                work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.failures.append(error)

    def _search(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=RECOVERY_S)
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            connection.request("GET", "/v1/search?q=actor:alice&limit=5", headers=headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            return
        finally:
            connection.close()
        if response.status == 200:
            assert all(event["actor.id"] == "alice" for event in answer["events"])
            self.searched += 1

    def _copy(self):
        """What a backup does: every file that the manifest names is there, as it was signed."""
        manifest = read_manifest(self.directory, self.keys.vkey())
        for file in all_files(self.directory, manifest):
            data = (self.directory / file.path).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file.sha256, file.path
            self.copied += 1

    def _ask(self):
        ReportFiles(self.directory, self.keys).ask()
        self.stopping.wait(2)
