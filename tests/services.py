"""What the tests of experiment trackers and of Ray need beside the lock: `make setup SERVICES=yes` installs it.

Where it is not installed they are skipped with a reason; in CI on Linux that is a failure, so that they are never
skipped there.
"""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

NEVER_SKIPPED = os.environ.get("CI") == "true" and sys.platform == "linux"


def needs(*modules: str) -> None:
    """Leave out the test module that asks where something is not installed. Imports nothing: asking is quick."""
    missing = [each for each in modules if importlib.util.find_spec(each) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}; make setup SERVICES=yes (python develop.py --services) brings it"
    if NEVER_SKIPPED:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
