"""How a project elsewhere finds kaggle-relay, whatever its own modules are called.

The packages of kaggle-relay have everyday names: a `trainer.py` or `job/` beside somebody's dodo.py may be found before
them. Whoever imports this package first has them all, each from where this one lies. `loader`: what the project's
pyproject.toml names; `tasks`: what its dodo.py holds; `__main__`: the command `kaggle-relay`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

PACKAGES = ("contract", "job", "trainer", "restore", "executors", "runner", "emulator")


def find_packages() -> None:
    """Import each package of ours from beside this one; what is in it is found by way of it from then on.

    Raises:
        ImportError: another module of the name was imported before.
    """
    home = Path(__file__).parent.parent
    sys.path.insert(0, str(home))
    try:
        for name in PACKAGES:
            found = importlib.import_module(name).__file__
            if found is None or Path(found).parent.parent != home:
                raise ImportError(f"{name} is {found}, and was imported before kaggle_relay: import that first")
    finally:
        sys.path.remove(str(home))


find_packages()
