"""What the documents tell people to type does what they say, in both languages and in both shells."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import gymnasium as gym
import pytest
import yaml
from gymnasium.utils.env_checker import check_env

from docs.site import commands, hooks
from job.model import parse_job
from tests.documents.samples import sample, shapes
from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.project import Project

ENGLISH, FRENCH = ROOT / "docs" / "quickstart.md", ROOT / "docs" / "quickstart.fr.md"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SHELL, POWERSHELL, JOBS_YAML, OUTPUT = "sh", "powershell", "yaml", "text"
SETS_UP = ("git clone <this repository> kaggle-relay", "cd kaggle-relay")
ON_WINDOWS = "python develop.py"


class Block(NamedTuple):
    """A part of a page that is no prose: of what kind, and its lines."""

    kind: str
    lines: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    """What of a page people type or read in their terminal, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(kind, tuple(text.splitlines())) for kind, text in found]


def task_of(target: str) -> str:
    """The task of doit's that a target of the Makefile does."""
    found = re.search(rf"^{target}:.*\n\t@\$\(DOIT\) (\w+)\$\(OF_JOB\)$", MAKEFILE, re.MULTILINE)
    assert found, f"make {target} gives nothing to doit"
    return found[1]


def tasks_in(block: Block) -> list[str]:
    """The tasks that the lines of a block ask for, whichever shell they are for."""
    asked = [line for line in block.lines if line not in (*SETS_UP, ON_WINDOWS)]
    if block.kind == SHELL:
        return [task_of(line.removeprefix("make ")) for line in asked]
    return [line.removeprefix(".venv\\Scripts\\doit ") for line in asked]


def test_the_french_quickstart_has_the_same_commands_and_shows_the_same() -> None:
    assert blocks(FRENCH) == blocks(ENGLISH)
    headings = [re.findall(r"^##? ", page.read_text(encoding="utf-8"), re.MULTILINE) for page in (ENGLISH, FRENCH)]
    assert headings[0] == headings[1]


