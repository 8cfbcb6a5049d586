"""Set up .venv, run every check, renew the lock: the standard library only, so that any Python can start it.

    python3 develop.py                set up .venv as requirements.lock says; quick when nothing changed
    python3 develop.py test           every check, and every test
    python3 develop.py lint | types | pytest | coverage | format | lock
    python3 develop.py --torch cuda   set up with the CUDA build of torch
    python3 develop.py --services     set up with what the tests of experiment trackers and of Ray need, as CI does

The Makefile calls this file; on Windows, which has no make, call it yourself. Each command sets up first
what is missing. Arguments after the command go to its last tool: `python3 develop.py pytest -m "not slow"`.
"""

# Must start on Python 3.8, to say in one sentence that a newer one is needed.
from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform != "win32":
    import fcntl

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
SERVICES_LOCK = ROOT / "requirements-services.lock"
PROJECT = ROOT / "pyproject.toml"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
VENV_PYTHON = str(BIN / "python")

OLDEST, NEWEST = (3, 11), (3, 13)
UV = "0.13.9"
TORCH = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# torch's CPU and CUDA builds share a version and differ in hashes: they and CUDA's own packages stay out of the lock.
NOT_LOCKED = ("torch==", "triton==", "nvidia-", "cuda-")

# Steps of the set-up, in order. A step that is done leaves a marker in .venv, written last and by rename, that
# holds the digest of what went into it: an interrupted step has none and is done again.
STEPS = ("packages", "torch", "services", "project")

LINT = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("lint-imports", "--no-logo"))
# A cache for each system: sharing one, every run would throw away what the one before had found out.
TYPES = tuple(
    ("mypy", "--strict", "--exclude-gitignore", f"--platform={system}", f"--cache-dir=.mypy_cache/{system}", ".")
    for system in ("linux", "darwin", "win32")
)
# Tests copy the packages into projects and start Python some hundred times in them.
COMPILED = (
    "python",
    "-m",
    "compileall",
    "-q",
    "contract",
    "job",
    "trainer",
    "restore",
    "executors",
    "runner",
    "emulator",
)
# File by file in the order of tests/conftest.py. One process more than the smallest machine has cores, since tests wait
# for disks, containers and processes now and then; with two more the same took as long, and more CPU time.
PYTEST = ("pytest", "--numprocesses=3", "--dist=loadfile", "--no-loadscope-reorder")
# Until Python 3.12, no thread may install a trace function while another one does, and each thread does when it starts:
# it may then go unmeasured, which is no fault of what is tested.
UNTRACED = "ignore:Exception ignored in PyEval_SetTrace:pytest.PytestUnraisableExceptionWarning"
TOOLS = {
    "lint": LINT,
    "types": TYPES,
    "pytest": (("pytest",),),
    "test": (*LINT, COMPILED, PYTEST),
    "coverage": ((*PYTEST, "--cov", f"-W={UNTRACED}"),),
    "docs": (("mkdocs", "build", "--strict"),),
    "format": (("ruff", "check", "--fix-only", "."), ("ruff", "format", ".")),
}
# What runs while a command's last tool does: mypy keeps one core busy.
BESIDE = {"test": TYPES}


class SetupError(Exception):
    """What keeps the set-up from going on, as one sentence that says what to do."""


def run(*command: str, silent: bool = False) -> None:
    """Run a command in the project's folder, and raise CalledProcessError when it fails."""
    # Whoever wants no compiled modules would wait for each process of the tests to compile them.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, cwd=ROOT, check=True, capture_output=silent, env=variables)  # noqa: S603 - spelled here


