"""Build kaggle-relay's image: `python3 docker/image.py [--profile cpu|cuda|kaggle]`, or `make image PROFILE=cpu`.

It names the base, passes this machine's certificates and pip settings on as secrets, and labels the result. With
`--if-needed` it does nothing where the image is what it would build. The standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import build_inputs as inputs

NAME = "kaggle-relay"
LOCAL_BASE = f"{NAME}-base"
WHEELS = f"{NAME}-wheels"
BUILD_LABEL = "io.kaggle-relay.build"
BASES = {
    "cpu": "python:3.12-slim",
    "cuda": "nvidia/cuda:12.8.1-runtime-ubuntu24.04",
    # By digest: the image that kaggle-packages.txt is about.
    "kaggle": "gcr.io/kaggle-gpu-images/python@sha256:37c64f7dd9c54116ecd1bcc88817c5469b88387388fade02bfa8bf3fc647d461",
}
# Docker's own command line brought BuildKit along until here; since then it is a plugin, buildx.
LAST_WITH_BUILDKIT = 22
Settings = dict[str, list[str]]


# Prints an image's identity; what has no image ends with an error.
IDENTIFY = ("image", "inspect", "--format", "{{.Id}}")

COUNT_NAMES = ("image", "inspect", "--format", "{{len .RepoTags}}")


class BuildError(Exception):
    """What keeps an image from being built, as one sentence that says what to do."""


@dataclass(frozen=True)
class Builder:
    """A way to build.

    Args:
        command: the program and its words for it.
        buildkit: whether it is BuildKit, which mounts secrets and caches.
    """

    command: tuple[str, ...]
    buildkit: bool


@dataclass(frozen=True)
class Wanted:
    """An image to build.

    Args:
        profile: cpu, cuda or kaggle.
        base: another base than the profile's own, or None.
        network: Docker's name of the network for the build, or None for its own choice.
        cache: a folder for layers that outlives the builder, for buildx with a builder of its own; or None.
    """

    profile: str
    base: str | None = None
    network: str | None = None
    cache: Path | None = None


def ask(*command: str) -> str | None:
    """What a command prints; None where it fails or is not there."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def programs() -> list[str]:
    """Every `docker` that the path leads to, the first one first: a machine may have two, with and without BuildKit."""
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep)]
    found = [shutil.which("docker", path=str(place)) for place in places]
    return list(dict.fromkeys(str(Path(path).resolve()) for path in found if path))


def choose_builder(candidates: list[str]) -> Builder:
    """Take the first program that has BuildKit, else the old builder."""
    for program in candidates:
        if ask(program, "buildx", "version"):
            return Builder((program, "buildx", "build", "--load"), buildkit=True)
        version = ask(program, "version", "--format", "{{.Client.Version}}")
        if version and int(version.partition(".")[0]) <= LAST_WITH_BUILDKIT:
            return Builder((program, "build"), buildkit=True)
    return Builder((candidates[0], "build"), buildkit=False)


