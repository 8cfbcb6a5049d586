"""The tests that need a GPU, and what is measured there: `python tests/gpu/run.py`, under eight minutes on one GPU.

It needs torch, stable-baselines3, sb3-contrib, gymnasium and pydantic, and nothing else of this project's environment.
Where there is no CUDA it says so and ends well. `--device cpu` runs what needs no GPU of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AT_A_TIME = 4
"""Sessions side by side, each of which is mostly its start."""
ONLY_ON_A_GPU = ("CPU to GPU and back", "out of GPU memory")


def find_own_modules() -> None:
    """Let this checkout's packages be found, and no other package that is called `tests`."""
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
    package = types.ModuleType("tests")
    package.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = package


def main(arguments: list[str] | None = None) -> int:
    """Run the checks, then measure; return the exit code."""
    parser = argparse.ArgumentParser(description="Run what needs a GPU, and measure it beside the CPU.")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", default="", help="the checks whose names contain this")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure; 0 for none")
    options = parser.parse_args(arguments)
    import torch  # noqa: PLC0415 - a usage error must not wait for it

    if options.device == "cuda" and not torch.cuda.is_available():
        _say(f"skipped: torch {torch.__version__} finds no GPU here")
        return 0
    from tests.gpu.checks import CHECKS  # noqa: PLC0415 - its path is set before

    chosen = {name: check for name, check in CHECKS.items() if options.only in name}
    if options.device == "cpu":
        chosen = {name: check for name, check in chosen.items() if name not in ONLY_ON_A_GPU}
    else:
        _say(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, Python {sys.version.split()[0]}")
    began = time.monotonic()

    def attempt(name: str, folder: Path) -> bool:
        started = time.monotonic()
        try:
            said, is_well = chosen[name](folder, options.device), True
        except Exception as error:  # noqa: BLE001 - the other checks are worth their answers
            said, is_well = str(error) or "".join(traceback.format_exception(error)), False
        _say(f"{'ok    ' if is_well else 'FAILED'} {name} ({time.monotonic() - started:.0f} s): {said}")
        return is_well

    with (
        tempfile.TemporaryDirectory(prefix="relay-gpu-", ignore_cleanup_errors=True) as name,
        ThreadPoolExecutor(AT_A_TIME) as pool,
    ):
        # In this process first: nothing else is at the GPU then, and torch's settings are the process's.
        results = [attempt(each, Path(name) / each) for each in chosen if each == "the self-test"]
        sessions = [each for each in chosen if each != "the self-test"]
        results += pool.map(lambda each: attempt(each, Path(name) / each.replace(" ", "-")), sessions)
    if options.seconds > 0:
        from tests.gpu.figures import figures, table  # noqa: PLC0415 - likewise

        _say(table(list(figures(options.device, options.seconds))))
    _say(f"{sum(results)} of {len(results)} checks passed in {time.monotonic() - began:.0f} s")
    return 0 if all(results) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    find_own_modules()
    sys.exit(main())
