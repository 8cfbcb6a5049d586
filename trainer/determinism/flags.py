"""How torch computes on a GPU: set before the first call to CUDA, and nothing of it on the CPU.

By default convolutions choose their algorithm by a race, and sums are added by atomic operations in any order: the same
update gives other bits each time (https://docs.pytorch.org/docs/stable/notes/randomness.html).
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from trainer.algorithms.gpu import usable_device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from job.model import Job

WORKSPACE_VARIABLE = "CUBLAS_WORKSPACE_CONFIG"
WORKSPACE = ":4096:8"
"""What cuBLAS needs to add in one order; with another value of the user's it may, and torch says where it does not."""
VARIABLES = {WORKSPACE_VARIABLE: WORKSPACE, "TORCHINDUCTOR_DETERMINISTIC": "1"}
"""Read by cuBLAS at its first call, and by torch's compiler where a policy of the user's loads it."""

NO_DETERMINISM = "the job says deterministic: false, so that the GPU adds in any order"
_WITHOUT = re.compile(r"(\S+) does not have a deterministic implementation")
_CUBLAS = "not deterministic because it uses CuBLAS"


@dataclass(frozen=True)
class Flags:
    """Those of torch's settings that decide whether a GPU computes the same twice, and in which precision.

    Args:
        deterministic: whether every operation takes its deterministic form.
        warns: whether one that has none is told of, instead of raising.
        cudnn_deterministic: whether cuDNN's algorithms are those that repeat.
        benchmark: whether cuDNN chooses them by a race.
        matmul_tf32, cudnn_tf32: whether products are rounded to 10 bits on the way.
    """

    deterministic: bool
    warns: bool
    cudnn_deterministic: bool
    benchmark: bool
    matmul_tf32: bool
    cudnn_tf32: bool

    @classmethod
    def now(cls) -> Flags:
        """As they stand."""
        return cls(
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
        )

    def set(self) -> None:
        """Have torch compute so."""
        # `use_deterministic_algorithms` says the same, and loads torch's compiler for it: seconds.
        torch.set_deterministic_debug_mode("default" if not self.deterministic else "warn" if self.warns else "error")
        torch.backends.cudnn.deterministic = self.cudnn_deterministic
        torch.backends.cudnn.benchmark = self.benchmark
        torch.backends.cuda.matmul.allow_tf32 = self.matmul_tf32
        torch.backends.cudnn.allow_tf32 = self.cudnn_tf32


def wanted(deterministic: str | bool) -> Flags | None:
    """The flags that a job asks for by its `deterministic`; None where it leaves torch as it is."""
    if deterministic is False:
        return None
    return Flags(
        deterministic=True,
        warns=deterministic == "auto",
        cudnn_deterministic=True,
        benchmark=False,
        matmul_tf32=False,
        cudnn_tf32=False,
    )


@contextlib.contextmanager
def computing(job: Job, found: Callable[[str], None]) -> Iterator[str]:
    """The device that a job trains on, set up before its first operation; on the CPU nothing is set.

    Args:
        job: what is trained.
        found: is told why what is computed there may not repeat, a sentence at a time, while this lasts.

    Raises:
        SessionError: `cuda` was wanted and nothing can be computed there.
    """
    flags = wanted(job.deterministic)
    if job.device == "cpu" or flags is None:
        device = usable_device(job.device)
        if device != "cpu":
            found(NO_DETERMINISM)
        yield device
        return
    before, added = Flags.now(), {name: value for name, value in VARIABLES.items() if name not in os.environ}
    os.environ.update(added)
    flags.set()
    try:
        device = usable_device(job.device)
        if device == "cpu":
            _put_back(before, added)
            yield device
        else:
            with told_of_operations(lambda name: found(f"{name} has no deterministic form on the GPU")):
                yield device
    finally:
        _put_back(before, added)


def _put_back(flags: Flags, added: Iterable[str]) -> None:
    if Flags.now() != flags:
        flags.set()
    for name in added:
        os.environ.pop(name, None)


@contextlib.contextmanager
def told_of_operations(found: Callable[[str], None]) -> Iterator[None]:
    """Have `found` told the name of each operation that torch warns of while this lasts; other warnings are shown."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=f".*({_WITHOUT.pattern}|{_CUBLAS})", category=UserWarning)
        show = warnings.showwarning

        def listen(message: Warning | str, *rest: Any, **named: Any) -> None:
            name = operation_without(str(message))
            if name is None:
                show(message, *rest, **named)
            else:
                found(name)

        warnings.showwarning = listen
        yield


def operation_without(said: str) -> str | None:
    """The operation of which torch says that it has no deterministic form; None where it says something else."""
    if (match := _WITHOUT.search(said)) is not None:
        return match[1]
    return "cuBLAS" if _CUBLAS in said else None
