"""A console as the pages show it: its blocks and commands, and a shell that runs them.

A block is

    $ a command
    > that goes on, as a here-document does
    what it prints
"""

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

BIN = Path(sys.executable).parent
PORT = "9460"  # in the pages; the tests take a free one
RECEIVER_PORT = "9461"  # likewise, where somebody is sent messages
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"20\d\d-\d\d-\d\d([ T])\d\d:\d\d:\d\d(\.\d+)?")
_PIECE = re.compile(rf"(?m:^…\n)|…|{_UUID7.pattern}|{_TIME.pattern}")


def blocks(page: Path) -> list[str]:
    """The ```console blocks of a page, those in lists too."""
    return _blocks(page, "console")


def files(page: Path) -> dict[str, str]:
    """The ```python blocks whose first line is `# name.py`, by name."""
    found = {}
    for block in _blocks(page, "python"):
        first = block.partition("\n")[0]
        if re.fullmatch(r"# \w+\.py", first):
            found[first[2:]] = block
    return found


def _blocks(page: Path, language: str) -> list[str]:
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"
    found = re.findall(pattern, page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def steps(block: str) -> list[tuple[str, str]]:
    """(command, what it prints) in order; `> ` goes on with a command."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            assert found, f"a block starts with output: {line}"
            command, output = found[-1]
            if line.startswith("> ") and not output:
                found[-1] = (f"{command}\n{line[2:]}", "")
            else:
                found[-1] = (command, f"{output}{line}\n")
    return found


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def wait_until_healthy(port: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        assert time.monotonic() < deadline, "the server is not healthy"
        time.sleep(0.1)


def _plain(text: str) -> str:
    """Without blank lines, and with single blanks: tables are as wide as their widest cell."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


class Expectation:
    """What a page says a command prints.

    `…` stands for anything: on a line of its own for any lines or none, else within its line. A
    time stands for any time of the same form. An event's id stands for any id, but for the same
    one all over the page; `ids` knows which.
    """

    def __init__(self, said: str, ids: dict[str, str]) -> None:
        self._ids = ids
        self._new: dict[str, str] = {}
        pattern = ""
        at = 0
        said = _plain(said)
        for piece in _PIECE.finditer(said):
            pattern += re.escape(said[at : piece.start()]) + self._stands_for(said, piece)
            at = piece.end()
        pattern += re.escape(said[at:])
        self._match = re.compile(pattern).fullmatch

    def _stands_for(self, said: str, piece: re.Match[str]) -> str:
        text = piece[0]
        if text == "…\n":
            return r"(?:[^\n]*\n)*?"
        if text == "…":
            alone = said[: piece.start()].endswith("\n") or piece.start() == 0
            alone = alone and said[piece.end() :][:1] in {"\n", ""}
            return r"(?:.|\n)*?" if alone else ".*?"
        if not _UUID7.fullmatch(text):
            return _TIME.pattern.replace("([ T])", "[ T]").replace(r"(\.\d+)?", r"(?:\.\d+)?")
        if text in self._ids:
            return re.escape(self._ids[text])
        if text in self._new:
            return f"(?P={self._new[text]})"
        self._new[text] = f"id{len(self._new)}"
        return f"(?P<{self._new[text]}>{_UUID7.pattern})"

    def check(self, command: str, printed: str) -> None:
        found = self._match(_plain(printed))
        assert found, f"$ {command}\nprinted\n{printed}\nwhich is not what the page says."
        self._ids.update({text: found[name] for text, name in self._new.items()})


class Shell:
    """One bash in one folder. Whatever runs in the background ends with it."""

    def __init__(self, folder: Path, extra: dict[str, str]) -> None:
        self.folder = folder
        keep = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
            "WHODID_KEYS": str(folder / ".keys"), "PYTHONDONTWRITEBYTECODE": "1", **keep, **extra,
        }  # fmt: skip
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def run(self, command: str, seconds: float = 300) -> tuple[int, str]:
        """Return exit status and everything printed."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        script = f"{{ {command}\n}} </dev/null\nprintf '\\n@@%s@@\\n' $?\n"
        self._bash.stdin.write(script.encode())
        self._bash.stdin.flush()
        deadline = time.monotonic() + seconds
        data = b""
        while (end := re.search(rb"\n@@(\d+)@@\n\Z", data)) is None:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self._bash.stdout], [], [], left)[0]
            so_far = data.decode(errors="replace")
            assert ready, f"$ {command}\ndoes not end; so far it printed\n{so_far}"
            piece = os.read(self._bash.stdout.fileno(), 1 << 16)
            assert piece, f"$ {command}\nended the shell"
            data += piece
        return int(end[1]), data[: end.start()].decode()

    def close(self) -> None:
        if self._bash.poll() is None:
            with contextlib.suppress(AssertionError, OSError):
                self.run("kill $(jobs -p) 2>/dev/null; wait", 120)
        self._bash.kill()
        self._bash.wait()
        for stream in (self._bash.stdin, self._bash.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
