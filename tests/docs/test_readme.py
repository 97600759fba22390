"""Every command of the README, the tutorial and the how-tos is run, and prints what they say."""

import html
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs/tutorial").glob("*.md")),
    *sorted((ROOT / "docs/how-to").glob("*.md")),
]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
SAMPLES = Path(__file__).with_name("samples")
PROGRAMS = {
    ".", "awk", "base64", "cat", "chmod", "cp", "curl", "cut", "dd", "diff", "echo", "export",
    "grep", "gunzip", "gzip", "head", "ls", "make", "mkdir", "mv", "printf", "python", "rm", "sed",
    "tail", "tar", "whodid",
}  # fmt: skip
"""What a page may run; any other program would need its own look at what it does to the tester."""

DEMO_EVENTS = 3000  # its scenes are the same in a story of any size


@pytest.mark.parametrize("name", NAMES)
def test_a_page_uses_known_programs_only(console, name):
    for block in console.blocks(ROOT / name):
        for command, _ in console.steps(block):
            for program in programs(command):
                assert program in PROGRAMS, f"{name}: nobody tests {program!r} in $ {command}"


def test_the_readme_is_short_and_its_picture_small():
    assert len(PAGES[0].read_text("utf-8").splitlines()) <= 150
    picture = ROOT / "docs/images/search.png"
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size <= 250_000


def test_there_is_a_console_block_in_each_page_that_needs_one(console):
    for page in PAGES:
        assert console.blocks(page), f"{page.name} shows nothing"


def programs(command):
    """The programs of a command, also those in pipes and in $( ); not of its here-document."""
    command = command.split("<<")[0].replace("\n", " ")
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = "#"
    found, begins = [], True
    inner = re.findall(r"\$\(([^)]*)\)", command)
    for word in words:
        if set(word) <= set("|&;()"):
            begins = True
        elif begins and not re.match(r"\w+=", word):
            found.append(word)
            begins = False
    return [*found, *(program for text in inner for program in programs(text))]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_command_prints_what_the_page_says(console, shell, name):
    for sample in sorted(SAMPLES.iterdir()):
        shutil.copy(sample, shell.folder)
    session = Session(console, shell)
    for file, text in console.files(ROOT / name).items():
        (shell.folder / file).write_text(session.real(text))
    for block in console.blocks(ROOT / name):
        for command, said in console.steps(block):
            session.step(command, said)


class Session:
    """One page, from its first command to its last, in one shell."""

    def __init__(self, console, shell):
        self.console = console
        self.shell = shell
        self.port = console.free_port()
        self.ports = {console.PORT: self.port, console.RECEIVER_PORT: console.free_port()}
        self.ids: dict[str, str] = {}

    def step(self, command, said):
        if command.startswith("make "):
            status, printed = self.make(command.split("#")[0].strip())
        elif command.split("#")[0].rstrip().endswith("&"):
            status, printed = 0, self.serve(command.split("#")[0].rstrip().removesuffix("&"))
        else:
            status, printed = self.shell.run(self.real(command))
        for _ in range(5 if command.startswith("cp -r ") else 0):
            # An event came in while the files were copied one after the other: what a live ledger
            # does once in a while, and why `whodid backup` is there.
            if status:
                self.shell.run("rm -rf copy")
                status, printed = self.shell.run(self.real(command))
        if printed is None:
            return
        self.console.Expectation(said, self.ids).check(command, self.as_in_page(printed))
        told = "✗" in said or re.search(r"^whodid: ", said, re.MULTILINE)
        assert status == 0 or told, f"$ {command} ended with {status}, and the page is silent"

    def real(self, command):
        for there, here in self.ids.items():
            command = command.replace(there, here)
        # In one go: a free port may have the digits of another one of the pages.
        return re.sub("|".join(self.ports), lambda found: self.ports[found[0]], command)

    def as_in_page(self, printed):
        for there, here in self.ports.items():
            printed = printed.replace(here, there)
        return printed

    def make(self, command):
        """`make demo` as its recipe does it, smaller; the others are looked at only."""
        recipe = subprocess.run(
            [*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        if command == "make demo":
            assert recipe.splitlines()[-1].endswith("/whodid demo")
            return 0, self.serve(f"whodid demo --events {DEMO_EVENTS}", "Ctrl-C ends it.")
        assert command == "make test", f"nobody tests $ {command}"
        assert "-m pytest" in recipe
        return 0, None

    def serve(self, command, until="serves "):
        self.shell.run(f"export PORT={self.port}; {self.real(command)} >server.log 2>&1 &")
        self.console.wait_until_healthy(self.port)
        log = self.shell.folder / "server.log"
        deadline = time.monotonic() + 120
        while until not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        return log.read_text()


@pytest.mark.slow
def test_make_demo_for_real(console, tmp_path):
    """From the files of the repository, with the packages that are here: link, page, clean end."""
    tree = _copy_of_the_tree(tmp_path)
    port = console.free_port()
    environment = {
        **os.environ, "PORT": port, "WHODID_KEYS": str(tmp_path / "keys"),
        "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as output:
        make = subprocess.Popen(
            ["make", "demo"], cwd=tree, env=environment, stdout=output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 600
        while "Ctrl-C ends it." not in log.read_text():
            assert make.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        console.wait_until_healthy(port)
        link = re.search(rf"http://127\.0\.0\.1:{port}/login/\S+", log.read_text())
        assert link
        assert len(re.findall(r"whodid search --dir demo/ledger ", log.read_text())) == 5
        _log_in(link[0])
    finally:
        os.killpg(make.pid, signal.SIGINT)  # what Ctrl-C does
        make.wait(120)
    said = log.read_text()
    assert "Traceback" not in said, said
    assert "Fatal" not in said, said
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60)


def _copy_of_the_tree(folder):
    tree = folder / "whodid"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    venv = tree / ".venv"  # newer than the locks, so that nothing is installed into the real one
    venv.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (venv / part).symlink_to(ROOT / ".venv" / part)
    (venv / ".run-ready").touch()
    return tree


def _log_in(link):
    with httpx.Client(timeout=60) as browser:
        page = browser.get(link)
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token, page.text
        entered = browser.post(link, data={"csrf": token[1]})
        assert entered.status_code == 303, entered.text
        found = browser.get(httpx.URL(link).join("/"), params={"q": "actor:renewal-scout"})
        assert found.status_code == 200
        assert "renewal-scout" in html.unescape(found.text)
        again = browser.post(link, data={"csrf": token[1]})
        assert again.status_code in {401, 403}, "a one-time link worked twice"
