"""How often Kaggle is asked, and how long it is waited for: three variables of the environment."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

POLL_VARIABLE = "RELAY_KAGGLE_POLL_SECONDS"
PATIENCE_VARIABLE = "RELAY_KAGGLE_PATIENCE_SECONDS"
TIMEOUT_VARIABLE = "RELAY_KAGGLE_TIMEOUT_SECONDS"
SETTLING_SECONDS = 120.0
STORE_BYTES = 8 << 20


@dataclass(frozen=True)
class KaggleSettings:
    """Times in seconds, and a size.

    Args:
        poll: between two looks at a session or a dataset.
        patience: for which a request is repeated that gets no answer.
        timeout: after which a request has got none.
        queue_patience: for which a session waits in the queue until it is said what helps.
        store_bytes: of new segments of a replay buffer, from which on they get a dataset that later sessions mount too;
            fewer are sent with each session that needs them.
    """

    poll: float = 10.0
    patience: float = 300.0
    timeout: float = 60.0
    queue_patience: float = 1200.0
    store_bytes: int = STORE_BYTES

    @property
    def settling(self) -> float:
        """From the first look at what a session left that did not end well, until its absence is believed."""
        return min(self.patience, SETTLING_SECONDS)

    @property
    def first_pause(self) -> float:
        """Before a request is repeated the first time."""
        return min(1.0, self.poll)


def settings_from(environment: Mapping[str, str] | None = None) -> KaggleSettings:
    """The settings that the environment states.

    Raises:
        InputError: one is not a number of seconds.
    """
    given = os.environ if environment is None else environment
    return KaggleSettings(
        poll=_seconds(given, POLL_VARIABLE, KaggleSettings.poll),
        patience=_seconds(given, PATIENCE_VARIABLE, KaggleSettings.patience),
        timeout=_seconds(given, TIMEOUT_VARIABLE, KaggleSettings.timeout),
    )


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"variable {name}", f"is {text!r}", "set it to a number of seconds above 0")
    return seconds
