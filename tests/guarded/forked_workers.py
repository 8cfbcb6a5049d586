"""What a server of forks imports last, so that its forks do not all draw the same numbers.

A process of its own begins with generators of its own; `random` sees to that in a fork by itself.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import torch


def _begin_afresh() -> None:
    np.random.seed()  # noqa: NPY002 - what careless environments draw from
    torch.seed()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_afresh)