def test_each_command_stands_there_for_both_shells() -> None:
    typed = [block for block in blocks(ENGLISH) if block.kind in (SHELL, POWERSHELL)]
    assert [block.kind for block in typed] == [SHELL, POWERSHELL] * (len(typed) // 2)
    assert len(typed) >= 8
    for shell, powershell in zip(typed[::2], typed[1::2], strict=True):
        assert tasks_in(shell) == tasks_in(powershell)
    assert typed[0].lines[:2] == typed[1].lines[:2] == SETS_UP


def follow(project: Project, steps: list[Block]) -> Iterator[str]:
    """Do what a page says, in a project with the shipped job; yield what each command printed."""
    printed = ""
    jobs = project.root / "jobs.yaml"
    jobs.write_bytes((ROOT / "jobs.yaml").read_bytes())
    for step in steps:
        if step.kind == SHELL:
            printed = "".join(project.doit(task) for task in tasks_in(step))
            yield printed
        elif step.kind == OUTPUT:
            assert set(step.lines) <= set(printed.splitlines()), printed
        elif step.kind == JOBS_YAML:
            key = step.lines[0].partition(":")[0]
            text, count = re.subn(rf"^{key}: .*$", step.lines[0], jobs.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert count == 1
            jobs.write_text(text, encoding="utf-8")


@pytest.mark.long("tests/documents/test_shown_outputs.py follows its beginning")
def test_the_quickstart_does_what_it_says_to_its_end_and_what_is_handed_on_is_said_as_shown(project: Project) -> None:
    *_, last = follow(project, blocks(ENGLISH))
    printed = [*last.replace(str(project.root), "/home/you/lab").splitlines(), *project.doit("export").splitlines()]
    for page, beginning in (("export", "video "), ("export", "export "), ("verify", "Installation")):
        other = re.compile("❌|next: |no session|libraries")  # a project has no lock, and nothing broken
        shown = [line for line in sample(f"docs/{page}.md", beginning) if not other.search(line)]
        assert shapes(shown) <= shapes(printed)
    (video,) = project.runs.job("traffic_light_control").glob("best_agent.*")
    assert f"runs/traffic_light_control/{video.name}" in last
    assert re.search(rf"best_agent\{video.suffix}`|`\{video.suffix}`", ENGLISH.read_text(encoding="utf-8"))
    weighed = weights(project)
    assert weighed == pytest.approx(stated_weights(), rel=0.1, abs=0.02), weighed


WHAT_A_SESSION_LEAVES = (
    "package/payload/sources.bundle",
    "package/payload/parent_checkpoint.bundle",
    "package/payload/parent_best_model.bundle",
    "artifacts/checkpoints",
    "artifacts/best_model",
    "artifacts/traffic_light_control_final.zip",
)


def weights(project: Project) -> list[float]:
    """How many MB the newest session has left: in all, the parts of docs/commands.md in its order, and the rest."""
    session = project.runs.sessions("traffic_light_control")[-1].path

    def megabytes(path: Path) -> float:
        return sum(each.stat().st_size for each in [path, *path.rglob("*")] if each.is_file()) / 1e6

    parts = [megabytes(session / part) for part in WHAT_A_SESSION_LEAVES]
    return [megabytes(session), *parts, megabytes(session) - sum(parts)]


def stated_weights() -> list[float]:
    """What docs/commands.md says of that."""
    section = commands.PAGE.read_text(encoding="utf-8").partition("## `doit gc`")[2].partition("```")[0]
    return [float(each) for each in re.findall(r"(?:leaves |^\| )([\d.]+) MB", section, re.MULTILINE)]


def test_the_reference_of_commands_is_what_they_say_of_themselves() -> None:
    page = commands.PAGE.read_text(encoding="utf-8")
    assert commands.with_reference(page, MAKEFILE) == page, "run `python -m docs.site.commands`"
    assert "| `doit resume`, `doit resume:job` | `make resume` | Go on, session after session" in page
    with pytest.raises(ValueError, match="no lines"):
        commands.with_reference("# Commands\n", MAKEFILE)


@pytest.fixture
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The example of docs/environments.md, laid out as it says; the job."""
    example = [block for block in blocks(ROOT / "docs" / "environments.md") if block.kind in ("python", JOBS_YAML)]
    assert [block.kind for block in example[:2]] == ["python", JOBS_YAML]
    (tmp_path / "maze").mkdir()
    (tmp_path / "maze" / "__init__.py").write_text("\n".join(example[0].lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield yaml.safe_load("\n".join(example[1].lines))["jobs"]["corridor"]
    gym.registry.pop("Corridor-v0", None)
    sys.modules.pop("maze", None)


def test_the_example_of_an_environment_of_ones_own_can_be_trained_in(own_environment: dict[str, Any]) -> None:
    job = parse_job({name: each for name, each in own_environment.items() if name != "quick"} | {"name": "corridor"})
    assert job.sources == ("maze",)
    assert own_environment["quick"]["total_timesteps"] % job.rollout_timesteps == 0
    assert job.eval.frequency % job.rollout_timesteps == job.total_timesteps % job.rollout_timesteps == 0
    env = gym.make(job.env.id, **job.env.kwargs, render_mode="rgb_array")
    check_env(env.unwrapped, skip_render_check=True)
    env.reset(seed=0)
    *_, arrived, _, _ = [env.step(1) for _ in range(12)][-1]
    assert arrived
    assert env.render().shape == (40, 260, 3)  # type: ignore[union-attr]


def test_links_lead_to_pages_in_the_site_as_in_a_checkout() -> None:
    text = "[a](../CONTRIBUTING.md#style) [b](jobs.md) [c](../jobs.yaml) [`d.py`](../d.py) [e](https://example.org/x)"
    assert hooks.relinked(text, "docs/install.md") == (
        "[a](CONTRIBUTING.md#style) [b](jobs.md) c (`jobs.yaml` in the checkout) `d.py` [e](https://example.org/x)"
    )
    assert hooks.relinked("[a](docs/jobs.md) [b](bench/README.md)", "CONTRIBUTING.md") == (
        "[a](jobs.md) [b](bench/README.md)"
    )
    assert hooks.relinked("[a](../docs/jobs.md#keys)", "bench/README.md") == "[a](../jobs.md#keys)"


def test_the_site_is_built_without_a_page_or_a_link_that_leads_nowhere_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert built.returncode == 0, built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert {"index.html", "quickstart.fr.html", "CONTRIBUTING.html"} <= {page.name for page in pages}
    loaded = [
        found
        for page in pages
        for found in re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"?(https?:[^\s\">]+)", page.read_text("utf-8"))
    ]
    assert loaded == []


def test_no_target_is_taken_for_a_file_or_a_folder_of_its_name() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert targets == set(phony[1].replace("\\", " ").split())
