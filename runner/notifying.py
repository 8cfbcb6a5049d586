"""Tells an address that a goal is met or that a job needs a person: once, beside all else, and whatever comes of it."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from typing import TYPE_CHECKING, NamedTuple

from contract.events import say
from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.layout import RunsFolder

VARIABLE = "RELAY_NOTIFY_URL"
"""Holds the address for jobs that name none."""
GOAL_MET, PERSON_NEEDED = "goal met", "a person is needed"
TIMEOUT_SECONDS = 5.0
PATIENCE_SECONDS = 20.0
"""For all attempts together: a command never lasts longer for it."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 4.0
_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_FAILED = "failed "
_PASSES = (408, 425, 429)


class Notice(NamedTuple):
    """What is told.

    Args:
        job: which one.
        event: `goal met` or `a person is needed`.
        message: what happened, in a sentence.
        session: the newest session's number, empty before the first.
        timesteps: how far the job has come.
        goal: how far it is to come.
    """

    job: str
    event: str
    message: str
    session: str
    timesteps: int
    goal: int

    def as_json(self) -> dict[str, str | int]:
        """The body: what it says, and a sentence under the names by which chat services take one."""
        sentence = f"{self.job}: {self.event}: {self.message}"
        return {**self._asdict(), "text": sentence, "content": sentence}


def address(stated: str | None, environment: Mapping[str, str]) -> str | None:
    """Where to, as a job and the environment state it; None where nobody is to be told.

    Args:
        stated: by the job: an address, or the name of a variable that holds it.
        environment: the variables.
    """
    if stated is None:
        return environment.get(VARIABLE) or None
    match = _NAME.fullmatch(stated)
    return (environment.get(match[1]) or None) if match else stated


class Notifier:
    """Tells what it was not told before, in threads of its own.

    Args:
        runs: where it remembers what was told.
        patience: seconds for all attempts at one notice.
    """

    def __init__(self, runs: RunsFolder, patience: float = PATIENCE_SECONDS) -> None:
        self._memory = runs.cache("notified")
        self._patience = patience
        self._threads: list[threading.Thread] = []
        self._told: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self.is_complete = True
        """Whether everything has been told."""

    def tell(self, notice: Notice, stated: str | None) -> None:
        """Begin to tell, unless nobody is to be told or it was told before."""
        target = address(stated, os.environ)
        remembered = self._remembered().get(notice.job) if target is not None else None
        if target is None or remembered == _digest(notice):
            return
        # What failed a command ago is tried once: nobody waits for long, again and again.
        patience = 0.0 if remembered == f"{_FAILED}{_digest(notice)}" else self._patience
        thread = threading.Thread(target=self._send, args=(notice, target, patience), daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """Wait until everything is told, or was tried for long enough; say what was not told."""
        for thread in self._threads:
            thread.join(self._patience + TIMEOUT_SECONDS)
        self.is_complete = all(not thread.is_alive() for thread in self._threads) and not self._failed
        for job, reason in self._failed.items():
            if self._threads:  # it is said once
                say(f"{job}: nobody could be notified ({reason}); the next command tries again")
        if self._threads:
            with contextlib.suppress(OSError):
                files.write_json(self._memory, self._remembered() | self._told)
        self._threads.clear()

    def _send(self, notice: Notice, target: str, patience: float) -> None:
        reason = post(target, notice.as_json(), patience)
        self._told[notice.job] = _digest(notice) if reason is None else f"{_FAILED}{_digest(notice)}"
        if reason is not None:
            self._failed[notice.job] = reason

    def _remembered(self) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return dict(files.read_json(self._memory))
        return {}


def post(target: str, body: Mapping[str, str | int], patience: float) -> str | None:
    """Send `body` as JSON, again after ever longer pauses; why that failed, in words that do not hold the address."""
    import httpx  # noqa: PLC0415 - few commands have anything to tell
    import tenacity  # noqa: PLC0415 - likewise

    def attempt() -> str | None:
        try:
            answer = httpx.post(target, json=body, timeout=min(TIMEOUT_SECONDS, patience or TIMEOUT_SECONDS))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            return "its address cannot be used"
        except httpx.HTTPError as error:
            raise _PassingError(f"no answer: {type(error).__name__}") from None
        if answer.is_server_error or answer.status_code in _PASSES:
            raise _PassingError(f"answer {answer.status_code}")
        return None if answer.is_success else f"answer {answer.status_code}"

    rule = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_PassingError),
        wait=tenacity.wait_random_exponential(min(FIRST_PAUSE_SECONDS, patience / 8), LONGEST_PAUSE_SECONDS),
        stop=tenacity.stop_before_delay(patience),
        reraise=True,
    )
    try:
        return rule(attempt)
    except _PassingError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, no run ends for it
        return type(error).__name__


class _PassingError(Exception):
    """What another attempt may not meet."""


def _digest(notice: Notice) -> str:
    return files.sha256_of_value(list(notice))
