"""Wheels that a test makes, and the folder that pip is told to look for them in."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING

from contract.storage.zips import timeless_member

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pytest

WALK = """
import gymnasium as gym
import numpy as np
from gridtools import LENGTH


class Walk(gym.Env):
    observation_space = gym.spaces.Box(-LENGTH, LENGTH, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = float(self.np_random.integers(-2, 3))
        return self.seen(), {}

    def step(self, action):
        self.place += 1.0 if action else -1.0
        return self.seen(), -abs(self.place), abs(self.place) >= LENGTH, False, {}

    def seen(self):
        return np.array([self.place], np.float32)


gym.register("Walk-v0", Walk, max_episode_steps=20)
"""


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    modules: Mapping[str, str],
    needs: Sequence[str] = (),
    tag: str = "py3-none-any",
) -> Path:
    """Write a wheel as a build backend does."""
    about = f"{name}-{version}.dist-info"
    documents = {
        **modules,
        f"{about}/METADATA": "".join(
            [
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                *(f"Requires-Dist: {each}\n" for each in needs),
            ]
        ),
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    lines = [f"{path},{_digest(text)},{len(text.encode())}" for path, text in documents.items()]
    documents[f"{about}/RECORD"] = "\n".join([*lines, f"{about}/RECORD,,", ""])
    target = folder / f"{name}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as wheel:
        for path, text in documents.items():
            wheel.writestr(timeless_member(path), text)
    return target


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def make_gridlab(folder: Path, version: str = "1.2", length: int = 6) -> None:
    """A package with an environment, and one that it needs."""
    make_wheel(folder, "gridtools", "0.3", {"gridtools.py": f"LENGTH = {length}\n"})
    needs = ("gridtools>=0.3", "gymnasium>=1", "numpy")
    make_wheel(folder, "gridlab", version, {"gridlab/__init__.py": WALK}, needs)


def index_of_gridlab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that pip finds anything in: gridlab, and what it needs."""
    make_gridlab(folder)
    pip_finds_only(folder, monkeypatch)
    return folder


def make_wheel_of_installed(folder: Path, name: str) -> None:
    """A wheel of a distribution that is installed beside these tests, as its registry has it."""
    found = metadata.distribution(name)
    (tag,) = [line.removeprefix("Tag: ") for line in str(found.read_text("WHEEL")).splitlines() if line[:5] == "Tag: "][
        :1
    ]
    folder.mkdir(parents=True, exist_ok=True)
    wheel_name = f"{name.replace('-', '_')}-{found.version}-{tag}.whl"
    with zipfile.ZipFile(folder / wheel_name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in found.files or ():
            if ".." not in path.parts and "__pycache__" not in path.parts:
                wheel.write(path.locate(), path.as_posix())


def pip_finds_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip look nowhere but in a folder: by variables of its own, as a user's configuration may."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
