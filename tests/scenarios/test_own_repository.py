"""A user's own repository: made by `init`, with kaggle-relay installed from its wheel in a fresh environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.engine import image
from tests.network_guard import GUARDED
from tests.project import PATIENCE_SECONDS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PROFILES = ("cpu", "cuda", "kaggle")
BUILT = ("build", "dist")
"""What a build leaves in a clone, beside its `.egg-info`."""
OURS = ("contract", "job", "trainer", "restore", "executors", "runner", "emulator")
DIGESTS = """
import sys
sys.path.insert(0, sys.argv[1])
import build_inputs
for profile in {profiles}:
    print(build_inputs.build_digest(profile, "base"))
"""


class OwnRepository:
    """A project that `init` wrote, and the environment that it is worked on in.

    Args:
        root: where both go.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "my lab"
        self._environment = root / "environment"
        self.clone_had = sorted(path.name for path in ROOT.iterdir())
        # In the clone, which makes a wheel of itself.
        self._ran([sys.executable, "-m", "runner", "init", str(self.folder)], ROOT)
        (self.wheel,) = (self.folder / "wheels").glob("*.whl")
        self._install()

    def _install(self) -> None:
        """A fresh environment, but for what kaggle-relay needs: that is taken from where the tests have it."""
        venv.create(self._environment, symlinks=os.name == "posix")
        names = {"base": str(self._environment), "platbase": str(self._environment)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", names))
        with zipfile.ZipFile(self.wheel) as packed:
            packed.extractall(self.packages)  # all that an installer does with a wheel of pure Python, but for scripts
        needed = sysconfig.get_path("purelib")
        (self.packages / "needed.pth").write_text(f"{needed}\n", encoding="utf-8")

    @property
    def python(self) -> str:
        return str(self._environment / ("Scripts" if os.name == "nt" else "bin") / "python")

    def ran(self, *arguments: str, expect: int = 0, variables: dict[str, str] | None = None) -> str:
        return self._ran([self.python, *arguments], self.folder, expect, variables)

    def _ran(self, command: list[str], folder: Path, expect: int = 0, variables: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(GUARDED), **(variables or {})},
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == expect, done.stdout
        return done.stdout

    def add_modules_of_our_names(self) -> None:
        """What a user may have beside dodo.py."""
        for name in OURS:
            (self.folder / f"{name}.py").write_text(f'raise SystemExit("{name} of the user was imported")\n', "utf-8")

    @contextlib.contextmanager
    def emulator(self) -> Iterator[dict[str, str]]:
        """Kaggle on this machine, started in the project; the variables by which its client is told of it."""
        command = [self.python, "-P", "-m", "emulator", "--user", "alice:any-key"]
        environment = {**os.environ, "PYTHONPATH": str(GUARDED)}
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        ) as process:
            assert process.stdout is not None
            variables: dict[str, str] = {}
            try:
                for line in process.stdout:
                    name, _, value = line.removeprefix("export ").strip().partition("=")
                    if line.startswith("listening"):
                        break
                    variables[name] = value
                yield variables
            finally:
                process.terminate()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> OwnRepository:
    made = OwnRepository(tmp_path_factory.mktemp("own"))
    made.add_modules_of_our_names()
    return made


@pytest.mark.slow
def test_a_job_of_ones_own_repository_trains_whatever_ones_modules_are_called(repository: OwnRepository) -> None:
    # doit started as a module has the project's folder first on its path.
    output = repository.ran("-m", "doit", "run_quick")
    assert "balance: session 0001 reached 256 of 256 timesteps: goal met" in output
    run, done, status = repository.ran("-m", "doit", "run_quick", "status").partition("timesteps reached")
    assert done
    assert "nothing to do" in run
    assert "balance" in status


def test_the_wheel_has_all_that_the_image_is_made_of(repository: OwnRepository) -> None:
    code = DIGESTS.format(profiles=PROFILES)
    installed = repository.packages / "runner" / "image_files"
    of_clone, of_wheel = (repository.ran("-c", code, str(folder)) for folder in (ROOT / "docker", installed))
    assert of_wheel == of_clone
    assert (installed / "engine.sh").read_bytes() == (ROOT / "docker" / "engine.sh").read_bytes()
    said = repository.ran("-P", "-m", "runner", "image", "--if-needed", expect=2, variables={"PATH": ""})
    assert said.startswith("there is no docker program: start or install one, on Debian with sudo ")
    assert str(installed / "engine.sh") in said


def test_the_wheel_has_every_module_of_the_clone_and_nothing_that_is_no_more(repository: OwnRepository) -> None:
    with zipfile.ZipFile(repository.wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
    in_clone = {
        path.relative_to(ROOT).as_posix()
        for package in (*OURS, "kaggle_relay")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.startswith("runner/image_files/")} == in_clone
    # Other tests and tools put caches of their own there meanwhile.
    built = {path.name for path in ROOT.iterdir() if path.name in BUILT or path.name.endswith(".egg-info")}
    assert built <= {*repository.clone_had}


def test_the_emulator_answers_and_shows_its_page(repository: OwnRepository) -> None:
    with repository.emulator() as variables:
        page = build_opener(ProxyHandler({})).open(variables["http_proxy"], timeout=PATIENCE_SECONDS).read()
    assert b"alice" in page


def test_a_further_project_is_made_where_there_is_no_clone(repository: OwnRepository) -> None:
    (repository.folder / "elsewhere").mkdir()
    again = repository.ran("-P", "-m", "kaggle_relay", "init", "elsewhere")
    assert "next: cd elsewhere" in again
    requirements = (repository.folder / "elsewhere" / "requirements.txt").read_text(encoding="utf-8")
    assert requirements.splitlines() == [
        f"kaggle-relay[report,export,tune]=={repository.wheel.name.split('-')[1]}",
        "pytest>=8",
    ]


@pytest.mark.long("a sample of it is above; --long does it all")
@pytest.mark.slow
def test_everything_that_its_readme_shows_works(repository: OwnRepository) -> None:
    assert "3 passed" in repository.ran("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "of 20,480 timesteps: goal met" in repository.ran("-m", "doit", "run_full")
    assert "as they were adopted" in repository.ran("-m", "doit", "verify")
    with repository.emulator() as kaggle:
        repository.ran("-m", "doit", "fresh")
        assert "goal met" in repository.ran("-m", "doit", "resume", "backend=kaggle", variables=kaggle)


@pytest.mark.long("containers have their own tests; --long starts one from here")
@pytest.mark.slow
def test_it_trains_in_a_container(repository: OwnRepository) -> None:
    image()
    repository.ran("-m", "doit", "run_quick")
    repository.ran("-m", "doit", "fresh")
    assert "goal met" in repository.ran("-m", "doit", "run_quick", "backend=docker")
