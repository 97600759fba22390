import pytest

from running_server import RunningServer


@pytest.fixture
def server(tmp_path):
    """A ledger of its own; the test starts the server, and it is ended whatever happens."""
    server = RunningServer(tmp_path).init()
    yield server
    server.stop()
