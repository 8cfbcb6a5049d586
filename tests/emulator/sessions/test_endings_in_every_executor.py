"""What Kaggle does not forgive is forgiven in no executor: by its strict rule, who does not end loses the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.sessions.session import OUT_OF_TIME
from emulator.settings import Stopped
from emulator.store.values import KernelState
from tests.emulated import emulated
from tests.engine import Containers, engine_itself

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulated import EmulatedKaggle

pytestmark = pytest.mark.slow

LEAVES_A_FILE = "import os, subprocess, sys, threading, time\nopen('left.txt', 'w').write('something')\n"
LIMIT_SECONDS = 2
SLEEPS = "[sys.executable, '-c', 'import time; time.sleep(600)']"
STAYS = {
    "leaves-a-thread": "threading.Thread(target=time.sleep, args=(600,)).start()\n",
    "keeps-the-lock": "import ctypes\nctypes.PyDLL(None).sleep(600)\n",
    "waits-for-a-child": f"subprocess.run({SLEEPS})\n",
}
ENDS = {
    "ends-at-once": STAYS["leaves-a-thread"] + "os._exit(0)\n",
    "leaves-a-child": f"subprocess.Popen({SLEEPS}, start_new_session=True)\n",
}


@pytest.fixture(params=["local", "docker"])
def kaggle(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmulatedKaggle]:
    """An emulator with that executor; no container outlives it."""
    if request.param == "local":
        with emulated(tmp_path, stopped=Stopped.LOST) as server:
            yield server
        return
    with engine_itself() as engine:
        with emulated(tmp_path, executor="docker", stopped=Stopped.LOST) as server:
            yield server
        Containers(engine, server.running.settings.data / "sandboxes").remove()


def test_a_process_that_does_not_end_loses_its_output_whatever_runs_it(kaggle: EmulatedKaggle) -> None:
    with kaggle.client() as api:
        for slug, script in STAYS.items():
            api.kernels_push(str(kaggle.kernel(LEAVES_A_FILE + script, slug)), timeout=str(LIMIT_SECONDS))
        for slug, script in ENDS.items():
            api.kernels_push(str(kaggle.kernel(LEAVES_A_FILE + script, slug)))
        for slug in STAYS:
            assert kaggle.wait(slug) is KernelState.ERROR
            assert api.kernels_status(f"alice/{slug}").failure_message == OUT_OF_TIME.format(limit=LIMIT_SECONDS)
            assert api.kernels_list_files(f"alice/{slug}").files == []
        for slug in ENDS:
            assert kaggle.wait(slug) is KernelState.COMPLETE
            assert [file.name for file in api.kernels_list_files(f"alice/{slug}").files] == ["left.txt"]
