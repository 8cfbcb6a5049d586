"""The other side of `preloaded`: a process that goes on as a fork of one that has imported torch already."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys

assert sys.platform == "linux"


def hand_over(path: str) -> None:
    """Send what this process is to the server at `path`, and end as its fork does; return where it will not have it."""
    limits = [resource.getrlimit(each) for each in range(resource.RLIMIT_CPU, resource.RLIMIT_RTTIME + 1)]
    mask = os.umask(0o22)
    os.umask(mask)
    start = {
        "arguments": sys.orig_argv,
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib would take longer to import
        "variables": dict(os.environ),
        "mask": mask,
        "limits": limits,
    }
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
            socket.send_fds(connection, [json.dumps(start).encode() + b"\n"], [0, 1, 2])
            answers = connection.makefile("r")
            forked = answers.readline()
        except OSError:
            return
        if not forked:
            return
        # From here on there are two, and only one may go on.
        code = int(answers.readline() or -signal.SIGKILL)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
