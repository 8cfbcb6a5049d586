"""A program for `python -I -S`: loads models where nothing is installed but Stable-Baselines3, sb3-contrib and theirs.

Its input, in JSON: `packages`, the folder of installed packages; `allowed`, the modules in it that may be imported;
`absent`, those of which none may be; `models`, each as module, class and path. It prints one line of JSON for each
model: the timesteps it stands at, and whether what it predicts is one of its actions.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Hiding(PathFinder):
    """Finds what an environment with those packages alone would have."""

    hidden: ClassVar[set[str]] = set()

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if fullname.partition(".")[0] in cls.hidden else super().find_spec(fullname, path, target)


def main() -> None:
    given = json.load(sys.stdin)
    sys.path.append(given["packages"])
    Hiding.hidden = {path.name.partition(".")[0] for path in Path(given["packages"]).iterdir()} - {*given["allowed"]}
    sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
    for name in given["absent"]:
        if find_spec(name) is not None:
            raise SystemExit(f"{name} can be imported here")
    warnings.simplefilter("error")  # it is by a warning that a part which cannot be read is left out
    for module, name, path in given["models"]:
        model = getattr(import_module(module), name).load(path, device="cpu")
        action, _ = model.predict(model.observation_space.sample())
        sys.stdout.write(json.dumps([model.num_timesteps, bool(model.action_space.contains(action))]) + "\n")


if __name__ == "__main__":
    main()
