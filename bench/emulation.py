"""What the emulator of Kaggle's API stands: status polls in a second, and a long queue on two sessions.

    python bench/emulation.py                 2,000 polls of each kind, 200 kernels
    python bench/emulation.py --kernels 20    a shorter queue
    python bench/emulation.py --json FILE     keep the raw numbers

The emulator is a process of its own with the local executor, as `python -m emulator` starts it. Polls ask
for the status of a kernel that has ended. The queue's kernels print a number and leave it in a file; they
are all pushed before the first may end, and afterwards each must have ended well with its own number, and
have started no earlier than the one pushed before it.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from measuring.clock import CommandError
from measuring.tables import note, publish, table, write_raw

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
USER: Final = "alice"
KEY: Final = "benchmark"
CALL: Final = "/api/v1/kernels.KernelsApiService"
SLOTS: Final = 2
CONNECTIONS: Final = 4
PATIENCE_SECONDS: Final = 600.0
POLLED: Final = "polled-kernel"


def main() -> None:
    """Start the emulator, measure, and print the report."""
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name,
        emulator(Path(name)) as (url, environment),
    ):
        rates = measure_polls(url, environment, options.polls)
        queue = measure_queue(url, options.kernels)
    rows = [[what, f"{rate:,.0f}", f"{1000 / rate:.2f} ms"] for what, rate in rates.items()]
    publish(table(["status polls", "a second", "each"], rows))
    head = ["queue", "pushed in", "all ended in", "a session", "in order", "lost"]
    shown = [
        f"{queue['kernels']} kernels on {SLOTS} sessions",
        *(f"{queue[name]:.1f} s" for name in ("push_seconds", "seconds")),
        f"{queue['seconds'] * SLOTS / queue['kernels']:.3f} s",
        "yes" if queue["in_order"] else "no",
        str(queue["lost"]),
    ]
    publish(table(head, [shown]))
    write_raw(options.json, {"benchmark": "emulation", "polls_per_second": rates, "queue": queue})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the emulator of Kaggle's API stands.")
    parser.add_argument("--polls", type=int, default=2_000, help="status polls of each kind")
    parser.add_argument("--kernels", type=int, default=200, help="kernels in the queue")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    return parser.parse_args()


@contextlib.contextmanager
def emulator(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A running emulator: its URL, and what the official client needs to reach it."""
    command = [sys.executable, "-m", "emulator", "--data", str(folder / "data"), "--user", f"{USER}:{KEY}"]
    command += ["--slots", str(SLOTS), "--when-full", "queue"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT)  # noqa: S603 - ours
    environment: dict[str, str] = {}
    try:
        for line in process.stdout or ():
            if line.startswith("listening on "):
                yield line.removeprefix("listening on ").strip(), environment
                return
            name, _, value = line.removeprefix("export ").rstrip("\n").partition("=")
            environment[name] = value
        raise CommandError("the emulator ended before it listened")
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def measure_polls(url: str, environment: dict[str, str], count: int) -> dict[str, float]:
    """Polls in a second: over one connection, over several at once, and by the official client."""
    with client(url) as http:
        push(http, POLLED, "print('polled')")
        wait_for(http, POLLED)
        note(f"{count} status polls over one connection")
        one = rate(count, lambda: poll(http, POLLED))
    note(f"{count} status polls over {CONNECTIONS} connections")
    share = count // CONNECTIONS
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as threads:
        for done in [threads.submit(_poll_alone, url, share) for _ in range(CONNECTIONS)]:
            done.result()
    several = CONNECTIONS * share / (time.perf_counter() - began)
    note("the official client polls, with a connection for each poll as it has it")
    script = (
        "import sys, time\n"
        "from kaggle.api.kaggle_api_extended import KaggleApi\n"
        "api = KaggleApi()\n"
        "api.authenticate()\n"
        "began = time.perf_counter()\n"
        "for _ in range(int(sys.argv[1])):\n"
        "    api.kernels_status(sys.argv[2])\n"
        "print(int(sys.argv[1]) / (time.perf_counter() - began))\n"
    )
    official = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", script, str(max(1, count // 10)), f"{USER}/{POLLED}"],
        env={**_inherited(), **environment},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return {
        "one connection": one,
        f"{CONNECTIONS} connections": several,
        "official client": float(official.stdout.split()[-1]),
    }


