"""A signal comes at any moment, also while the main thread holds a lock: it must not wait."""

import subprocess
import sys
import threading

SUPERVISOR = """
import signal, sys
from pathlib import Path
from whodid.config.settings import ServerSettings, Settings
from whodid.serve.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), Settings(server=ServerSettings(port=0)))
with supervisor._signals():
    with supervisor._stopping._cond:  # as in the midst of waiting
        signal.raise_signal(signal.SIGTERM)
    print(supervisor._told)
supervisor.listener.close()
"""


def said(script, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        return process.stdout.readline().strip()
    finally:
        timer.cancel()
        process.communicate()


def test_a_supervisor_that_is_waiting_is_told_to_end(tmp_path):
    assert said(SUPERVISOR, tmp_path) == "1"
