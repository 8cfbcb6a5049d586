"""What `doit verify` shows, and to whom: marks, JSON, kinds, a budget; models that load, and the proof."""

from __future__ import annotations

import io
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from doit import doit_cmd

from contract.errors import InputError
from runner.commands.mending.verify import chosen_kinds, verify
from runner.stages.parent import ParentFiles
from runner.verifying.findings import Finding, Kind, Level, verdict
from runner.verifying.loading import OwnProcess
from runner.verifying.rendering import Page, as_answer
from runner.verifying.resuming import Proof, prove_resuming
from runner.verifying.sessions import list_documents
from runner.verifying.store import Reading, stored_files
from tests.runner.verifying.places import JOB, Place, truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runner.backends.local import LocalBackend
    from runner.layout import SessionFolder

SOUND = Finding(Kind.FOLDERS, Level.SUCCESS, "locks work there")
DOUBTFUL = Finding(Kind.FOLDERS, Level.WARNING, "a leftover", "nothing reads it", "doit repair:walk")
BROKEN = Finding(Kind.LINEAGES, Level.ISSUE, "restored.json: is gone", "commands end there", "doit repair:walk")
LEFT_OUT = Finding(Kind.BACKENDS, Level.SKIPPED, "backends", "no job can be read")


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the variables of a command line."""

    def set_all(**variables: str) -> None:
        monkeypatch.setattr(doit_cmd, "_CMDLINE_VARS", variables)

    return set_all


def shown(*findings: Finding, encoding: str = "utf-8", kinds: Iterable[Kind] = Kind) -> str:
    """What a terminal of an encoding is given."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    page = Page(stream)
    page.title(Kind.FOLDERS)
    for each in findings:
        page.finding(each.level, each.what, each.reason, each.next_command)
    page.summary(verdict(findings, kinds))
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_it_is_verified_only_without_issues_and_each_level_is_counted() -> None:
    said = shown(SOUND, DOUBTFUL, LEFT_OUT)
    counted = ["✅ Successes: 1", "⚠️ Warnings: 1", "❌ Issues: 0", "⏭️ Skipped: 1", "✅ CHECKPOINT SYSTEM VERIFIED"]
    assert said.splitlines()[-5:] == counted
    assert "       nothing reads it\n       next: doit repair:walk\n" in said
    broken = shown(SOUND, BROKEN)
    assert "❌ Issues: 1" in broken
    assert "VERIFIED" not in broken


def test_some_kinds_of_checks_verify_no_more_than_those() -> None:
    said = shown(SOUND, kinds=(Kind.FOLDERS, Kind.LINEAGES))
    rest = "installation, checkpoints, resuming, backends"
    assert said.splitlines()[-1] == f"✅ verified: folders, lineages; not looked at: {rest}"
    assert "SYSTEM" not in said
    assert "erified" not in shown(BROKEN, kinds=(Kind.FOLDERS,))


def test_a_terminal_without_utf8_is_given_marks_that_it_has() -> None:
    said = shown(SOUND, DOUBTFUL, BROKEN, LEFT_OUT, encoding="ascii")
    for line in ("[ok] locks work there", "[warn] a leftover", "[FAIL] Issues: 1", "[skip] Skipped: 1"):
        assert line in said


def test_programs_are_told_the_same_as_json() -> None:
    told = msgspec.to_builtins(as_answer(verdict([SOUND, BROKEN, BROKEN], [Kind.FOLDERS, Kind.LINEAGES])))
    assert (told["format"], told["command"], told["verified"]) == (1, "verify", False)
    assert told["kinds"] == ("folders", "lineages")
    assert told["counts"] == {"success": 1, "warning": 0, "issue": 1, "skipped": 0}
    assert told["findings"][1] == {
        "kind": "lineages",
        "level": "issue",
        "what": "restored.json: is gone",
        "reason": "commands end there",
        "next_command": "doit repair:walk",
    }


