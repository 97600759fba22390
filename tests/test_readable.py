"""Waiting for a pipe, whatever its number."""

import os
import resource

import pytest

from whodid.readable import readable


def test_a_pipe_can_be_read_when_something_is_in_it_and_when_it_ended():
    out, into = os.pipe()
    with os.fdopen(out, "rb") as stream:
        assert not readable(stream)
        os.write(into, b"x")
        assert readable(stream)
        assert stream.read1(1) == b"x"
        os.close(into)
        assert readable(stream, 5.0)


def test_a_file_with_a_high_number():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most < 1200:
        pytest.skip(f"this system gives {most} files")
    out, into = os.pipe()
    high = os.dup2(out, 1100)
    try:
        with os.fdopen(high, "rb") as stream:
            assert not readable(stream)
            os.write(into, b"x")
            assert readable(stream)
    finally:
        os.close(out)
        os.close(into)


def test_what_is_no_file_is_said():
    with pytest.raises(TypeError):
        readable(object())