def default_base(docker: str, profile: str) -> str:
    """Name the base of a profile; for `cpu` the one that docker/engine.sh made, where there is one."""
    made_here = (
        ask(docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", LOCAL_BASE) if profile == "cpu" else ""
    )
    return made_here.split()[0] if made_here else BASES[profile]


def image_digest(docker: str, base: str) -> str:
    """The digest of a base image, which is brought here if it is not: the registry's where it has one, else its own.

    Raises:
        BuildError: there is no such image here, and none can be brought.
    """
    question = (
        "image",
        "inspect",
        "--format",
        "{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}",
        base,
    )
    found = ask(docker, *question)
    if not found:
        say(f"Fetching {base}.")
        if subprocess.run([docker, "pull", base], check=False).returncode:
            remedy = f"{engine_script()} makes a base on Debian without a registry; BASE=IMAGE names another"
            raise BuildError(f"the base image {base} is not here and cannot be fetched: {remedy} (docs/docker.md)")
        found = ask(docker, *question) or ""
    return found.rpartition("@")[2]


def wheels_image(docker: str, wheels: list[Path]) -> str:
    """Hand wheels to the build as an image, which it mounts and does not keep; `scratch` where there are none."""
    if not wheels:
        return "scratch"
    tag = f"{WHEELS}:{inputs.digest(wheels)[:12]}"
    if not ask(docker, *IDENTIFY, tag):
        with (
            subprocess.Popen(
                [docker, "import", "-", tag], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            ) as importing,
            tarfile.open(fileobj=importing.stdin, mode="w|") as archive,
        ):
            for wheel in wheels:
                archive.add(wheel, f"wheels/{wheel.name}")
    return tag


def engine_script() -> str:
    """Where the script lies that sets up an engine, from here."""
    here = Path.cwd()
    return str(inputs.ENGINE.relative_to(here) if inputs.ENGINE.is_relative_to(here) else inputs.ENGINE)


def revision() -> str:
    """The commit of the checkout; empty outside of one, and where these files are installed inside of another."""
    if not ask("git", "-C", str(inputs.FOLDER), "ls-files", "Dockerfile"):
        return ""
    commit = ask("git", "-C", str(inputs.FOLDER), "rev-parse", "HEAD") or ""
    changed = ask("git", "-C", str(inputs.FOLDER), "status", "--porcelain", "--", ".")
    return f"{commit}-changed" if commit and changed else commit


def build(wanted: Wanted, *, if_needed: bool) -> str:
    """Build a profile's image and its variant for user 1000.

    Args:
        wanted: what, and how.
        if_needed: leave an image as it is that is made from the same.

    Returns:
        The image's tag.

    Raises:
        BuildError: there is no engine, no base, or the build failed.
    """
    found = programs()
    if not found or not ask(found[0], "version", "--format", "{{.Server.Version}}"):
        what = "no Docker engine answers" if found else "there is no docker program"
        raise BuildError(f"{what}: start or install one, on Debian with sudo {engine_script()} (docs/docker.md)")
    docker, tag = found[0], f"{NAME}:{wanted.profile}"
    base = wanted.base or default_base(docker, wanted.profile)
    base_digest = image_digest(docker, base)
    made_from = inputs.build_digest(wanted.profile, base_digest)
    label = f'{{{{index .Config.Labels "{BUILD_LABEL}"}}}}'
    if if_needed and ask(docker, "image", "inspect", "--format", label, tag) == made_from:
        return tag
    say(f"Building {tag} on {base}.")
    started = time.monotonic()
    settings = inputs.pip_settings(ask(sys.executable, "-m", "pip", "config", "list") or "")
    arguments = {
        "PROFILE": wanted.profile,
        "BASE": base,
        "WHEELS": wheels_image(docker, inputs.local_wheels(settings, wanted.profile)),
        "BASE_DIGEST": base_digest,
        "LOCK_DIGEST": inputs.lock_digest(wanted.profile),
        "REVISION": revision(),
    }
    if os.environ.get("TORCH_INDEX"):
        arguments["TORCH_INDEX"] = os.environ["TORCH_INDEX"]
    words = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    # Docker takes these from the environment by itself, so that a proxy's password is in no list of processes.
    words += [f"--build-arg={name}" for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") if name in os.environ]
    words += [f"--label={BUILD_LABEL}={made_from}", *([f"--network={wanted.network}"] if wanted.network else [])]
    run_builds(choose_builder(found), tag, words, wanted.cache, settings)
    report(docker, tag, time.monotonic() - started)
    return tag


def run_builds(builder: Builder, tag: str, words: list[str], cache: Path | None, settings: Settings) -> None:
    """Build the image, then its variant, of which all but the last line is there by then.

    Raises:
        BuildError: one was not built.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secrets = secret_files(folder / "secrets", settings)
        context = inputs.FOLDER if builder.buildkit else context_for_the_old_builder(folder)
        if builder.buildkit:
            words = [*words, *(f"--secret=id={path.name},src={path}" for path in secrets)]
        if cache:
            words = [*words, f"--cache-from=type=local,src={cache}", f"--cache-to=type=local,dest={cache},mode=max"]
        environment = {**os.environ, "DOCKER_BUILDKIT": "1" if builder.buildkit else "0"}
        for target, built in (("relay", tag), ("user", f"{tag}-user")):
            command = [*builder.command, *words, f"--target={target}", f"--tag={built}", str(context)]
            before = ask(builder.command[0], *IDENTIFY, built)
            if subprocess.run(command, env=environment, check=False).returncode:
                what = f"{built} was not built: the lines above say why"
                raise BuildError(f"{what}; docs/docker.md has what a build needs")
            if before and ask(builder.command[0], *COUNT_NAMES, before) == "0":
                # Else each build would leave one behind. One that a container has is left to it: this fails then.
                ask(builder.command[0], "image", "rm", before)


def secret_files(folder: Path, settings: Settings) -> list[Path]:
    """Write what only the build may know into a folder that is removed after it."""
    folder.mkdir(mode=0o700)
    written = []
    bundle = inputs.ca_bundle(settings, os.environ)
    if bundle:
        shutil.copyfile(bundle, folder / "ca")
        written.append(folder / "ca")
    text = inputs.settings_for_the_build(settings)
    if text:
        (folder / "pip").write_text(text, encoding="utf-8")
        written.append(folder / "pip")
    return written


def context_for_the_old_builder(folder: Path) -> Path:
    """Lay out what the old builder gets: no mounts, so copies; `secrets` is in `folder` already."""
    for name in (*inputs.SENT, *(path.name for path in inputs.FOLDER.glob("requirements-*.lock"))):
        shutil.copyfile(inputs.FOLDER / name, folder / name)
    text = (inputs.FOLDER / "Dockerfile").read_text(encoding="utf-8")
    (folder / "Dockerfile").write_text(inputs.for_the_old_builder(text), encoding="utf-8")
    return folder


def report(docker: str, tag: str, seconds: float) -> None:
    """Say what was built."""
    size, _, layers = (
        ask(docker, "image", "inspect", "--format", "{{.Size}} {{len .RootFS.Layers}}", tag) or "0 0"
    ).partition(" ")
    say(f"{tag}: {int(size) / 1e6:.0f} MB in {layers} layers, built in {seconds:.1f} s.")


def say(sentence: str) -> None:
    """Tell the user what goes on."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def main() -> int:
    """Do what the command line says.

    Returns:
        The exit code: 2 where the image cannot be built.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", choices=sorted(BASES), default="cpu")
    parser.add_argument("--base", metavar="IMAGE", help="the base instead of the profile's own")
    parser.add_argument("--network", metavar="NAME", help="the build's network, as docker build has it")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep the layers there (buildx only)")
    parser.add_argument("--if-needed", action="store_true", help="leave an image as it is that is made from the same")
    options = parser.parse_args()
    try:
        wanted = Wanted(options.profile, options.base, options.network, options.cache)
        tag = build(wanted, if_needed=options.if_needed)
    except BuildError as error:
        say(str(error))
        return 2
    sys.stdout.write(f"{tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
