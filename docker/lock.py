"""Renew the image's locks: `python3 docker/lock.py`, or `make image-lock`.

Each profile has two locks: torch with what comes along with it, and the rest. `cuda` has the versions of Kaggle's
image, `kaggle` only what that image lacks. `cpu` has Kaggle's versions too, but for torch, and but for a Python that
they have no wheels for: there those of the project's own `requirements.lock`. torch's CPU build is in no registry, so
`requirements-cpu-torch.lock` is kept by hand. It uses uv, in a version of its own that it removes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import kaggle_list

import develop

FOLDER = Path(__file__).resolve().parent
KAGGLE = FOLDER / "kaggle-packages.txt"
HEADER = "# Written by `make image-lock` (uv {uv}).\n"
# What `trainer` imports; the rest of the project's dependencies is the runner's.
RUNTIME = ("gymnasium", "numpy", "pydantic", "sb3-contrib", "stable-baselines3", "torch")
# The packages of the first lock, by how they begin; CUDA's own are there for torch alone.
WITH_TORCH = ("torch==", "triton==", "nvidia-", "cuda-")
# The first that Kaggle's numpy has no wheels for.
NEWER_PYTHON = "3.13"
CUDA_OPTIONS = ("--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28")
CPU_OPTIONS = ("--universal", "--python-version", develop.dotted(develop.OLDEST))


def runtime_requirements() -> list[str]:
    """What the project asks for of the packages that a session needs."""
    project = tomllib.loads(develop.PROJECT.read_text(encoding="utf-8"))["project"]
    asked = {kaggle_list.normalised(line.split(">")[0].split("=")[0]): line for line in project["dependencies"]}
    return [asked[name] for name in RUNTIME]


def kaggle_constraints(listed: dict[str, kaggle_list.Listed]) -> list[str]:
    """Kaggle's versions as pip's constraints; the packages that the image lacks are free."""
    lines = []
    for package in listed.values():
        if package.version is None or package.name == "python":
            continue
        # The registry's own torch is that build, and is not labelled so.
        exact = package.exact
        lines.append(f"{package.name}=={exact.partition('+')[0]}" if exact else f"{package.name}{package.version}")
    return lines


def resolved(uv: Path, requirements: list[str], constraints: list[str], options: tuple[str, ...]) -> list[str]:
    """Resolve requirements to entries of a lock: one package with its hashes each."""
    with tempfile.TemporaryDirectory() as folder:
        asked, bounds, lock = (Path(folder, name) for name in ("asked.in", "bounds.txt", "lock.txt"))
        asked.write_text("\n".join(requirements), encoding="utf-8")
        bounds.write_text("\n".join(constraints), encoding="utf-8")
        command = [str(uv), "pip", "compile", str(asked), "--constraint", str(bounds), "--quiet", "--no-header"]
        command += [
            "--generate-hashes",
            "--only-binary",
            ":all:",
            "--no-annotate",
            "--output-file",
            str(lock),
            *options,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return lock.read_text(encoding="utf-8").replace("\n    ", "\0").splitlines()


def write(name: str, entries: list[str], nothing: str = "") -> None:
    """Write one lock, whole or not at all."""
    target = FOLDER / name
    temporary = target.with_suffix(".temporary")
    text = "".join(entry.replace("\0", "\n    ") + "\n" for entry in entries) or f"# {nothing}\n"
    temporary.write_text(HEADER.format(uv=develop.UV) + text, encoding="utf-8", newline="\n")
    temporary.replace(target)


def project_versions() -> dict[str, str]:
    """The versions of the project's own lock, and of the torch that goes with it, by the packages' names."""
    lines = [line for line in develop.LOCK.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]
    pinned = dict(line.split(maxsplit=1)[0].split("==") for line in lines)
    return {**pinned, "torch": develop.TORCH}


def cpu_constraints(listed: dict[str, kaggle_list.Listed]) -> list[str]:
    """Kaggle's versions, and beside them the project's: for torch, for what Kaggle lacks, and for a newer Python."""
    kaggles = [line for line in kaggle_constraints(listed) if not line.startswith(WITH_TORCH)]
    lines = [f"{line} ; python_version < '{NEWER_PYTHON}'" for line in kaggles]
    for name, version in project_versions().items():
        package = listed.get(name)
        alone = package is None or package.version is None or name == "torch"
        lines.append(f"{name}=={version}" + ("" if alone else f" ; python_version >= '{NEWER_PYTHON}'"))
    return lines


def main() -> int:
    """Write all locks but the one that is kept by hand."""
    requirements = runtime_requirements()
    listed = kaggle_list.read(KAGGLE)
    with tempfile.TemporaryDirectory() as folder:
        develop.run(develop.find_python(None), "-m", "venv", folder)
        programs = Path(folder, develop.BIN.name)
        develop.run(str(programs / "python"), "-m", "pip", "install", "-qq", f"uv=={develop.UV}")
        cpu = resolved(programs / "uv", requirements, cpu_constraints(listed), CPU_OPTIONS)
        cuda = resolved(programs / "uv", requirements, kaggle_constraints(listed), CUDA_OPTIONS)
    write("requirements-cpu.lock", [entry for entry in cpu if not entry.startswith(WITH_TORCH)])
    write("requirements-cuda-torch.lock", [entry for entry in cuda if entry.startswith(WITH_TORCH)])
    write("requirements-cuda.lock", [entry for entry in cuda if not entry.startswith(WITH_TORCH)])
    there = {name for name, package in listed.items() if package.version}
    lacking = [entry for entry in cuda if kaggle_list.normalised(entry.partition("==")[0]) not in there]
    write("requirements-kaggle-torch.lock", [], "Kaggle's image has torch.")
    write("requirements-kaggle.lock", lacking)
    return 0


if __name__ == "__main__":
    sys.exit(main())
