"""What `doit doctor` asks of Kaggle: credentials, reachability, quota, versions, clock. It spends nothing."""

from __future__ import annotations

import contextlib
import email.utils
import time
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

from contract.errors import BackendError, CredentialsError, RelayError
from contract.storage.files import human_bytes
from runner.backends.base import Check, failed
from runner.backends.kaggle.api.connection import Connection
from runner.backends.kaggle.api.credentials import find_credentials
from runner.backends.kaggle.api.quota import ask_quota
from runner.backends.kaggle.kernels.metadata import LACKING
from runner.backends.kaggle.mounted import refuse_absent
from runner.wheels import make_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runner.backends.kaggle.api.settings import KaggleSettings
    from runner.backends.kaggle.calibration.facts import Facts

PATIENCE_SECONDS = 10.0
"""Whoever asks a doctor waits for the answer."""
CLOCK_TOLERANCE_SECONDS = 300.0
NOT_PROVED = (
    "whether this account may upload and push, is given a GPU (its phone number must be verified), and what Kaggle "
    "keeps of a session that it stops: `doit calibrate backend=kaggle` finds out, without a GPU"
)
_VERSION_HEADER = "x-kaggle-apiversion"


def checks(settings: KaggleSettings, facts: Facts | None = None) -> Iterator[Check]:
    """One finding after the other; what depends on a failed one is left out."""
    yield _shipped()
    try:
        credentials = find_credentials()
    except CredentialsError as error:
        yield failed("credentials", error)
        return
    yield Check("credentials", "; ".join((f"found in {credentials.source}", *credentials.remarks)))
    hasty = replace(settings, patience=min(settings.patience, PATIENCE_SECONDS))
    with contextlib.closing(Connection(credentials, hasty)) as connection:
        yield from _checks_of_answers(connection)
    if facts is None or facts.finished is None:
        yield Check("not looked at", NOT_PROVED)
    else:
        yield Check("calibrated", f"on {facts.finished}, with Python {facts.python} there")


def _checks_of_answers(connection: Connection) -> Iterator[Check]:
    """What can be known only where Kaggle answers."""
    try:
        connection.owner  # noqa: B018 - asks whose token it is
        quota = ask_quota(connection)
    except BackendError as error:
        yield failed("Kaggle", error)
        return
    yield Check("Kaggle", "answers, and accepts the credentials")
    if quota is None:
        yield Check("GPU quota", "Kaggle does not say how much is left")
    else:
        advice = "; set `kaggle: {accelerator: none}` for sessions without a GPU" if quota.is_used_up else ""
        yield Check("GPU quota", f"{quota}{advice}", is_well=not quota.is_used_up, remedy=advice.lstrip("; "))
    headers = {name.lower(): value for name, value in connection.headers.items()}
    yield client_version(metadata.version("kaggle"), headers)
    yield clock(headers, time.time())


def datasets_there(connection: Connection, datasets: Iterable[str]) -> Iterator[Check]:
    """Whether each of the datasets that a job mounts can be read by this account."""
    for name in datasets:
        try:
            refuse_absent(connection, [name])
        except BackendError as error:
            yield failed("dataset", error)
        else:
            yield Check("dataset", f"{name} is there")


def _shipped() -> Check:
    """Whether what Kaggle's image lacks can be sent along."""
    try:
        bundles = [make_bundle(name) for name in LACKING]
    except RelayError as error:
        return failed("packages to send", error)
    names = ", ".join(f"{name.partition('.wheel')[0]} ({human_bytes(len(content))})" for name, content in bundles)
    return Check("packages to send", names)


def client_version(ours: str, headers: Mapping[str, str]) -> Check:
    """Whether the official client is as new as the server says that there is one."""
    theirs = headers.get(_VERSION_HEADER)
    if theirs and _numbers(theirs) > _numbers(ours):
        return Check("client", f"kaggle {ours}, while {theirs} is out: update it if anything fails")
    return Check("client", f"kaggle {ours}")


def clock(headers: Mapping[str, str], now: float) -> Check:
    """Whether this machine's clock agrees with Kaggle's: certificates and signed addresses depend on it."""
    try:
        theirs = email.utils.parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return Check("clock", "Kaggle's answer has no time to compare with")
    off = abs(now - theirs)
    if off > CLOCK_TOLERANCE_SECONDS:
        return Check(
            "clock", f"is {off:,.0f} s off: set this machine's clock", is_well=False, remedy="set this machine's clock"
        )
    return Check("clock", "agrees with Kaggle's")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]