@contextlib.contextmanager
def beside(tools: list[list[str]]) -> Iterator[None]:
    """Run tools, one after the other, while the block does something else; tell what they said when it is done.

    Raises:
        CalledProcessError: the block succeeded, and one of the tools failed.
    """
    with ThreadPoolExecutor(1) as pool:
        started = [
            pool.submit(subprocess.run, tool, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            for tool in tools
        ]
        try:
            yield
        finally:
            sys.stdout.flush()
            for each in started:
                sys.stdout.buffer.write(each.result().stdout)
            sys.stdout.flush()
    for each in started:
        each.result().check_returncode()


def pip_install(*arguments: str, silent: bool = False) -> None:
    """Install into .venv, whatever the user's own pip settings say about where to."""
    pip = (VENV_PYTHON, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--no-user", "-qq", *arguments, silent=silent)


def say(sentence: str) -> None:
    """Tell the user what goes on, apart from what a command prints as its result."""
    sys.stderr.write(f"{sentence}\n")


def dotted(version: tuple[int, ...]) -> str:
    """Spell a version as people do."""
    return ".".join(map(str, version))


def find_version(python: str) -> tuple[int, ...] | None:
    """Ask an interpreter for its version; None when there is none that starts."""
    question = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=True)  # noqa: S603 - the interpreter to set up with
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(int(part) for part in answer.stdout.split())


def find_python(named: str | None) -> str:
    """Choose the interpreter of .venv: the named one, else the one that runs this, else the newest there is.

    Raises:
        SetupError: none is of a version that the project supports, or the one chosen cannot make environments.
    """
    running: str = getattr(sys, "_base_executable", sys.executable)  # never .venv's own, which is about to be remade
    for python in [named] if named else [running, "python3.13", "python3.12", "python3.11"]:
        version = find_version(python)
        if version is None or not OLDEST <= version <= NEWEST:
            continue
        try:
            run(python, "-c", "import venv, ensurepip", silent=True)
        except subprocess.CalledProcessError:
            remedy = f"sudo apt-get install python{dotted(version)}-venv, then run this again"
            raise SetupError(f"{python} has no venv module: {remedy}") from None
        return python
    found = find_version(named or running)
    what = f"{named or running} {f'is {dotted(found)}' if found else 'does not start'}"
    remedy = "install one, then name it (make: PYTHON=..., else --python ...)"
    raise SetupError(f"Python {dotted(OLDEST)} to {dotted(NEWEST)} is needed, and {what}: {remedy}")


def marker(step: str) -> Path:
    """Name the file that says what a step was done with."""
    return VENV / f"setup.{step}"


def done_with(step: str) -> str:
    """Read what a step was last done with; empty when it was not, or not to its end."""
    return marker(step).read_text(encoding="utf-8") if marker(step).is_file() else ""


def forget(step: str) -> None:
    """Remove a step's marker and those after it: from here on the environment is not complete."""
    for later in STEPS[STEPS.index(step) :]:
        marker(later).unlink(missing_ok=True)


def mark(step: str, inputs: str) -> None:
    """Record a step as done, at once and whole."""
    temporary = VENV / "setup.temporary"
    temporary.write_text(inputs, encoding="utf-8")
    temporary.replace(marker(step))


def digest(*inputs: object) -> str:
    """Identify a step's inputs by their content; a file that was merely touched is the same."""
    return hashlib.sha256("\n".join(map(str, inputs)).encode()).hexdigest()


def install_packages(named_python: str | None) -> None:
    """Make .venv anew with every package of the lock, unless it is what the lock says already.

    An environment keeps its interpreter until another one is named.
    """
    lock = LOCK.read_text(encoding="utf-8")
    existing = find_version(VENV_PYTHON)
    wanted = find_version(find_python(named_python)) if named_python else existing
    if existing and existing == wanted and done_with("packages") == digest(lock, VENV, existing):
        return
    if VENV.is_symlink():
        raise SetupError(f"{VENV} is a link, and what it leads to would be emptied; remove the link")
    python = find_python(named_python)
    say(f"Installing the packages of {LOCK.name} into {VENV.name}; this happens once.")
    forget("packages")
    run(python, "-m", "venv", "--clear", str(VENV))
    pip_install("--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", LOCK.name)
    mark("packages", digest(lock, VENV, find_version(VENV_PYTHON)))


def has_nvidia_driver() -> bool:
    """Say whether a CUDA build of torch would find a GPU here."""
    program = shutil.which("nvidia-smi")
    return bool(program) and subprocess.run([str(program), "-L"], capture_output=True, check=False).returncode == 0  # noqa: S603 - found on PATH


def install_torch(build: str, index: str | None) -> None:
    """Install torch, in the build that fits the machine unless one is named.

    On Linux the plain release brings gigabytes of CUDA packages, so without a GPU the CPU build is taken: from
    pip's own sources where they have it, else from PyTorch's index. Elsewhere the plain release is small.
    """
    if build == "auto" and not index and done_with("torch").startswith(f"{TORCH} "):
        return  # whichever build was chosen before stays
    if build == "auto":
        build = "cuda" if has_nvidia_driver() else "cpu"
    inputs = f"{TORCH} {build} {index or ''}"
    if done_with("torch") == inputs:
        return
    say(f"Installing torch {TORCH} ({build}).")
    forget("torch")
    # Both builds answer to one version, so pip would leave the other one where it is.
    run(VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "-qqq", "uninstall", "--yes", "torch")
    if build == "cuda" or platform.system() != "Linux":
        pip_install(f"torch=={TORCH}", *(["--index-url", index] if index else []))
    else:
        install_torch_cpu(index)
    mark("torch", inputs)


def install_torch_cpu(index: str | None) -> None:
    """Install torch's CPU build from pip's sources, which is tried first and may well have none, or from an index.

    Raises:
        SetupError: neither has it, or neither can be reached.
    """
    cpu_build = f"torch=={TORCH}+cpu"
    if not index:
        try:
            pip_install("--no-deps", cpu_build, silent=True)
        except subprocess.CalledProcessError:
            index = TORCH_CPU_INDEX
            say(f"pip's own sources have no {cpu_build}; asking {index}")
        else:
            return
    try:
        pip_install("--no-deps", "--index-url", index, cpu_build)
    except subprocess.CalledProcessError:
        remedy = "name another index (make: TORCH_INDEX=..., else --torch-index ...)"
        last_resort = "take the CUDA build, several GB (make: TORCH=cuda, else --torch cuda)"
        raise SetupError(f"{cpu_build} is not available from {index}: {remedy}, or {last_resort}") from None


def install_services(wanted: bool) -> None:
    """Install what services ask for beside the lock; an environment that has it keeps it up to date."""
    inputs = digest(SERVICES_LOCK.read_text(encoding="utf-8"))
    if done_with("services") == inputs or not (wanted or done_with("services")):
        return
    say(f"Installing the packages of {SERVICES_LOCK.name}.")
    forget("services")
    pip_install("--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", SERVICES_LOCK.name)
    mark("services", inputs)


def install_project() -> None:
    """Make the project importable from its folder, and check that the lock has all that it asks for.

    Raises:
        SetupError: the lock is older than the dependencies in pyproject.toml.
    """
    inputs = digest(PROJECT.read_text(encoding="utf-8"))
    if done_with("project") == inputs:
        return
    forget("project")
    pip_install("--no-deps", "--no-build-isolation", "--no-index", "--editable", ".")
    try:
        run(VENV_PYTHON, "-m", "pip", "--quiet", "check")
    except subprocess.CalledProcessError:
        remedy = "renew it (make lock, or python3 develop.py lock)"
        raise SetupError(f"{LOCK.name} does not fit {PROJECT.name}: {remedy}") from None
    mark("project", inputs)


def wait_for_turn(stream: IO[bytes]) -> None:
    """Hold other set-ups of this checkout off until `stream`, on a file that all of them open, is closed."""
    if sys.platform != "win32":
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up of this checkout.")
            fcntl.flock(stream, fcntl.LOCK_EX)


def set_up(python: str | None, torch: str, torch_index: str | None, *, services: bool) -> None:
    """Bring .venv to what the locks and pyproject.toml say, doing only what is missing."""
    with LOCK.open("rb") as stream:
        wait_for_turn(stream)
        started = time.time()
        install_packages(python)
        install_torch(torch, torch_index)
        install_services(services)
        install_project()
        # For make, which compares dates: complete, as of before the inputs were read.
        os.utime(marker(STEPS[-1]), (started, started))


def write_locks(*uv_options: str) -> None:
    """Resolve pyproject.toml for every supported Python and system, and write the locks, with their hashes.

    Versions that a lock has already are kept where they still fit; `--upgrade` takes the newest of all.
    """
    with tempfile.TemporaryDirectory() as folder:
        run(find_python(None), "-m", "venv", folder)
        programs = Path(folder, BIN.name)
        run(str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-qq", f"uv=={UV}")
        uv = Uv(str(programs / "uv"), Path(folder), uv_options)
        entries = uv.resolve([PROJECT.name, "--group", "dev"], LOCK, [f"torch=={TORCH}"])
        replace_lock(LOCK, "all but torch, which develop.py pins", entries)
        pinned = [versions(entry) for entry in entries]
        more = uv.resolve(["--group", f"{PROJECT.name}:services"], SERVICES_LOCK, pinned)
        # What both ask for stands in the first one only, so that they cannot differ.
        replace_lock(
            SERVICES_LOCK,
            f"what comes beside {LOCK.name} with `develop.py --services`",
            [entry for entry in more if versions(entry) not in pinned],
        )


class Uv(NamedTuple):
    """The resolver, in an environment of its own."""

    program: str
    folder: Path
    options: tuple[str, ...]

    def resolve(self, wanted: list[str], lock: Path, pinned: list[str]) -> list[str]:
        """Find a version of each package, the ones in `pinned` where they are named; an entry has its hashes."""
        constraint, resolved = self.folder / "constraint.txt", self.folder / lock.name
        constraint.write_text("".join(f"{each}\n" for each in pinned), encoding="utf-8")
        resolved.write_text(lock.read_text(encoding="utf-8") if lock.exists() else "", encoding="utf-8")
        command = [self.program, "pip", "compile", *wanted, "--quiet"]
        # One version of each package for all Pythons and systems, so that all run the same code.
        command += ["--universal", "--python-version", dotted(OLDEST), "--fork-strategy", "fewest"]
        command += ["--generate-hashes", "--only-binary", ":all:", "--no-header", "--no-annotate"]
        run(*command, "--constraint", str(constraint), "--output-file", str(resolved), *self.options)
        entries = resolved.read_text(encoding="utf-8").replace("\n    ", "\0").splitlines()
        return [entry for entry in entries if not entry.startswith(NOT_LOCKED)]


def versions(entry: str) -> str:
    """Take the hashes from an entry of a lock: a package, its version, and where it is needed."""
    return entry.partition(" \\\0")[0]


def replace_lock(lock: Path, what: str, entries: list[str]) -> None:
    """Write a lock whole or not at all."""
    header = f"# Written by `make lock` (uv {UV}): {what}; see docs/install.md.\n"
    temporary = lock.with_suffix(".temporary")
    text = header + "".join(entry.replace("\0", "\n    ") + "\n" for entry in entries)
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(lock)


def run_tools(command: str, arguments: list[str]) -> None:
    """Run what a command is made of, until one fails; its last tool gets the arguments."""
    *tools, last = [[str(BIN / name), *rest] for name, *rest in TOOLS[command]]
    for tool in tools:
        run(*tool)
    with beside([[str(BIN / name), *rest] for name, *rest in BESIDE.get(command, ())]):
        run(*last, *arguments)


def main() -> int:
    """Do what the command line says.

    Returns:
        The exit code: that of the first tool that failed, or 2 when the set-up cannot go on.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", metavar="PROGRAM", help="the interpreter of .venv, Python 3.11 to 3.13")
    parser.add_argument("--torch", choices=["auto", "cpu", "cuda"], default="auto", help="the build of torch")
    parser.add_argument("--torch-index", metavar="URL", help="the package index that torch alone is taken from")
    parser.add_argument("--services", action="store_true", help="also MLflow, W&B and Ray, 120 MB, for their tests")
    parser.add_argument("command", nargs="?", choices=["setup", "lock", *TOOLS], default="setup")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="go to the command's last tool")
    options = parser.parse_args()
    try:
        if options.command == "lock":
            write_locks(*options.arguments)
            return 0
        set_up(options.python, options.torch, options.torch_index, services=options.services)
        if options.command in TOOLS:
            run_tools(options.command, options.arguments)
    except SetupError as error:
        say(str(error))
        return 2
    except subprocess.CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
