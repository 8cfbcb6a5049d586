"""The guard fires, in this process and in others, and lets through what stays on this machine."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
import requests

from tests import network_guard
from tests.guarded.sitecustomize import ForeignHostError, is_this_machine
from tests.network_guard import GUARDED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# An address for documentation (RFC 5737): should the guard fail, it still reaches nobody.
FOREIGN = "192.0.2.1"
SENTENCE = rf"to {FOREIGN}: tests reach this machine only; serve what they need on 127\.0\.0\.1"


async def open_connection() -> None:
    await asyncio.open_connection(FOREIGN, 80)


def send_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"", (FOREIGN, 9))


WAYS: dict[str, Callable[[], object]] = {
    "socket": lambda: socket.create_connection((FOREIGN, 80), timeout=1),
    "datagram": send_datagram,
    "httpx": lambda: httpx.get(f"http://{FOREIGN}/", timeout=1, trust_env=False),
    "requests": lambda: requests.get(f"http://{FOREIGN}/", timeout=1, proxies={"http": ""}),
    "asyncio": lambda: asyncio.run(open_connection()),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_connects_elsewhere_fails_with_a_sentence(way: str) -> None:
    with pytest.raises(ForeignHostError, match=SENTENCE):
        WAYS[way]()
    assert len(network_guard.attempts()) == 1


def test_no_name_of_another_machine_is_looked_up() -> None:
    with pytest.raises(ForeignHostError, match=r"socket\.getaddrinfo to www\.kaggle\.com"):
        socket.getaddrinfo("www.kaggle.com", 443)
    assert len(network_guard.attempts()) == 1


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        (b"LOCALHOST.", True),
        ("", True),
        (None, True),
        ("0.0.0.0", True),  # noqa: S104 - nothing is bound
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("fe80::1%eth0", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("www.kaggle.com", False),
    ],
)
def test_this_machine_is_what_loopback_reaches(host: str | bytes | None, is_own: bool) -> None:
    assert is_this_machine(host) is is_own


def test_a_server_of_our_own_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(("localhost", server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted, client:
            accepted.sendall(b"hello")
            assert client.recv(5) == b"hello"
    if hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(str(tmp_path / "socket"))
            server.listen()
            client.connect(str(tmp_path / "socket"))


def test_processes_are_guarded_as_well() -> None:
    child = f"import socket; socket.create_connection(('{FOREIGN}', 80), timeout=1)"
    # A grandchild, with a failure that nobody looks at: the log tells of it all the same.
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], stderr=subprocess.DEVNULL)"
    ended = subprocess.run([sys.executable, "-c", child], capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 1
    assert "ForeignHostError" in ended.stderr
    subprocess.run([sys.executable, "-c", parent], check=True)
    assert [FOREIGN in sentence for sentence in network_guard.attempts()] == [True, True]


def test_a_test_that_swallows_the_error_fails(tmp_path: Path) -> None:
    shutil.copy(GUARDED.parent / "conftest.py", tmp_path)
    tests = f"""
import contextlib, socket

def test_swallows():
    with contextlib.suppress(Exception):
        socket.create_connection(("{FOREIGN}", 80), timeout=1)

def test_behaves():
    pass
"""
    (tmp_path / "test_two.py").write_text(tests, encoding="utf-8")
    path = f"pythonpath={shlex.quote(str(GUARDED.parents[1]))}"
    own = f"--basetemp={tmp_path / 'own'}"  # else it would remove what earlier runs of all tests have left
    command = [sys.executable, "-m", "pytest", "-o", path, own, "test_two.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert "2 passed, 1 error" in ended.stdout, ended.stdout + ended.stderr
    assert f"{FOREIGN}: tests reach this machine only" in ended.stdout
