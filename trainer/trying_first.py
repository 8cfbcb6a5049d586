"""The trial of a job in the session itself, for which the machine that packaged it lacked something."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from contract import events
from contract.trying import end_group, found_by, run_trial

if TYPE_CHECKING:
    from trainer.session_input import SessionInput

_WORKING = "working"


def try_first(session_input: SessionInput) -> None:
    """Try the job in a process of its own, which leaves this one as it was.

    Raises:
        InputError: no session of the job could train here: the sentence is the one that a trial says anywhere.
    """
    job = session_input.job
    with tempfile.TemporaryDirectory(prefix="relay-trial-", ignore_cleanup_errors=True) as name:
        folder, working = Path(name), Path(name) / _WORKING
        working.mkdir()
        environment = {**os.environ, "RELAY_WORKING": str(working), "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-m", "trainer", "--try", "--input", str(session_input.folder.resolve())]
        course = run_trial(command, folder, working, environment, job.trial_limit, end_group)
    found = found_by(course, job.env.id)
    for note in found.get("notes", ()):
        events.say(str(note))
