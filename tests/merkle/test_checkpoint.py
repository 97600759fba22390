"""Signed notes and checkpoints: known answers from the specification alone, and hostile text."""

import contextlib
import random
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chance import SEED
from whodid import limits
from whodid.errors import InputError, IntegrityError, TooLargeError
from whodid.merkle.checkpoint import (
    Checkpoint,
    NoteSignature,
    Vkey,
    parse_body,
    parse_note,
    sign_note,
    verify_note,
)
from whodid.merkle.tree import EMPTY_ROOT

NAME = "log.example/whodid/1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = Vkey.of(NAME, KEY.public_key().public_bytes_raw())
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OTHER_VKEY = Vkey.of("witness.example/w", OTHER.public_key().public_bytes_raw())

# Computed once from the formulas of signed-note with hashlib, base64 and Ed25519 alone.
KNOWN_VKEY = f"{NAME}+e362967d+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
KNOWN_BODY = f"{NAME}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
KNOWN_LINE = (
    f"— {NAME} 42KWfWySoF9xkID0nXWltS459e0YmjhyquIrlanUv0fL"
    "hUaQdiLEjySw0PCYLUTSd0nKtBjRD0DBHOGc/ip/pdDfGAU=\n"
)
KNOWN_NOTE = f"{KNOWN_BODY}\n{KNOWN_LINE}"
KNOWN_TEXT = "first\n\nnaïve — text\n\n"
KNOWN_TEXT_LINE = (
    f"— {NAME} 42KWfSIMUA1jlphzivnejzGDXdTBiDT5OkNo66uHjHuu"
    "qx/ci7ZUESd54sdxwZRRqrDBuPik/RRphOmZOs31ohzR4gM=\n"
)

lines = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30)
texts = st.lists(lines, min_size=1, max_size=6).map(lambda each: "\n".join(each) + "\n")


def test_known_answers():
    checkpoint = Checkpoint(NAME, 0, EMPTY_ROOT)
    assert VKEY.encode() == KNOWN_VKEY
    assert checkpoint.body() == KNOWN_BODY
    assert sign_note(KNOWN_BODY, NAME, KEY) == KNOWN_NOTE
    assert sign_note(KNOWN_TEXT, NAME, KEY) == f"{KNOWN_TEXT}\n{KNOWN_TEXT_LINE}"
    assert parse_body(verify_note(KNOWN_NOTE.encode(), Vkey.parse(KNOWN_VKEY))) == checkpoint
    signature = b64decode(KNOWN_LINE.split()[2])
    expected = NoteSignature(NAME, 0xE362967D, signature[4:])
    assert parse_note(KNOWN_NOTE) == (KNOWN_BODY, [expected])


@given(texts)
@example("\n")
@example("\n\n\n")
@example("a\n\n— b c\n")
@example("a\u2028b\u0085c\n")
@example(f"{KNOWN_NOTE}")
def test_every_text_that_ends_in_a_newline_can_be_signed(body):
    note = sign_note(body, NAME, KEY)
    assert verify_note(note, VKEY) == verify_note(note.encode(), VKEY) == body


@given(st.integers(0, limits.LOG_SIZE_MAX), st.binary(min_size=32, max_size=32), lines)
def test_checkpoints_are_read_back(size, root, origin):
    checkpoint = Checkpoint(origin or "o", size, root)
    assert checkpoint.body().count("\n") == 3
    assert parse_body(checkpoint.body()) == checkpoint


def test_any_changed_byte_of_a_signed_checkpoint_is_found():
    note = KNOWN_NOTE.encode()
    for position in range(len(note)):
        for bit in range(8):
            changed = bytearray(note)
            changed[position] ^= 1 << bit
            with pytest.raises((IntegrityError, InputError)):
                verify_note(bytes(changed), VKEY)


def test_signatures_of_others_are_ignored():
    other = sign_note(KNOWN_BODY, OTHER_VKEY.name, OTHER).split("\n\n")[1]
    # ML-DSA and other kinds of signature lines have any length; an old key may share the name.
    long = f"— {NAME} {b64encode(bytes(2424)).decode()}\n"
    note = f"{KNOWN_BODY}\n{long}{other}{KNOWN_LINE}"
    assert verify_note(note, VKEY) == verify_note(note, OTHER_VKEY) == KNOWN_BODY
    assert [s.name for s in parse_note(note)[1]] == [NAME, OTHER_VKEY.name, NAME]
    with pytest.raises(IntegrityError, match="not signed by"):
        verify_note(f"{KNOWN_BODY}\n{long}{other}", VKEY)
    with pytest.raises(IntegrityError, match="not signed by"):
        verify_note(KNOWN_NOTE, Vkey.of("other.example", VKEY.public))


