"""Build kaggle-relay's image: `python3 docker/image.py [--profile cpu|cuda|kaggle]`, or `make image PROFILE=cpu`.

It names the base, passes this machine's certificates and pip settings on as secrets, and labels the result. With
`--if-needed` it does nothing where the image is what it would build. The standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
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
BUILD_LABEL = "io.kaggle-relay.build"
BASES = {
    "cpu": "python:3.12-slim",
    "cuda": "nvidia/cuda:12.8.1-runtime-ubuntu24.04",
    # By digest: the image that kaggle-packages.txt is about.
    "kaggle": "gcr.io/kaggle-gpu-images/python@sha256:37c64f7dd9c54116ecd1bcc88817c5469b88387388fade02bfa8bf3fc647d461",
}
# Docker's own command line brought BuildKit along until here; since then it is a plugin, buildx.
LAST_WITH_BUILDKIT = 22


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


def base_of(docker: str, profile: str) -> tuple[str, str]:
    """Name the base of a profile and its digest, and bring it here if it is not.

    Raises:
        BuildError: it can neither be found here nor brought.
    """
    made_here = (
        ask(docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", LOCAL_BASE) if profile == "cpu" else ""
    )
    base = made_here.split()[0] if made_here else BASES[profile]
    return base, digest_of(docker, base)


def digest_of(docker: str, base: str) -> str:
    """The digest of an image: the registry's where it has one, else its own.

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
            remedy = (
                "docker/engine.sh makes a base on Debian without a registry; BASE=IMAGE names another (docs/docker.md)"
            )
            raise BuildError(f"the base image {base} is neither here nor to be fetched: {remedy}")
        found = ask(docker, *question) or ""
    return found.rpartition("@")[2]


def wheels_image(docker: str, wheels: list[Path]) -> str:
    """Hand wheels to the build as an image, which it mounts and does not keep; `scratch` where there are none."""
    if not wheels:
        return "scratch"
    tag = f"{NAME}-wheels:{inputs.digest(wheels)[:12]}"
    if not ask(docker, "image", "inspect", "--format", "{{.Id}}", tag):
        with (
            subprocess.Popen(
                [docker, "import", "-", tag], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            ) as importing,
            tarfile.open(fileobj=importing.stdin, mode="w|") as archive,
        ):
            for wheel in wheels:
                archive.add(wheel, f"wheels/{wheel.name}")
    return tag


def revision() -> str:
    """The commit of the checkout; empty outside of one."""
    commit = ask("git", "-C", str(inputs.FOLDER), "rev-parse", "HEAD") or ""
    changed = ask("git", "-C", str(inputs.FOLDER), "status", "--porcelain", "--", ".")
    return f"{commit}-changed" if commit and changed else commit


def build(profile: str, base: str | None, network: str | None, *, if_needed: bool) -> str:
    """Build a profile's image and its variant for user 1000.

    Args:
        profile: its name.
        base: another base than the profile's own, or None.
        network: Docker's name of the network for the build, or None for its own choice.
        if_needed: leave an image as it is that is made from the same.

    Returns:
        The image's tag.

    Raises:
        BuildError: there is no engine, no base, or the build failed.
    """
    found = programs()
    if not found or not ask(found[0], "version", "--format", "{{.Server.Version}}"):
        what = "no Docker engine answers" if found else "there is no docker program"
        raise BuildError(f"{what}: start or install one, on Debian with sudo docker/engine.sh (docs/docker.md)")
    docker, tag = found[0], f"{NAME}:{profile}"
    base, base_digest = (base, digest_of(docker, base)) if base else base_of(docker, profile)
    made_from = inputs.build_digest(profile, base_digest)
    if (
        if_needed
        and ask(docker, "image", "inspect", "--format", f'{{{{index .Config.Labels "{BUILD_LABEL}"}}}}', tag)
        == made_from
    ):
        return tag
    say(f"Building {tag} on {base}.")
    started = time.monotonic()
    settings = inputs.pip_settings(ask(sys.executable, "-m", "pip", "config", "list") or "")
    arguments = {
        "PROFILE": profile,
        "BASE": base,
        "WHEELS": wheels_image(docker, inputs.local_wheels(settings, profile)),
        "BASE_DIGEST": base_digest,
        "LOCK_DIGEST": inputs.lock_digest(profile),
        "REVISION": revision(),
    }
    if os.environ.get("TORCH_INDEX"):
        arguments["TORCH_INDEX"] = os.environ["TORCH_INDEX"]
    options = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    # Docker takes the value from the environment by itself, so that a proxy's password is in no list of processes.
    options += [
        word
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
        if name in os.environ
        for word in ("--build-arg", name)
    ]
    options += ["--label", f"{BUILD_LABEL}={made_from}", *(["--network", network] if network else [])]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        secrets = secret_files(folder / "secrets", settings)
        builder = choose_builder(found)
        if builder.buildkit:
            context = inputs.FOLDER
            options += [word for path in secrets for word in ("--secret", f"id={path.name},src={path}")]
        else:
            context = context_for_the_old_builder(folder)
        # The variant last, of which all but its last line is there by then.
        for target, name in (("relay", tag), ("user", f"{tag}-user")):
            command = [*builder.command, *options, "--target", target, "--tag", name, str(context)]
            environment = {**os.environ, "DOCKER_BUILDKIT": "1" if builder.buildkit else "0"}
            if subprocess.run(command, env=environment, check=False).returncode:
                raise BuildError(
                    f"{name} was not built: the lines above say why; docs/docker.md has what a build needs"
                )
    report(docker, tag, time.monotonic() - started)
    return tag


def secret_files(folder: Path, settings: dict[str, list[str]]) -> list[Path]:
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
    parser.add_argument("--if-needed", action="store_true", help="leave an image as it is that is made from the same")
    options = parser.parse_args()
    try:
        tag = build(options.profile, options.base, options.network, if_needed=options.if_needed)
    except BuildError as error:
        say(str(error))
        return 2
    sys.stdout.write(f"{tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
