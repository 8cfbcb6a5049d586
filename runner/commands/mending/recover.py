"""A job's sessions made again from what its backend holds, so that a lost machine costs nothing."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract.documents.runs import Ledger, Package, Restored
from contract.errors import InputError, UnderWayError
from contract.events import say
from contract.storage import files
from runner.backends.registry import backend_entry, open_backend
from runner.display import Display
from runner.lineage import Phase, SessionState, read_lineage
from runner.planning.outcome import outcome_sentence
from runner.record import read_record
from runner.stages import download as downloading
from runner.stages import execute as executing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.documents.runs import Rules
    from runner.backends.base import Backend, Held
    from runner.layout import RunsFolder, SessionFolder
    from runner.lineage import Lineage
    from runner.record import Record
    from runner.workspace import Workspace


def recover(workspace: Workspace, job: str) -> None:
    """Bring the sessions of `job` that are not here from the backend on which it runs.

    They are made aside, and take their place when all that has ended is judged and restored: a command that is killed
    goes on when it is given again.

    Raises:
        BackendError: the backend gives no answer, or refuses.
        InputError: what is here is another lineage than what the backend holds.
    """
    name, runs = workspace.backend_name(job), workspace.runs
    find = backend_entry(name).held
    if find is None:
        say(f"{job}: the {name} backend holds nothing elsewhere; `doit recover backend=kaggle` looks at Kaggle")
        return
    wanted, lineage = workspace.wanted(job, "full"), read_lineage(runs, job)
    known = {session.ledger.handle or "" for session in lineage.sessions if session.folder.ledger_json.exists()}
    found = list(_with_records(job, find(runs.backend(name), wanted.job, known)))
    newest = max((record.request.lineage for _, record in found), default=0)
    chosen = {record.request.session: (held, record) for held, record in found if record.request.lineage == newest}
    if newest < lineage.generation or not chosen:
        shutil.rmtree(runs.recovering.job(job), ignore_errors=True)
        say(f"{job}: the {name} backend holds no session that is not here")
        return
    _refuse_another_lineage(lineage, newest, [record for _, record in chosen.values()])
    recovery = Recovery(runs, lineage, name, wanted.rules)
    for _, (held, record) in sorted(chosen.items()):
        recovery.lay_out(held, record)
    with open_backend(name, runs) as backend:
        running = recovery.bring_home(backend)
    recovery.put_in_place(newest)
    goes_on = f", and session {running} goes on there" if running is not None else ""
    then = f"`{workspace.resume_command(job)}` goes on"
    say(f"{job}: {len(chosen)} session(s) recovered from the {name} backend{goes_on}; {then}")


def _with_records(job: str, held: Sequence[Held]) -> list[tuple[Held, Record]]:
    found = []
    for each in held:
        if (record := read_record(each.script)) is not None and record.request.job == job:
            found.append((each, record))
        else:
            say(f"recover   {job}: version {each.number} does not tell what was packaged, or not of this job; left out")
    return found


def _refuse_another_lineage(lineage: Lineage, newest: int, records: Sequence[Record]) -> None:
    here = {session.folder.number: session for session in lineage.sessions if session.phase > Phase.PLANNED}
    numbers = sorted(
        record.request.session
        for record in records
        if record.request.session in here and here[record.request.session].package.key != record.package.key
    )
    is_other_lineage = newest != lineage.generation
    if here and (numbers or is_other_lineage):
        what = "what is here" if is_other_lineage else f"session {numbers[0]} here"
        remedy = f"run `doit fresh:{lineage.job}` to put yours away, and the same command again"
        raise InputError(f"job {lineage.job}", f"{what} is not the one that its backend holds", remedy)


@dataclass
class Recovery:
    """Sessions of one job on their way here.

    Args:
        runs: where they are to be.
        lineage: what is there already.
        backend: where they ran.
        rules: by which what they left is judged.
    """

    runs: RunsFolder
    lineage: Lineage
    backend: str
    rules: Rules
    _folders: dict[int, SessionFolder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folders = {each.number: each.folder for each in self.lineage.sessions if each.phase > Phase.PLANNED}

    def lay_out(self, held: Held, record: Record) -> None:
        """Write the documents of a session that was submitted, unless they are there."""
        number = int(record.request.session)
        folder = self._folders.get(number, self.runs.recovering.session(self.lineage.job, number))
        is_there = folder.package_json.exists() and Package.read(folder.package_json).key == record.package.key
        if not is_there:
            shutil.rmtree(folder.path, ignore_errors=True)
            files.write_bytes(folder.request, record.request_json)
            files.write_bytes(folder.package_json, record.package_json)
        ledger = Ledger.read_if_there(folder.ledger_json) or Ledger(key=record.package.key, backend=self.backend)
        if ledger.handle is None:
            ledger.submitted(held.handle).write(folder.ledger_json)
        self._folders[number] = folder

    def bring_home(self, backend: Backend) -> str | None:
        """Do the stages that each session lacks; return the number of the one that goes on.

        Raises:
            BackendError: the backend gives no answer, or refuses.
        """
        from runner.stages.restore import restore as adopt  # noqa: PLC0415 - it imports pydantic
        from runner.stages.validate import validate as judge  # noqa: PLC0415 - likewise

        keys = frozenset(Package.read(each.package_json).key for each in self._folders.values())
        for _, folder in sorted(self._folders.items()):
            if folder.restored_json.exists():
                continue
            job = self.lineage.job
            try:
                executing.execute(folder, backend, Display(job, folder.number, io.StringIO()), waits=False)
            except UnderWayError:
                return folder.number
            downloading.download(folder, backend)
            judge(folder, job=job, rules=self.rules, known_keys=keys)
            adopt(folder, job_folder=folder.path.parent, inherited=self._inherited(folder))
            say(f"recover   {job}:{folder.number}  {outcome_sentence(SessionState(folder))[0]}")
        return None

    def _inherited(self, folder: SessionFolder) -> Restored | None:
        """What was adopted from the session that this one went on from."""
        parent = SessionState(folder).request.parent
        if parent is None:
            return None
        before = self._folders.get(int(parent.session))
        if before is None or not before.restored_json.exists():
            say(f"recover   {self.lineage.job}:{folder.number}  went on from session {parent.session}, which is gone")
            return None
        return Restored.read(before.restored_json)

    def put_in_place(self, generation: int) -> None:
        """Let what was made aside take its place, in an order in which a kill leaves a beginning that is whole."""
        aside, job = self.runs.recovering.job(self.lineage.job), self.lineage.job
        if generation > 1:  # by its number, those before it were put away
            self.runs.archive(job, generation - 1).mkdir(parents=True, exist_ok=True)
        target = self.runs.job(job)
        made = [folder for _, folder in sorted(self._folders.items()) if folder.path.parent == aside]
        if made and not target.exists():
            aside.rename(target)
        for folder in made if target.exists() and aside.exists() else ():
            place = target / folder.number
            shutil.rmtree(place, ignore_errors=True)  # one that was planned, and never packaged
            folder.path.rename(place)
        files.fsync_directory(self.runs.path)
        shutil.rmtree(aside, ignore_errors=True)