def measure_queue(url: str, count: int) -> dict[str, Any]:
    """Push `count` kernels at once, wait for all, and compare what they left with what they were given."""
    note(f"{count} kernels in the queue")
    slugs = [f"queued-{number:04}" for number in range(count)]
    with client(url) as http, tempfile.TemporaryDirectory(prefix="relay-bench-") as gate:
        opened = Path(gate) / "open"
        began = time.perf_counter()
        for number, slug in enumerate(slugs):
            waits = f"import os, time\nwhile not os.path.exists({str(opened)!r}):\n    time.sleep(0.01)\n"
            push(http, slug, f"{waits}print({number})\nopen('number.txt', 'w').write('{number}')\n")
        pushed = time.perf_counter()
        opened.touch()
        for slug in slugs:
            wait_for(http, slug)
        seconds = time.perf_counter() - pushed
        left = [number_left_by(http, slug) for slug in slugs]
        starts = [call(http, "GetKernel", slug)["metadata"]["lastRunTime"] for slug in slugs]
    return {
        "kernels": count,
        "push_seconds": pushed - began,
        "seconds": seconds,
        "in_order": starts == sorted(starts),
        "lost": sum(found != number for number, found in enumerate(left)),
    }


def client(url: str) -> httpx.Client:
    """A connection to the emulator, without any proxy."""
    return httpx.Client(base_url=url, auth=(USER, KEY), trust_env=False, timeout=60.0)


def call(http: httpx.Client, name: str, slug: str) -> dict[str, Any]:
    """Call a procedure about a kernel."""
    response = http.post(f"{CALL}/{name}", json={"userName": USER, "kernelSlug": slug})
    answer: dict[str, Any] = response.raise_for_status().json()
    return answer


def push(http: httpx.Client, slug: str, script: str) -> None:
    """Push a kernel that asks for a GPU."""
    request = {
        "slug": f"{USER}/{slug}",
        "newTitle": slug,
        "text": script,
        "language": "python",
        "kernelType": "script",
        "isPrivate": True,
        "enableInternet": False,
        "machineShape": "NvidiaTeslaT4",
    }
    answer = http.post(f"{CALL}/SaveKernel", json=request).raise_for_status().json()
    if answer.get("error"):
        raise CommandError(f"{slug}: {answer['error']}")


def poll(http: httpx.Client, slug: str) -> str:
    """A kernel's status."""
    return str(call(http, "GetKernelSessionStatus", slug)["status"])


def wait_for(http: httpx.Client, slug: str) -> None:
    """Wait until a kernel has ended well."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (status := poll(http, slug)) != "COMPLETE":
        if status not in ("QUEUED", "RUNNING") or time.monotonic() > deadline:
            raise CommandError(f"{slug}: {status}")
        time.sleep(0.02)


def number_left_by(http: httpx.Client, slug: str) -> int | None:
    """The number that a kernel printed and left in its file, or None where the two differ or are not there."""
    listed = call(http, "ListKernelSessionOutput", slug)
    printed = "".join(entry["data"] for entry in json.loads(listed["log"] or "[]")).strip()
    files = {file["fileName"]: file["url"] for file in listed.get("files", [])}
    left = httpx.get(files["number.txt"], trust_env=False).text if "number.txt" in files else ""
    return int(printed) if printed == left and printed.isdigit() else None


def rate(count: int, do: Any) -> float:
    """How often a second `do` was done."""
    began = time.perf_counter()
    for _ in range(count):
        do()
    return count / (time.perf_counter() - began)


def _poll_alone(url: str, count: int) -> None:
    with client(url) as http:
        for _ in range(count):
            poll(http, POLLED)


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KAGGLE_")}


if __name__ == "__main__":
    main()
