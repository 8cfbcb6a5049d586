"""A distribution that brings a backend called `moon`, as an installer would leave it in a folder on the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
from __future__ import annotations

import json
from pathlib import Path

from job.model import Section
from runner.backends.base import BackendEntry, Provisions
from runner.backends.local import LocalBackend


class Moon(Section):
    crater: str = "tycho"
    rovers: int = 1


class MoonBackend(LocalBackend):
    name = "moon"

    def provisions(self, job, parent):
        flight = json.dumps({"crater": job["moon"]["crater"], "goes_on": parent is not None})
        return Provisions(payload={"map.txt": b"craters"}, beside={"flight.json": flight.encode()})

    def submit(self, folder, key):
        flight = json.loads((folder.package / "flight.json").read_text(encoding="utf-8"))
        print(f"lands in {flight['crater']}", flush=True)
        return super().submit(folder, key)

    def close(self):
        super().close()
        print("the moon is closed", flush=True)


ENTRY = BackendEntry(MoonBackend, Moon)
NO_ENTRY = 7
"""


def install_moon(site: Path, target: str = "relay_moon:ENTRY") -> None:
    """Install it into `site`.

    Args:
        site: a folder that is on the path, or will be.
        target: the object that its entry point names.
    """
    site.mkdir(parents=True, exist_ok=True)
    (site / "relay_moon.py").write_text(MODULE, encoding="utf-8")
    told = site / "relay_moon-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: relay-moon\nVersion: 1.0\n", encoding="utf-8")
    (told / "entry_points.txt").write_text(f"[kaggle_relay.backends]\nmoon = {target}\n", encoding="utf-8")
