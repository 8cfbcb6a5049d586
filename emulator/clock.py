"""Emulated time: it runs faster than the machine's, and goes on while the emulator is down."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Clock:
    """Seconds since 1970 that pass `scale` times as fast as those of `source`.

    Args:
        real_origin: the real time at which emulated time was `origin`.
        origin: that emulated time.
        scale: emulated seconds in a real second.
        source: the real time, which must go on over restarts.
    """

    real_origin: float
    origin: float
    scale: float = 1.0
    source: Callable[[], float] = time.time

    def now(self) -> float:
        """The emulated time."""
        return self.origin + (self.source() - self.real_origin) * self.scale

    def real_seconds(self, seconds: float) -> float:
        """How many real seconds `seconds` emulated ones take."""
        return seconds / self.scale

    def at_scale(self, scale: float) -> Clock:
        """This clock from now on at another scale, without a leap."""
        return Clock(self.source(), self.now(), scale, self.source)
