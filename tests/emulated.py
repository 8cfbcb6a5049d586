"""Kaggle, emulated, for tests: a server of their own, and the official client that talks to it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import ssl
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx

from emulator.running import Running, running
from emulator.settings import EmulatorSettings
from emulator.store.values import KernelState
from tests.emulator import client_commands

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest


USER, KEY = "alice", "key-of-alice"
OTHER_USER, OTHER_KEY = "bob", "key-of-bob"
PATIENCE_SECONDS = 120.0
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Whose certificates a client takes: none is shown, and to read whom the world trusts takes long."""
NO_CREDENTIALS = ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_KERNEL_RUN_TYPE")


def from_a_wednesday() -> Callable[[], float]:
    """A clock that runs as this machine's does from a Wednesday's noon: no week of quota ends during a test."""
    noon, start = datetime(2026, 1, 7, 12, tzinfo=UTC).timestamp(), time.monotonic()
    return lambda: noon + time.monotonic() - start


def settings(data: Path, **changes: Any) -> EmulatorSettings:
    """An emulator's settings with two users, whose datasets and outputs are there at once unless `changes` say else."""
    fields: dict[str, Any] = {"users": {USER: KEY, OTHER_USER: OTHER_KEY}, "dataset_delay_seconds": 0.0}
    return EmulatorSettings(data=data, **{**fields, "listing_delay_seconds": 0.0, **changes})


@dataclass
class EmulatedKaggle:
    """An emulator that runs, and folders for a client.

    Args:
        running: the emulator.
        home: the client's home folder.
    """

    running: Running
    home: Path
    _made: int = field(default=0, init=False)

    @functools.cached_property
    def plain(self) -> httpx.Client:
        """A client that is not the official one, and takes no proxy."""
        return httpx.Client(base_url=self.url, trust_env=False, verify=NOBODY)

    @property
    def url(self) -> str:
        """Where it is."""
        return self.running.url

    def environment(self, user: str = USER) -> dict[str, str]:
        """A whole environment for a client process of `user`."""
        inherited = {name: value for name, value in os.environ.items() if name not in NO_CREDENTIALS}
        home = {"HOME": str(self.home), "USERPROFILE": str(self.home), "KAGGLE_CONFIG_DIR": str(self.home / ".kaggle")}
        return {**inherited, **self.running.environment(user), **home}

    def reached_by_commands(
        self, monkeypatch: pytest.MonkeyPatch, *, poll: float | None = None, patience: float | None = None
    ) -> None:
        """Let this process and those that it starts reach it, as its user.

        Args:
            monkeypatch: the test's.
            poll: seconds between two questions after a session.
            patience: seconds for which what should be there is waited for.
        """
        waits = {"RELAY_KAGGLE_POLL_SECONDS": poll, "RELAY_KAGGLE_PATIENCE_SECONDS": patience}
        stated = {name: str(seconds) for name, seconds in waits.items() if seconds is not None}
        for name, value in {**self.environment(), **stated}.items():
            monkeypatch.setenv(name, value)

    def cli(self, *arguments: str | Path, user: str = USER, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the official command line."""
        return client_commands.run(list(map(str, arguments)), {**self.environment(user), **changes}, self.home)

    @contextlib.contextmanager
    def client(self, user: str = USER) -> Iterator[Any]:
        """The official class `KaggleApi`, authenticated as `user` in this process.

        The client reads `KAGGLE_API_ENVIRONMENT` when it is imported: for one that was, `args` says the same.
        """
        with mock.patch.dict(os.environ, self.environment(user), clear=True):
            from kaggle.api.kaggle_api_extended import KaggleApi  # noqa: PLC0415 - it authenticates on import

            with mock.patch.object(KaggleApi, "args", ["--local"]):
                api = KaggleApi()
                api.authenticate()
                yield api

    def folder(self) -> Path:
        """A new folder."""
        self._made += 1
        folder = self.home / f"folder {self._made}"
        folder.mkdir(parents=True)
        return folder

    def kernel(self, script: str = "print('hello')", slug: str = "a-kernel", user: str = USER, **fields: Any) -> Path:
        """A folder with a kernel to push: CPU only, without internet, unless `fields` say otherwise."""
        folder = self.folder()
        metadata = {
            "id": f"{user}/{slug}",
            "title": slug,
            "code_file": "main.py",
            "language": "python",
            "kernel_type": "script",
            "is_private": True,
            "enable_gpu": False,
            "enable_internet": False,
        }
        (folder / "main.py").write_text(script, encoding="utf-8")
        (folder / "kernel-metadata.json").write_text(json.dumps({**metadata, **fields}), encoding="utf-8")
        return folder

    def dataset(self, files: dict[str, bytes], slug: str = "some-data", user: str = USER, **fields: Any) -> Path:
        """A folder with a dataset to create."""
        folder = self.folder()
        metadata = {"id": f"{user}/{slug}", "title": slug, "licenses": [{"name": "CC0-1.0"}]}
        (folder / "dataset-metadata.json").write_text(json.dumps({**metadata, **fields}), encoding="utf-8")
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def let_time_pass(self, seconds: float) -> None:
        """Put its clock forward."""
        clock = self.running.emulator.clock
        self.running.emulator.clock = replace(clock, origin=clock.origin + seconds)
        self.running.emulator.on_change()

    def wait(self, slug: str, number: int | None = None, user: str = USER) -> KernelState:
        """Wait until a kernel's version has ended, and say how."""
        return self.wait_for(slug, lambda state: not state.is_active, number, user)

    def wait_for(
        self,
        slug: str,
        is_reached: Callable[[KernelState], bool],
        number: int | None = None,
        user: str = USER,
    ) -> KernelState:
        """Wait until the state of a kernel's version is one that was waited for."""
        kernels = self.running.emulator.kernels
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            kernel = kernels.find(user, slug)
            version = kernels.find_version(kernel.id, number) if kernel is not None else None
            if version is not None and is_reached(version.state):
                return version.state
            assert time.monotonic() < deadline, f"{slug} is still {version.state if version else 'not there'}"
            time.sleep(0.01)

    def wait_for_log(self, slug: str, text: str, user: str = USER) -> None:
        """Wait until a kernel's latest session has printed `text`."""
        kernels = self.running.emulator.kernels
        self.wait_for(slug, lambda state: state is not KernelState.QUEUED, user=user)
        kernel = kernels.find(user, slug)
        version = kernels.find_version(kernel.id) if kernel is not None else None
        assert version is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in "".join(entry.data for entry in kernels.log(version.id)):
            assert time.monotonic() < deadline, f"{slug} never printed {text}"
            time.sleep(0.01)


@contextlib.contextmanager
def emulated(folder: Path, *, source: Callable[[], float] = time.time, **changes: Any) -> Iterator[EmulatedKaggle]:
    """An emulator with its data in `folder`; nothing that it started outlives the block."""
    with running(settings(folder / "data", **changes), source) as server:
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        kaggle = EmulatedKaggle(server, home)
        try:
            yield kaggle
        finally:
            if "plain" in kaggle.__dict__:
                kaggle.plain.close()
            for kernel in server.emulator.kernels.all():
                server.emulator.kernels.delete(kernel.id)
            server.emulator.on_change()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while server.emulator.kernels.sandboxes() and time.monotonic() < deadline:
                time.sleep(0.01)