def test_kinds_are_chosen_by_name(choose: Callable[..., None]) -> None:
    choose()
    assert chosen_kinds() == [*Kind]
    choose(only="lineages, checkpoints")
    assert chosen_kinds() == [Kind.CHECKPOINTS, Kind.LINEAGES]
    choose(only="lineage")
    with pytest.raises(
        InputError, match="variable only: 'lineage' is not a kind of check; known: installation, folders"
    ):
        chosen_kinds()


@pytest.mark.parametrize(("name", "value"), [("budget", "soon"), ("budget", "0"), ("json", "maybe")])
def test_what_is_no_choice_is_one_sentence(base: Path, choose: Callable[..., None], name: str, value: str) -> None:
    choose(only="lineages", **{name: value})
    with pytest.raises(InputError, match=rf"variable {name}: is '{value}'; write .*{name}="):
        verify(Place(base).workspace, [JOB])


def test_a_budget_reads_a_random_share_back_and_says_which(base: Path, tmp_path: Path) -> None:
    place = Place(shutil.copytree(base, tmp_path / "a project"))
    truncate(place.checkpoint(1, 32))
    looks = iter(range(1_000))
    reading = Reading(4.0, clock=lambda: next(looks), order=random.Random(7))
    found = place.verified(Kind.CHECKPOINTS, reading=reading)
    (share,) = [each for each in found if each.what.startswith("read back at random")]
    assert reading.share.files == 3
    assert f"read back at random 3 of {reading.share.all_files} files, " in share.what
    assert "the budget was used up; another run reads another share" in share.reason
    assert any("walk_checkpoint_32_steps.zip: has " in each.what for each in found), "it is seen without being read"
    assert any("model(s) were not read back" in each.what and each.level is Level.SKIPPED for each in found)


def test_the_jobs_share_a_budget(base: Path) -> None:
    looks = iter(range(1_000))
    reading = Reading(8.0, jobs_left=2, clock=lambda: next(looks))
    stored = [each for session in list_documents(Place(base).runs, JOB) for each in stored_files(session, JOB)]
    read: list[int] = []
    for _ in range(2):
        assert reading.flaws(JOB, stored) == []
        read.append(reading.share.files - sum(read))
    assert read == [3, 2]


def test_models_load_in_a_process_of_their_own_which_also_tries_each_device(base: Path, tmp_path: Path) -> None:
    place = Place(shutil.copytree(base, tmp_path / "a project"))
    broken = place.session(3).path / "broken.zip"
    broken.write_bytes(b"PK")
    good, bad = OwnProcess().load(place.root, [place.checkpoint(3, 192), broken])
    assert good.is_well
    assert not bad.is_well
    assert bad.problem.startswith("BadZipFile: ")


def test_a_training_that_is_killed_and_gone_on_from_ends_with_the_bits_of_one_that_was_not() -> None:
    (found,) = prove_resuming()
    assert found.level is Level.SUCCESS, found
    assert "of 768 timesteps and gone on from ends with the bits of one that was not killed" in found.what


def test_a_proof_that_ends_otherwise_names_the_tensors_and_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    class Inexact(Proof):
        """Sessions that are not run, each with weights of its own."""

        begun = 0

        def start(self, backend: LocalBackend, parent: ParentFiles | None) -> SessionFolder:
            del backend, parent
            self.begun += 1
            return self.runs.session("proof", self.begun)

        def killed(self, backend: LocalBackend) -> ParentFiles:
            return ParentFiles(self.start(backend, None).number, 128, Path("proof.zip"), "0" * 64, None)

        def tensors(self, backend: LocalBackend, folder: SessionFolder) -> dict[str, bytes]:
            del backend
            return {"policy.pth": folder.number.encode(), "policy.optimizer.pth": b"the same"}

    monkeypatch.setattr("runner.verifying.resuming.Proof", Inexact)
    (found,) = prove_resuming()
    assert found.level is Level.ISSUE
    assert found.what.startswith("a training killed at 128 of 768 timesteps and gone on from ends with other weights")
    assert found.reason.startswith("policy.pth differ; ")
    assert found.next_command == "make clean setup, then doit verify only=installation,resuming"
