"""What a container runs: the session's script as a child, and nothing of it outlives its limits.

It is process 1 of the container, which gets no signal that it does not handle, and inherits orphans. So it forwards
what asks for an end, reaps whatever ends, and kills what outgrows its limits. It writes nothing, and knows the standard
library only. The contract with whoever starts the container is in docs/docker.md.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

SCRIPT = "/kaggle/src/script.py"
WORKING = "/kaggle/working"
LIMIT_VARIABLE = "RELAY_LIMIT_SECONDS"
SPACE_VARIABLE = "RELAY_WORKING_BYTES"
OUT_OF_TIME = 124
OUT_OF_SPACE = 123
CANNOT_START = 126
LOOK_SECONDS = 1.0
BLOCK_BYTES = 512

if sys.platform != "linux":
    raise ImportError("docker/entry.py runs in containers, which run Linux")

ONE_STREAM = [(os.POSIX_SPAWN_DUP2, 1, 2)]
"""The engine reads two streams side by side, and a long line in pieces: its log would hold them in any order."""
FORWARDED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
HANDLED = FORWARDED | {signal.SIGCHLD}


def main() -> int:
    """Run the script to its end, or to that of its limits.

    Returns:
        Its exit code; 128 and the signal's number where one ended it; else one of the codes above.
    """
    try:
        limit = positive(LIMIT_VARIABLE)
        space = positive(SPACE_VARIABLE)
    except ValueError as error:
        say(str(error))
        return CANNOT_START
    # Before the child starts, so that no signal falls between: each waits here until it is asked for.
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    deadline = None if limit is None else time.monotonic() + limit
    child = os.posix_spawn(
        sys.executable, [sys.executable, SCRIPT], os.environ, setsid=True, setsigmask=[], file_actions=ONE_STREAM
    )
    while True:
        received = signal.sigtimedwait(HANDLED, patience(deadline, watching=space is not None))
        if received is not None and received.si_signo in FORWARDED:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, received.si_signo)
        code = reap(child)
        if code is not None:
            return code
        if limit is not None and deadline is not None and time.monotonic() >= deadline:
            say(f"the time limit of {limit:g} s was over")
            return end(child, OUT_OF_TIME)
        if space is not None and space_taken(WORKING) > space:
            say(f"the files in {WORKING} outgrew {space / 1e9:g} GB")
            return end(child, OUT_OF_SPACE)


def positive(variable: str) -> float | None:
    """Read a limit from the environment; None where there is none.

    Raises:
        ValueError: it is no number above 0.
    """
    text = os.environ.get(variable, "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{variable} is {text!r}: give a number above 0, or none")
    return number


def patience(deadline: float | None, *, watching: bool) -> float:
    """How long to wait for a signal, in seconds, before looking at the limits."""
    longest = LOOK_SECONDS if watching else 3600.0
    return longest if deadline is None else max(0.0, min(longest, deadline - time.monotonic()))


def reap(child: int) -> int | None:
    """Take leave of every process that has ended; the exit code, once `child` is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                number = os.waitstatus_to_exitcode(status)
                code = number if number >= 0 else 128 - number
    return code


def end(child: int, code: int) -> int:
    """Kill all that runs here; as process 1 that is the whole container, else the script's own processes."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpid() == 1:
            os.kill(-1, signal.SIGKILL)
        else:
            os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
    return code


def space_taken(folder: str) -> int:
    """Bytes that the files below `folder` take on the disk; links are not followed."""
    taken = 0
    waiting = [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    taken += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return taken


def say(sentence: str) -> None:
    """Tell the one who reads the log, on a line of its own that a program can find."""
    sys.stderr.write(f"\n@entry {sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
