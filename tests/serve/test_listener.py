"""The public port of a server whose predecessor was killed a moment ago."""

import threading
from contextlib import closing

import pytest

from whodid.errors import UsageError
from whodid.serve.listener import listen_on


def test_a_port_that_is_let_go_soon_is_waited_for():
    first = listen_on("127.0.0.1", 0)
    port = first.getsockname()[1]
    timer = threading.Timer(0.3, first.close)
    timer.start()
    with closing(listen_on("127.0.0.1", port)) as second:
        assert second.getsockname()[1] == port
    timer.join()


def test_a_port_that_stays_in_use_is_named():
    with closing(listen_on("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} .*choose another with --port"):
            listen_on("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_refused_at_once():
    with pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1"):
        listen_on("192.0.2.1", 0)
