"""What goes into a build beside the Dockerfile: digests, pip's settings, wheels, and the old builder's text."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = Path(__file__).resolve().parent
ENGINE = FOLDER / "engine.sh"
SENT = ("Dockerfile", "install.py", "entry.py")
KEPT_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_ADDRESSES = frozenset({"index-url", "extra-index-url"})
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_MOUNT = re.compile(r"--mount=\S+\s*")


def locks(profile: str) -> list[Path]:
    """The lock files of a profile, in the order of their layers."""
    return [FOLDER / f"requirements-{profile}-torch.lock", FOLDER / f"requirements-{profile}.lock"]


def digest(paths: Iterable[Path]) -> str:
    """The sha256 of files by name and content."""
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def lock_digest(profile: str) -> str:
    """Identify what is installed into a profile's image."""
    return f"sha256:{digest(locks(profile))}"


def build_digest(profile: str, base: str) -> str:
    """Identify all that an image is made from, but for the commit, which changes nothing in it.

    Args:
        profile: its name.
        base: the base image's own digest.
    """
    files = digest([*(FOLDER / name for name in SENT), *locks(profile)])
    return f"sha256:{hashlib.sha256(f'{base} {files}'.encode()).hexdigest()}"


def pip_settings(listing: str) -> dict[str, list[str]]:
    """Read what `pip config list` prints; a variable of the environment counts more than a file."""
    found: dict[str, list[str]] = {}
    lines = [line for line in listing.splitlines() if "=" in line]
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        try:
            text = str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            text = value
        found[key.rpartition(".")[2].removeprefix("default-")] = text.split()
    return found


def settings_for_the_build(settings: Mapping[str, list[str]]) -> str:
    """The settings that mean the same inside a container, as a pip configuration file; empty where there are none.

    Paths of this machine and constraints of its user stay behind.
    """
    lines = []
    for key in KEPT_SETTINGS:
        values = settings.get(key, [])
        if key in _ADDRESSES:
            values = [value for value in values if urlsplit(value).scheme in {"http", "https"}]
        if values:
            lines.append(f"{key} = {' '.join(values)}")
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def ca_bundle(settings: Mapping[str, list[str]], environment: Mapping[str, str]) -> Path | None:
    """The certificates that this machine was told to trust, if it was told."""
    told = [*settings.get("cert", []), *(environment[name] for name in CA_VARIABLES if environment.get(name))]
    return next((Path(path) for path in told if Path(path).is_file()), None)


def local_wheels(settings: Mapping[str, list[str]], profile: str) -> list[Path]:
    """The wheels in pip's `find-links` folders that the profile's first lock names, digest by digest."""
    text = locks(profile)[0].read_text(encoding="utf-8")
    hashes = set(_HASH.findall(text))
    names = tuple(f"{line.partition('==')[0]}-" for line in text.splitlines() if "==" in line and line[0] != "#")
    wheels = []
    for place in settings.get("find-links", []):
        folder = Path(place.removeprefix("file://"))
        candidates = sorted(folder.glob("*.whl")) if folder.is_dir() else []
        wheels += [path for path in candidates if path.name.startswith(names) and _sha256(path) in hashes]
    return wheels


def for_the_old_builder(dockerfile: str) -> str:
    """The Dockerfile without BuildKit's mounts: what they would bring is copied into the build's own stage instead.

    That stage is left behind on this machine, so that nothing of it is in the image.
    """
    copied = "COPY secrets/ /run/secrets/\nCOPY --from=wheels /wheels /wheels\n"
    return _MOUNT.sub("", dockerfile).replace("WORKDIR /build\n", f"WORKDIR /build\n{copied}", 1)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
