"""What makes a process of the tests reach this machine only; Python imports it at its start from PYTHONPATH.

An audit hook, since it sees every connection that Python code makes, whatever library asks for it, and cannot be
taken out again. The standard library only, and none of it before it is needed: every process of the tests pays.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

LOG_VARIABLE = "RELAY_TESTS_NETWORK_LOG"
PRELOADED_VARIABLE = "RELAY_TESTS_PRELOADED"
COMMAND_VARIABLE = "RELAY_TESTS_PRELOADED_COMMAND"
_ADDRESSES = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_NAMES = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class ForeignHostError(RuntimeError):
    """A test or what it started tried to reach another machine; no OSError, which would be taken for a bad network."""


def is_this_machine(host: str | bytes | None) -> bool:
    """Whether a host is this machine, as the loopback interface has it; None and an empty one are."""
    if not host:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name.lower().rstrip(".") == "localhost":
        return True
    import ipaddress  # noqa: PLC0415 - see above

    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


def _host_of(event: str, arguments: tuple[Any, ...]) -> str | bytes | None:
    """The host that an event is about, or None where it is about no host."""
    host: str | bytes | None = arguments[0] if event in _NAMES else None
    if event in _NAMES:
        return None if host and _is_own_name(host) else host
    connection, address = arguments[:2]
    import socket  # noqa: PLC0415 - whoever connects has imported it

    if connection.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return None
    host = address[0]
    return host  # noqa: RET504 - the annotation says what an address begins with


def _is_own_name(host: str | bytes) -> bool:
    import socket  # noqa: PLC0415 - whoever asks for an address has imported it

    return (host.decode("ascii", "replace") if isinstance(host, bytes) else host) == socket.gethostname()


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _ADDRESSES and event not in _NAMES:
        return
    host = _host_of(event, arguments)
    if is_this_machine(host):
        return
    shown = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    sentence = f"{event} to {shown}: tests reach this machine only; serve what they need on 127.0.0.1"
    if log := os.environ.get(LOG_VARIABLE):
        with open(log, "a", encoding="utf-8") as stream:  # noqa: PTH123 - pathlib would take longer to import
            stream.write(f"{time.strftime('%H:%M:%S')} process {os.getpid()}, {' '.join(sys.argv[:3])}: {sentence}\n")
    raise ForeignHostError(sentence)


_at_the_start = sys.modules.get("sitecustomize")
if _at_the_start is not None and _at_the_start.__spec__ is not __spec__ and hasattr(_at_the_start, "ForeignHostError"):
    # A worker of pytest-xdist has imported it at its start already: one hook is enough, and raises one kind of error.
    globals()["ForeignHostError"] = _at_the_start.ForeignHostError
else:
    sys.addaudithook(_look)
    _command = sys.orig_argv[1:3]
    if (_server := os.environ.get(PRELOADED_VARIABLE)) and (
        _command in (["-m", "trainer"], ["-m", "runner.verifying.loading_process"], ["-m", "tests.trainer.forks"])
        or (len(sys.orig_argv) == 3 and _command[0].endswith(("local_launcher.py", "performer.py")))
        or (COMMAND_VARIABLE in os.environ and (_command == ["-m", "doit"] or _command[0].endswith("struck_doit.py")))
    ):
        import importlib

        importlib.import_module("handed_over").hand_over(_server)
