import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid import errors
from whodid.errors import InputError, LedgerError, RefusedError, WhodidError
from whodid.ledger import protocol
from whodid.ledger.manifest import SealedFile
from whodid.ledger.port import Status
from whodid.ledger.seal_request import SealRequest

FILES = [SealedFile("leaves/x", 1, "00" * 32, 0, 4)]
REQUESTS = [
    protocol.Hello("door"), protocol.GetStatus(), protocol.GetSources(),
    protocol.Declare("n", "f", "d", 3), protocol.Publish(), protocol.Prove(7),
    protocol.Seal(SealRequest(FILES, ".x", 4, b"d" * 32, 9, b"h" * 32)),
]  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_requests_come_back(request_):
    assert protocol.decode_request(protocol.encode(request_)) == request_


def test_answers_come_back():
    answer = protocol.Answer(status=Status(1, 2, 3, 4, None), proof=[b"x"])
    assert protocol.decode_answer(protocol.encode(answer)) == answer


@given(st.binary(max_size=80))
def test_hostile_bytes(data):
    with contextlib.suppress(InputError):
        protocol.decode_request(data)
    with contextlib.suppress(WhodidError):
        protocol.decode_answer(data)


def test_deep_nesting():
    for deep in (b"\x91" * 100_000, b"\x81\xa1x" * 100_000):
        with pytest.raises(InputError):
            protocol.decode_request(deep)
        with pytest.raises(LedgerError):
            protocol.decode_answer(deep)


@pytest.mark.parametrize(
    "error",
    [
        errors.InputError("a"), errors.TooLargeError("a"), errors.IntegrityError("a"),
        errors.StoppedError("a"), errors.UsageError("a"), errors.AccessDeniedError("a"),
        errors.LedgerError("a"), RefusedError("a", 7.5),
    ],
    ids=lambda e: e.code,
)  # fmt: skip
def test_an_error_is_raised_as_itself(error):
    with pytest.raises(type(error), match=r"^a$") as caught:
        protocol.decode_answer(protocol.encode(protocol.failure(error)))
    assert type(caught.value) is type(error)
    assert getattr(caught.value, "retry_after_s", None) == getattr(error, "retry_after_s", None)


def test_an_unknown_error_is_one_of_ours():
    with pytest.raises(WhodidError, match=r"^new$"):
        protocol.decode_answer(msgspec.msgpack.encode({"failed": {"code": "?", "message": "new"}}))
