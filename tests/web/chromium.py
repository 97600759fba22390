"""A real Chromium, driven over its debugging pipe (Chrome DevTools Protocol).

No package is needed for it: only the browser. Everything a page says is kept in `events`.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE_S = 120.0
"""So long a browser may take on a busy machine."""
_NAMED_KEYS = {
    "Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""), "ArrowRight": (39, ""), "ArrowDown": (40, ""), "Backspace": (8, ""),
    "Home": (36, ""), "End": (35, ""),
}  # fmt: skip
"""DOM name of a key → its virtual key code and the text that it writes."""


def find_chromium() -> str | None:
    """The path of a browser, None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page. `events` are (method, params) of all that it reported."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[tuple[str, dict]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **params) -> dict:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._message(_PATIENCE_S)
            if reply.get("id") == self._number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]

    def _message(self, wait_s: float) -> dict:
        end = time.monotonic() + wait_s
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self._read, 1 << 16)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._buffer += piece
        data, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(data)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message

    def _loaded(self) -> None:
        while not any(name == "Page.loadEventFired" for name, _ in self.events[self._mark :]):
            self._message(_PATIENCE_S)

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded, and not another one before it."""
        mark = len(self.events)
        loader = self.call("Page.navigate", url=url).get("loaderId")
        while loader is not None and not any(
            name == "Page.lifecycleEvent"
            and params["loaderId"] == loader
            and params["name"] == "load"
            for name, params in self.events[mark:]
        ):
            self._message(_PATIENCE_S)

    def js(self, expression: str):
        """Evaluate an expression and return its value."""
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def awaited(self, expression: str):
        """Evaluate an expression that is a promise and return what it comes to."""
        got = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def press(self, selector: str) -> None:
        """Click on an element that leads to another page, and wait for that."""
        self._mark = len(self.events)
        self.js(f"document.querySelector({selector!r}).click()")
        self._loaded()

    def enter(self, link: str) -> None:
        """Log in by a link."""
        self.open(link)
        self.press("main button")
        assert self.js("location.pathname") == "/"

    def until(self, expression: str, wait_s: float = _PATIENCE_S) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + wait_s
        while not self.js(f"Boolean({expression})"):
            assert time.monotonic() < end, f"not in {wait_s} s: {expression}"
            time.sleep(0.03)

    def type(self, selector: str, text: str) -> None:
        """Type into an input."""
        self.js(f"document.querySelector({selector!r}).focus()")
        self.call("Input.insertText", text=text)

    def key(self, key: str, *, shift: bool = False) -> None:
        """Press one key, by its DOM name."""
        named = _NAMED_KEYS.get(key)
        more = {"windowsVirtualKeyCode": named[0], "code": key} if named else {}
        text = named[1] if named else key
        if text:
            more["text"] = text
        flags = 8 if shift else 0
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, modifiers=flags, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=flags)

    def lead(self, *keys: str) -> None:
        """Press keys that lead to another page, and wait until that is loaded."""
        self._mark = len(self.events)
        for key in keys:
            self.key(key)
        self._loaded()

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Set the window and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file: Path) -> None:
        """Write a PNG of the window."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def settle(self) -> None:
        """Take in what the page still has to say."""
        self.js("new Promise(done => setTimeout(done, 50))")
        with contextlib.suppress(TimeoutError):
            while True:
                self._message(0.2)

    def complaints(self) -> list[str]:
        """What a sound page never causes: violations, console messages, errors, dialogs."""
        bad = {
            "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded",
            "Audits.issueAdded", "Page.javascriptDialogOpening",
        }  # fmt: skip
        found = [
            f"{name} {json.dumps(params)[:600]}" for name, params in self.events if name in bad
        ]
        # a page that a program opened, not a person, is noted so that "back" skips it
        return [text for text in found if "NavigationEntryMarkedSkippable" not in text]

    def requested(self) -> list[str]:
        """The addresses that were asked for."""
        return [
            params["request"]["url"]
            for name, params in self.events
            if name == "Network.requestWillBeSent"
        ]


@contextlib.contextmanager
def chromium(path: str):
    """Start a browser with an empty profile, yield its one tab, end it."""
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()

    def pipes() -> None:
        # The protocol reads from 3 and writes to 4; what stands there is moved out of the way.
        low, high = os.dup(to_browser), os.dup(from_browser)
        os.dup2(low, 3)
        os.dup2(high, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=pipes,  # noqa: PLW1509 - before any thread of ours
            close_fds=False, pass_fds=(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Tab(write, read)
        finally:
            os.close(write)
            process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(read)