def test_a_bad_signature_of_the_key_refuses_the_whole_note():
    forged = b64encode(VKEY.key_id.to_bytes(4, "big") + bytes(64)).decode()
    note = f"{KNOWN_NOTE}— {NAME} {forged}\n"
    with pytest.raises(IntegrityError, match="does not fit"):
        verify_note(note, VKEY)
    short = b64encode(VKEY.key_id.to_bytes(4, "big") + b"x").decode()
    with pytest.raises(IntegrityError, match="does not fit"):
        verify_note(f"{KNOWN_BODY}\n— {NAME} {short}\n", VKEY)


def test_a_signature_does_not_move_to_another_body():
    with pytest.raises(IntegrityError, match="does not fit"):
        verify_note(f"{KNOWN_BODY}extension\n\n{KNOWN_LINE}", VKEY)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        KNOWN_BODY,
        KNOWN_NOTE[:-1],
        KNOWN_NOTE + "\n",
        KNOWN_NOTE.replace("—", "-"),
        KNOWN_NOTE.replace("— ", "—\u00a0"),
        KNOWN_NOTE.replace("— ", "—  "),
        KNOWN_NOTE.replace("\n", "\r\n"),
        KNOWN_NOTE.replace("GAU=", "GAU"),
        KNOWN_NOTE.replace("GAU=", "GAV="),
        KNOWN_NOTE.replace("GAU=", "GAU= "),
        KNOWN_NOTE.replace("GAU=", "GA\u0130="),
        f"text\n\n— {NAME} {b64encode(b'four').decode()}\n",
        f"text\n\n— {NAME} \n",
        f"text\n\n— {NAME}\n",
        "text\n\n— a+b AAAAAAAA\n",
        "text\n\n— a\u2003b AAAAAAAA\n",
        "te\0xt\n\n— a AAAAAAAA\n",
        "te\txt\n\n— a AAAAAAAA\n",
        "te\ud800xt\n\n— a AAAAAAAA\n",
        b"te\xffxt\n\n\xe2\x80\x94 a AAAAAAAA\n",
        b"\xef\xbb\xbf" + KNOWN_NOTE.encode() + b"\xe2\x80",
    ],
)
def test_what_is_no_note_is_an_input_error(note):
    with pytest.raises(InputError):
        parse_note(note)
    with pytest.raises(InputError):
        verify_note(note, VKEY)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "o\n1\n",
        KNOWN_BODY[:-1],
        KNOWN_BODY + "extension\n",
        KNOWN_BODY + "\n",
        KNOWN_BODY.replace(NAME, ""),
        KNOWN_BODY.replace("\n0\n", "\n00\n"),
        KNOWN_BODY.replace("\n0\n", "\n01\n"),
        KNOWN_BODY.replace("\n0\n", "\n+1\n"),
        KNOWN_BODY.replace("\n0\n", "\n-1\n"),
        KNOWN_BODY.replace("\n0\n", "\n 1\n"),
        KNOWN_BODY.replace("\n0\n", "\n1_0\n"),
        KNOWN_BODY.replace("\n0\n", "\n\u0661\n"),
        KNOWN_BODY.replace("\n0\n", "\n\n"),
        KNOWN_BODY.replace("\n0\n", f"\n{2**63}\n"),
        KNOWN_BODY.replace("\n0\n", f"\n{'9' * 5000}\n"),
        KNOWN_BODY.replace("\n0\n", "\n0\r\n"),
        KNOWN_BODY.replace("uFU=", "uFV="),
        KNOWN_BODY.replace("uFU=", "uFU"),
        KNOWN_BODY.replace("47DE", ""),
        KNOWN_BODY.replace("47DE", "47DE47DE"),
        KNOWN_BODY.replace("+", "-"),
        "o" * 5000 + KNOWN_BODY,
        "\u00e9" * 3000 + KNOWN_BODY,
        "\ud800" + KNOWN_BODY,
        "\x1f" + KNOWN_BODY,
    ],
)
def test_what_is_no_checkpoint_is_an_input_error(body):
    with pytest.raises(InputError):
        parse_body(body)


