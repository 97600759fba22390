"""A signal comes at any moment, also while the main thread holds a lock: it must not wait."""

import subprocess
import sys
import threading

import pytest

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
    timer = threading.Timer(300, process.kill)
    timer.start()
    try:
        return process.stdout.readline().strip()
    finally:
        timer.cancel()
        process.communicate()


def test_a_supervisor_that_is_waiting_is_told_to_end(tmp_path):
    assert said(SUPERVISOR, tmp_path) == "1"


PROMPT = """
import os, signal, sys
from whodid.serve.prompt_end import PromptEnd
class Left(Exception):
    pass
class Lost:
    def __del__(self):  # what is raised in here goes nowhere
        os.kill(os.getpid(), signal.SIGTERM)
        while not ending.told.is_set():
            pass
        for _ in range(2_000_000):
            pass
ending = PromptEnd(Left)
sys.unraisablehook = lambda _: None
try:
    with ending.work():
        if sys.argv[1] == "lost":
            Lost()
        elif sys.argv[1] == "term":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            print("works", flush=True)
        while True:
            pass
except Left:
    print("left", ending.told.is_set(), flush=True)
"""


@pytest.mark.parametrize("how", ["term", "lost"])
def test_a_process_at_work_leaves_what_it_is_at(how):
    assert said(PROMPT, how) == "left True"


def test_it_leaves_when_its_supervisor_is_gone():
    process = subprocess.Popen(
        [sys.executable, "-c", PROMPT, "closed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"works\n"
    out, _ = process.communicate(timeout=300)
    assert out == b"left True\n"
