"""Headless Chromium, steered through its debugging pipe: what a person would see, measured."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Self

import psutil
import pytest

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    "--remote-debugging-pipe",
)
_NO_PIPE = "the debugging pipe is two inherited file descriptors, which Windows does not have"


def executable() -> str:
    """The browser of this machine; without one the test is skipped."""
    if sys.platform == "win32":
        pytest.skip(_NO_PIPE)
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser here to look with: install the package `{_NAMES[0]}`")


def _spawn(command: list[str], to_browser: int, from_browser: int) -> int:
    """Start the browser between two pipes, whose other ends are closed here; return its process's number."""
    if sys.platform == "win32":
        pytest.skip(_NO_PIPE)
    import fcntl  # noqa: PLC0415 - Windows has no such module

    # The browser reads descriptor 3 and writes descriptor 4; copies above both never stand in the way of one.
    spare = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in (to_browser, from_browser)]
    quiet = [(os.POSIX_SPAWN_OPEN, each, os.devnull, os.O_WRONLY, 0) for each in (1, 2)]
    moved = [(os.POSIX_SPAWN_DUP2, each, target) for target, each in enumerate(spare, start=3)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=[*quiet, *moved])
    for each in (to_browser, from_browser, *spare):
        os.close(each)
    return process


class Browser:
    """A browser with one page.

    Args:
        profile: a new folder for everything that it keeps.
    """

    def __init__(self, profile: Path) -> None:
        command = [executable(), *_FLAGS, f"--user-data-dir={profile}"]
        to_browser, self._commands = os.pipe()
        self._answers, from_browser = os.pipe()
        self._process = _spawn(command, to_browser, from_browser)
        self._buffer = b""
        self._number = 0
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")
        self._ask("Performance.enable", timeDomain="threadTicks")

    _session: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        psutil.Process(self._process).kill()
        os.waitpid(self._process, 0)
        os.close(self._commands)
        os.close(self._answers)

    def resize(self, width: int, height: int) -> None:
        """Give the window a size in pixels."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """Choose `light` or `dark`, as a user does in the system's settings."""
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def visit(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self._ask("Page.navigate", url=url)
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Wait until a page has been loaded, as after a refresh."""
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> Any:
        """The JSON value of an expression of JavaScript in the page; of a promise what it promises."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def seconds_of_page(self) -> float:
        """CPU seconds that the page's own thread has taken so far, the pages before it included."""
        metrics = {each["name"]: each["value"] for each in self._ask("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"])

    def screenshot(self, target: Path) -> None:
        """Save the whole page as PNG."""
        answer = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        target.write_bytes(base64.b64decode(answer["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer["error"]
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._answers, 1 << 16)
            assert piece, "the browser has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        value: dict[str, Any] = json.loads(message)
        return value
