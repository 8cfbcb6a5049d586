"""What the documents say that a command prints is what it prints now, whatever the numbers are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
import yaml

from contract.errors import InputError
from runner.backends.registry import sections
from runner.jobs.file import load_jobs
from runner.steering.documents import PlanAnswer
from tests.documents.pages import DOCUMENTS, Block, blocks
from tests.documents.printable import strange_words
from tests.documents.samples import of_page, printed_lines, sample, shapes
from tests.project import ROOT, Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = (
    *("../lab", "/home/you/lab", "/home/you", "alice", "balance", "bipedalwalker-v3", "BipedalWalker-v3", "cartpole"),
    *("cart", "http://lab:5000", "maze", "mazes", "pong", "Tesla P100-PCIE-16GB", "traffic_light_control", "walk"),
    *("lab/__init__.py", "policy.features_extractor.cnn.0.weight", "upsample_bilinear2d_backward_out_cuda"),
)
"""What the examples of the documents call their jobs and folders, and what is named as it was found."""
NO_OUTPUT: Final[dict[tuple[str, int], str]] = {
    ("docs/architecture.md", 0): "a tree of folders: the test of names on disk",
    ("docs/architecture.md", 1): "the same of a session's artifacts",
    ("docs/environments.md", 0): "a tree of a user's own project",
    ("docs/emulator.md", 1): "what Kaggle's client prints; tests/emulator/official_cli_steps.py gives these commands",
}
"""Blocks of a page, by their number there among those without commands of a kind, that no program of ours prints."""


SAMPLES = [
    pytest.param(block, id=f"{name}:{block.line}")
    for name in (document.relative_to(ROOT).as_posix() for document in DOCUMENTS)
    for number, block in enumerate(of_page(name))
    if (name, number) not in NO_OUTPUT
]


@pytest.mark.parametrize("block", SAMPLES)
def test_each_word_of_a_sample_stands_in_a_text_of_the_code(block: Block) -> None:
    found = {}
    for line in printed_lines(block):
        bare = re.sub(r"[0-9a-f]{12,}…?", "", line)
        for name in sorted(NAMES, key=len, reverse=True):
            bare = bare.replace(name, "")
        if words := strange_words(bare):
            found[line] = words
    assert found == {}


def test_a_sample_that_the_code_does_not_print_is_found() -> None:
    assert "hurled" in strange_words("nothing was hurled away; `doit gc:job apply=yes` frees 3 MiB on this machine")
    assert strange_words("session 0001 attained 100 of 100 timesteps: goal met") == ["attained"]
    assert strange_words("session 0001 reached 100 of 100 timesteps: goal met") == []
    assert strange_words("not looked at: whether this account may upload …") == []
    assert strange_words("not looked at: whether that account may upload …") != []


class Followed:
    """The shipped job after `doit run_quick`, and what that and some questions printed."""

    def __init__(self, project: Project) -> None:
        (project.root / "jobs.yaml").write_bytes((ROOT / "jobs.yaml").read_bytes())
        self.ran = project.doit("run_quick").splitlines()
        self.asked = project.doit("status", "plan", "history", "curve", "gc").splitlines()


@pytest.fixture(scope="module")
def followed(shared_project: Project) -> Followed:
    return Followed(shared_project)


def test_the_first_session_prints_what_the_readme_shows(followed: Followed) -> None:
    assert shapes(sample("README.md", "package ")) <= shapes(followed.ran)
    exact = [line for line in sample("README.md", "package ") if "steps/s" not in line and "KiB" not in line]
    reward = re.compile(r"mean reward .*?,(?= the best)")  # another processor may round it otherwise
    assert {reward.sub("", line) for line in exact} <= {reward.sub("", line.strip()) for line in followed.ran}


def test_the_quickstart_begins_as_it_says(followed: Followed) -> None:
    begins, goes_on, *_ = of_page("docs/quickstart.md")
    assert set(begins.lines) <= set(followed.ran)
    assert set(goes_on.lines) <= set(followed.asked)


@pytest.mark.parametrize(
    ("page", "beginning", "of_another_day"),
    [
        ("docs/commands.md", "cart: run_quick", []),
        ("docs/commands.md", "2026", ["goes on from", "changed from", "cut by its limit", "refused "]),
        ("docs/curve.md", "traffic_light_control: 9,000", ["rollout/", "session 0002", "session 0003", "▁▁▁"]),
    ],
)
def test_what_is_asked_then_is_answered_as_the_documents_show(
    followed: Followed, page: str, beginning: str, of_another_day: list[str]
) -> None:
    shown = [line for line in sample(page, beginning) if not any(each in line for each in of_another_day)]
    assert len(shown) >= 2
    assert shapes(shown) <= shapes(followed.asked)


def test_the_documents_for_programs_are_of_their_types() -> None:
    (planned,) = [block for block in blocks(text_of("docs/commands.md")) if block.kind == "json"]
    answer = msgspec.json.decode("\n".join(planned.lines), type=PlanAnswer, strict=True)
    assert [run.profile for job in answer.jobs for run in job.runs] == ["quick", "full"]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        ("docs/jobs.md", "n_steps: 256", "n_stepz: 256"),
        ("docs/own-repository.md", "sources: [lab]", "sources: [trainer]"),
    ],
)
def test_a_mistake_is_answered_by_the_very_sentence(page: str, old: str, new: str, tmp_path: Path) -> None:
    example = next(iter(examples(page)))
    assert old in example
    (tmp_path / "jobs.yaml").write_text(example.replace(old, new), encoding="utf-8")
    (tmp_path / "trainer").mkdir()
    said = str(refused(tmp_path / "jobs.yaml")).replace(f"{tmp_path}/", "")
    assert said in [line for block in of_page(page) for line in block.lines]


def refused(file: Path) -> InputError:
    """Why a file, or the one job of it, cannot be used."""
    try:
        (job,) = load_jobs(file, sections()).values()
    except InputError as error:
        return error
    assert isinstance(job, InputError)
    return job


def examples(page: str) -> Iterator[str]:
    """The files jobs.yaml of a page, and for what is said of a new project the one that it begins with."""
    yield from ("\n".join(each.lines) for each in blocks(text_of(page)) if each.kind == "yaml")
    yield (ROOT / "runner" / "new_project" / "template" / "jobs.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_example_of_jobs_is_taken(document: Path, tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    for folder in ("lab", "maze"):  # packages of whoever writes it
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.kind == "yaml" and "faults:" not in block.lines:  # those are read in tests/emulator/faults
            file.write_text(yaml.safe_dump(completed(yaml.safe_load("\n".join(block.lines)))), encoding="utf-8")
            wrong = [each for each in load_jobs(file, sections()).values() if isinstance(each, InputError)]
            assert wrong == [], f"line {block.line}"


def completed(example: dict[str, Any]) -> dict[str, Any]:
    """A whole file: an example may be the keys of a job, or leave out what each job needs."""
    if "jobs" not in example and "defaults" not in example:
        example = {"jobs": {"example": example}}
    needed = {"env": {"id": "CartPole-v1"}, "algorithm": "PPO", "total_timesteps": 10_000}
    jobs = {name: needed | (job or {}) for name, job in example.get("jobs", {"example": {}}).items()}
    if "defaults" in example and "env" in example["defaults"]:
        jobs = example["jobs"]
    return example | {"jobs": jobs}


def test_the_names_on_disk_are_those_of_the_documents() -> None:
    for number in (0, 1):
        block = of_page("docs/architecture.md")[number]
        for line in block.lines:
            column = re.split(r"\s{2,}", line.strip())[0]
            paths = [column.split()[0], *re.findall(r", (\.\w+|\w+/)", column)]
            names = [part for path in paths for part in re.split(r"[/,]+", re.sub(r"<\w+>", "/", path)) if part]
            assert [name for name in names if strange_words(name)] == [], line