@pytest.mark.parametrize(
    "fields",
    [
        ("", 0, EMPTY_ROOT),
        ("two\nlines", 0, EMPTY_ROOT),
        ("tab\t", 0, EMPTY_ROOT),
        ("o" * 5000, 0, EMPTY_ROOT),
        ("o", -1, EMPTY_ROOT),
        ("o", 2**63, EMPTY_ROOT),
        ("o", 0, EMPTY_ROOT[:-1]),
    ],
)
def test_a_checkpoint_that_cannot_be_written_cannot_be_made(fields):
    with pytest.raises(InputError):
        Checkpoint(*fields)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        NAME,
        KNOWN_VKEY.replace("+e362967d", ""),
        KNOWN_VKEY.replace("e362967d", "e362967e"),
        KNOWN_VKEY.replace("e362967d", "E362967D"),
        KNOWN_VKEY.replace("e362967d", "362967d"),
        KNOWN_VKEY.replace("example", "Example"),
        KNOWN_VKEY.replace("+AQOh", "+AgOh"),
        KNOWN_VKEY.replace("+AQOh", "+BAOh"),
        KNOWN_VKEY + "AAAA",
        KNOWN_VKEY + "\n",
        KNOWN_VKEY[:-4],
        "+" + KNOWN_VKEY,
        "a b" + KNOWN_VKEY,
        KNOWN_VKEY.replace("+AQOh", "+"),
        "n+00000000+",
    ],
)
def test_what_is_no_verifier_key_is_an_input_error(vkey):
    with pytest.raises(InputError):
        Vkey.parse(vkey)


def test_verifier_keys_keep_name_id_and_key_together():
    assert Vkey.parse(KNOWN_VKEY) == VKEY
    for wrong in ((NAME, VKEY.key_id ^ 1, VKEY.public), (NAME, VKEY.key_id, VKEY.public[1:])):
        with pytest.raises(InputError):
            Vkey(*wrong)
    for name in ("", "a b", "a+b", "a\u3000b", "a\nb", "a\x01b", "\ud800"):
        with pytest.raises(InputError):
            Vkey.of(name, VKEY.public)


@pytest.mark.parametrize("body", ["", "no newline", "tab\t\n", "cr\r\n", "\ud800\n"])
def test_what_no_verifier_would_read_is_not_signed(body):
    with pytest.raises(InputError):
        sign_note(body, NAME, KEY)


def test_notes_have_bounds(monkeypatch):
    many = KNOWN_BODY + "\n" + KNOWN_LINE * limits.NOTE_SIGNATURES_MAX
    assert verify_note(many, VKEY) == KNOWN_BODY
    with pytest.raises(TooLargeError):
        verify_note(many + KNOWN_LINE, VKEY)
    monkeypatch.setattr("whodid.merkle.checkpoint.NOTE_BYTES_MAX", 1000)
    for big in ("x" * 1000 + "\n", "\u00e9" * 600 + "\n"):
        with pytest.raises(TooLargeError):
            sign_note(big, NAME, KEY)
        for note in (f"{big}\n{KNOWN_LINE}", f"{big}\n{KNOWN_LINE}".encode()):
            with pytest.raises(TooLargeError):
                parse_note(note)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200) | texts)
def test_hostile_bytes_are_input_errors(data):
    _read(data)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_notes_are_input_errors():
    chance = random.Random(SEED)
    samples = [KNOWN_NOTE.encode(), KNOWN_BODY.encode(), KNOWN_VKEY.encode(), KNOWN_TEXT.encode()]
    for _ in range(100_000):
        data = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.choice((0, 0, 1, 1, 2, 40))] = chance.choice(
                (b"", b"\n", b"\n\n", b" ", b"+", b"=", b"\0", b"\xff", b"\xe2\x80\x94 ", b"9" * 30)
            ) or chance.randbytes(2)
        _read(bytes(data))


def _read(data):
    """Read with every parser: a value that is written back as it was, or an InputError."""
    with contextlib.suppress(InputError):
        body, signatures = parse_note(data)
        assert body.endswith("\n")
        assert signatures
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    with contextlib.suppress(InputError):
        assert parse_body(text).body() == text
    with contextlib.suppress(InputError):
        assert Vkey.parse(text).encode() == text
