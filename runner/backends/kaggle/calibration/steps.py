"""The steps of a calibration, each done once: a kill costs the one that was on its way."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from contract.errors import BackendError, BackendUnreachableError
from contract.events import say
from contract.storage import files
from runner.backends.kaggle.api.quota import ask_quota
from runner.backends.kaggle.api.retries import patiently
from runner.backends.kaggle.calibration import script
from runner.backends.kaggle.calibration.facts import TAKEN, Facts, Listing, read_facts, table
from runner.backends.kaggle.dataset import Content, Dataset
from runner.backends.kaggle.files.payload import MOST_FILES
from runner.backends.kaggle.files.sent import Sent
from runner.backends.kaggle.kernels.kernel import Kernel
from runner.backends.kaggle.names import Handle, dataset_slug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from executors.base import Status
    from runner.backends.kaggle.api.connection import Connection

SLUG = "relay-calibration"
LIMIT_SECONDS = 60
LONGEST_SESSION_SECONDS = 1800.0
"""From a push until a session of a minute has ended: some wait in the queue."""
INTENTION = (
    f"makes the private kernel {SLUG} and the private dataset {dataset_slug(SLUG)} on your account, runs four sessions "
    "of about a minute each on a CPU, and deletes both again; it spends no GPU quota, and takes some minutes"
)
ODD_FILES = {"a.bundle": b"PK\x03\x04 no zip", "b.pack": b"1\n2", "c.segment": b"equal", "d.key": b"equal", "e": b""}


@dataclass
class Calibration:
    """A calibration on its way.

    Args:
        connection: to Kaggle.
        root: where the facts are kept.
        facts: what is found by now.
    """

    connection: Connection
    root: Path
    facts: Facts

    def run(self) -> None:
        """Find out what is not known yet, tell it, and leave nothing on Kaggle.

        Raises:
            BackendError: Kaggle gives no answer, or refuses; the same command goes on.
        """
        for done, step in self._steps():
            if done(self.facts) is None:
                step()
                self.facts.write(self.root)
        self._dataset.delete()
        self._kernel.delete()
        self.facts.finished = f"{datetime.now(UTC):%Y-%m-%d}"
        self.facts.write(self.root)

    def _steps(self) -> Iterator[tuple[Callable[[Facts], object], Callable[[], None]]]:
        yield lambda facts: facts.many_files, self._many_files
        yield lambda facts: facts.folder, self._few_files
        yield lambda facts: facts.well, lambda: self._session("well")
        yield lambda facts: facts.failed, lambda: self._session("failed")
        yield lambda facts: facts.stopped, lambda: self._session("stopped")
        yield lambda facts: facts.own_output, self._own_output
        yield lambda facts: facts.quota_renewed, self._quota

    @property
    def _kernel(self) -> Kernel:
        return Kernel(self.connection, SLUG)

    @property
    def _dataset(self) -> Dataset:
        return Dataset(self.connection, dataset_slug(SLUG))

    def _many_files(self) -> None:
        say("calibrate  a dataset with 60 files")
        content = _content({f"{number:02}.bin": b"%d" % number for number in range(MOST_FILES + 10)}, "many")
        try:
            self._dataset.put(content)
        except BackendError as refusal:
            if isinstance(refusal, BackendUnreachableError):
                raise
            self.facts.many_files = "refused"
            return
        listed = self._dataset.wait_until_ready(content.sizes) or {}
        self.facts.many_files = TAKEN if listed.keys() == content.sizes.keys() else "dropped"

    def _few_files(self) -> None:
        say("calibrate  a dataset with odd names, equal files and a folder")
        content = _content({**ODD_FILES, "folder/inside.txt": b"inside"}, "few")
        self._dataset.put(content)
        flat = {name.rpartition("/")[2]: size for name, size in content.sizes.items()}
        listed = self._dataset.wait_until_ready(content.sizes) or {}
        seen = {name.rpartition("/")[2]: size for name, size in listed.items()}
        self.facts.odd_names = all(seen.get(name) == size for name, size in flat.items() if name != "inside.txt")
        self.facts.folder = "folder/inside.txt" in listed

    def _session(self, ends: str) -> None:
        handle, queued = self._pushed(ends, ends, [dataset_slug(SLUG)], [])
        status = self._ended(handle)
        ended = time.monotonic()
        is_kept = self._comes(handle, ended)
        lag = time.monotonic() - ended
        setattr(self.facts, ends, Listing(status.state, status.reason, is_kept, round(lag, 1), round(queued, 1)))
        if ends == "well":
            self.facts.image = self._kernel.image(handle)
            found = self._found_by(handle)
            self.facts.python, self.facts.versions = found.get("python"), found.get("versions")

    def _own_output(self) -> None:
        try:
            handle, _ = self._pushed("itself", "well", [], [SLUG])
        except BackendError as refusal:
            if isinstance(refusal, BackendUnreachableError):
                raise
            self.facts.own_output = False
            return
        self._ended(handle)
        self._comes(handle, time.monotonic())
        self.facts.own_output = self._found_by(handle).get("zips") == 1

    def _quota(self) -> None:
        quota = ask_quota(self.connection)
        self.facts.quota_renewed = str(quota).rpartition(", ")[2] if quota is not None else "Kaggle does not say"

    def _pushed(self, step: str, ends: str, datasets: list[str], kernels: list[str]) -> tuple[Handle, float]:
        """The session of a step, pushed once, and the seconds until it ran."""
        say(f"calibrate  a session: {step}")
        key = files.sha256_of_value([self.facts.run, step])
        metadata = _metadata(datasets, kernels, LIMIT_SECONDS if ends == "stopped" else 10 * LIMIT_SECONDS)
        self._kernel.establish(metadata)
        began = time.monotonic()
        version = self._kernel.find(key) or self._kernel.push(metadata, script.script(key, ends))
        handle = Handle(SLUG, version, key)
        self._wait(handle, lambda status: status.state != "QUEUED")
        return handle, time.monotonic() - began

    def _ended(self, handle: Handle) -> Status:
        return self._wait(handle, lambda status: status.state.is_terminal)

    def _wait(self, handle: Handle, is_so: Callable[[Status], bool]) -> Status:
        deadline = time.monotonic() + LONGEST_SESSION_SECONDS
        while True:
            status = patiently(self.connection.settings, lambda: self._kernel.status(handle))
            if is_so(status):
                return status
            if time.monotonic() > deadline:
                problem = f"still is {status.state} after half an hour"
                raise BackendUnreachableError(f"session {SLUG}/{handle.version}", problem, "run the same command later")
            time.sleep(self.connection.settings.poll)

    def _comes(self, handle: Handle, ended: float) -> bool:
        """Whether what a session wrote is listed before the patience is at an end."""
        while script.PLAIN not in self._kernel.output(handle).urls:
            if time.monotonic() - ended > self.connection.settings.patience:
                return False
            time.sleep(min(1.0, self.connection.settings.poll))
        return True

    def _found_by(self, handle: Handle) -> dict[str, Any]:
        """What a session says that it found."""
        for line in self._kernel.printed(handle).split("\n"):
            if line.startswith(script.MARK):
                found: dict[str, Any] = json.loads(line.removeprefix(script.MARK))
                return found
        return {}


def calibrate(connection: Connection, root: Path) -> None:
    """Do it, or go on with it; one that was finished begins anew.

    Raises:
        BackendError: Kaggle gives no answer, or refuses.
    """
    say(f"calibrate  {INTENTION}")
    facts = read_facts(root)
    if facts is None or facts.finished is not None:
        facts = Facts(run=secrets.token_hex(8))
        facts.write(root)
    Calibration(connection, root, facts).run()
    for line in table(facts):
        say(f"calibrate  {line}")


def _content(contents: dict[str, bytes], key: str) -> Content:
    return Content({name: Sent((each,)) for name, each in contents.items()}, key, f"calibration, {key} files")


def _metadata(datasets: list[str], kernels: list[str], limit: int) -> dict[str, Any]:
    switches = {"is_private": True, "enable_gpu": False, "enable_tpu": False, "enable_internet": False}
    sources = {"dataset_sources": datasets, "kernel_sources": kernels, "competition_sources": [], "model_sources": []}
    words = {"id": SLUG, "title": SLUG, "language": "python", "kernel_type": "script", "keywords": []}
    return {**words, **switches, **sources, "session_timeout_seconds": limit}
