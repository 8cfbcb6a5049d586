"""Starts a packaged session wherever it runs; this file is copied into each package as `script.py`.

It knows the standard library only. It finds the session's input by its key, checks every digest
before it runs anything, unpacks the sources and what the machine lacks into a temporary folder, and
hands over to the trainer.
"""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import platform
import re
import runpy
import shutil
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

KEY = ""
LIMIT_LINE = "\nLIMIT_SECONDS = {}\n"
LIMIT_SECONDS = 0.0
PAYLOAD_FILE = "payload.json"
SOURCES_BUNDLE = "sources.bundle"
PACKAGE_SUFFIX = ".wheel.bundle"
WHEEL_SUFFIX = ".whl.bundle"
PACK_SUFFIX = ".pack"
PACKS_FROM = "every mount"
ACCELERATOR_FILE = "accelerator.json"
NOT_MOUNTED = "cannot be read (No such file or directory)"
PIECE_BYTES = 1 << 20


def main() -> None:
    """Check the input, unpack the sources, and run the trainer."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    mounted = Path(os.environ.get("RELAY_INPUT", "/kaggle/input"))
    working = Path(os.environ.get("RELAY_WORKING", "/kaggle/working"))
    folder = find_input(mounted)
    contents, places = check_input(folder, mounted)
    if any(place != folder / name for name, place in places.items()):
        folder = gather(folder, places)
    unpacked = Path(tempfile.mkdtemp(prefix="relay-sources-"))
    unpack(contents, unpacked)
    sys.path.insert(0, str(unpacked))
    for name in places:
        if name.endswith(PACKAGE_SUFFIX):
            bring(name, places[name], unpacked)
    packages = Path(tempfile.mkdtemp(prefix="relay-packages-")) if any(map(is_wheel, places)) else None
    if packages is not None:
        bring_wheels(places, packages)
        sys.path.insert(1, str(packages))
    keep_tensorflow_out(unpacked)
    if ACCELERATOR_FILE in places:
        require_gpu(json.loads(places[ACCELERATOR_FILE].read_text(encoding="utf-8"))["accelerator"])
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [*map(str, filter(None, (unpacked, packages))), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    limit = ["--limit", str(LIMIT_SECONDS)] if LIMIT_SECONDS else []
    sys.argv = ["trainer", "--input", str(folder), "--output", str(working), *limit]
    try:
        runpy.run_module("trainer", run_name="__main__", alter_sys=False)
    except ModuleNotFoundError as error:
        remedy = "choose another image, or list its folder under `sources` in jobs.yaml"
        sys.exit(f"{error.name}: is not installed where this session runs: {remedy}")


def find_input(mounted: Path) -> Path:
    """The folder below `mounted` whose payload has this package's key, in either layout of Kaggle's mounts."""
    found = sorted(mounted.rglob(PAYLOAD_FILE))
    for candidate in found:
        try:
            payload = json.loads(candidate.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(payload, dict) and payload.get("key") == KEY:
            return candidate.parent
    seen = ", ".join(nameless(each.parent) for each in found) or "nothing"
    sys.exit(f"{mounted}: the input planned for this session (key {KEY[:12]}) is not mounted; found {seen}")


def check_input(folder: Path, mounted: Path) -> tuple[bytes, dict[str, Path]]:
    """Find every file of the input and compare it with its digest; return the bundle of sources, and where each lies.

    A dataset of Kaggle's has no folders, and a checkpoint may lie in the output of the session that made it.
    """
    listed = json.loads((folder / PAYLOAD_FILE).read_text(encoding="utf-8"))["files"]
    canonical = json.dumps(listed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if hashlib.sha256(canonical.encode()).hexdigest() != KEY:
        sys.exit(
            f"{nameless(folder / PAYLOAD_FILE)}: does not add up to the key {KEY[:12]}: run the same command again"
        )
    bundle = io.BytesIO()
    places = {}
    unpacked = open_packs(folder, mounted, listed)
    for name, entry in listed.items():
        flat = folder / name.rpartition("/")[2]
        place = next((each for each in (folder / name, flat, unpacked / name) if each.exists()), None)
        if place is None:
            place = find_elsewhere(flat.name, entry, mounted) or folder / name
        try:
            found = file_digest(place, bundle if name == SOURCES_BUNDLE else None)
        except FileNotFoundError:
            sys.exit(f"{nameless(place)}: {NOT_MOUNTED}: run the same command again")
        except OSError as error:
            sys.exit(f"{nameless(place)}: cannot be read ({error.strerror}): run the same command again")
        if found != entry["sha256"]:
            sys.exit(f"{nameless(place)}: is not the file that was packaged: run the same command again")
        places[name] = place
    return bundle.getvalue(), places


def open_packs(folder: Path, mounted: Path, listed: "dict[str, object]") -> Path:
    """A folder with the listed files that came in packs, from every pack below `mounted`.

    A pack is a line of JSON that lists names and sizes, and then the files. A dataset that serves several sessions
    holds what this one does not need: that is left shut, so that no name leads anywhere but where the key covers it.
    """
    packs = sorted(mounted.rglob(f"*{PACK_SUFFIX}"))
    unpacked = Path(tempfile.mkdtemp(prefix="relay-packs-")) if packs else mounted
    for pack in packs:
        try:
            with pack.open("rb") as stream:
                for name, size in json.loads(stream.readline())["files"]:
                    if name not in listed or (unpacked / name).exists():
                        stream.seek(size, os.SEEK_CUR)
                        continue
                    (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
                    with (unpacked / name).open("wb") as target:
                        left = size
                        while left > 0 and (piece := stream.read(min(PIECE_BYTES, left))):
                            left -= target.write(piece)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if pack.parent == folder:
                sys.exit(f"{nameless(pack)}: cannot be unpacked ({type(error).__name__}): run the same command again")
            # Another's file that ends so, in a mounted output; of a store of ours, what it should have held is missed.
    return unpacked


def find_elsewhere(likely: str, entry: "dict[str, object]", mounted: Path) -> "Path | None":
    """The file below `mounted` that has the size and digest of `entry`, whatever its name; the likely one first."""
    for path in sorted(mounted.rglob("*"), key=lambda path: path.name != likely):
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_size == entry["bytes"] and file_digest(path, None) == entry["sha256"]:
                return path
    return None


def file_digest(path: Path, kept: "io.BytesIO | None") -> str:
    """The sha256 of a file, read in pieces, since replay buffers take gigabytes; the pieces go into `kept` too."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            digest.update(piece)
            if kept is not None:
                kept.write(piece)
    return digest.hexdigest()


def gather(folder: Path, places: "dict[str, Path]") -> Path:
    """A folder in which every file has the name that it was packaged under, as a link to where it lies."""
    gathered = Path(tempfile.mkdtemp(prefix="relay-input-"))
    for name, place in {PAYLOAD_FILE: folder / PAYLOAD_FILE, **places}.items():
        (gathered / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            (gathered / name).symlink_to(place.resolve())
        except OSError:  # Windows lets few users make links
            shutil.copyfile(place, gathered / name)
    return gathered


def unpack(contents: bytes, target: Path) -> None:
    """Unpack a bundle, whose digest was checked."""
    with zipfile.ZipFile(io.BytesIO(contents)) as bundle:
        bundle.extractall(target)


def bring(name: str, bundle: Path, target: Path) -> None:
    """Unpack a distribution, unless this machine has it in the version that was packaged."""
    distribution, _, version = name[: -len(PACKAGE_SUFFIX)].rpartition("-")
    with contextlib.suppress(metadata.PackageNotFoundError):
        if metadata.version(distribution) == version:
            return
    unpack(bundle.read_bytes(), target)


def is_wheel(name: str) -> bool:
    """Whether a file of the input is a wheel."""
    return name.endswith(WHEEL_SUFFIX)


def bring_wheels(places: "dict[str, Path]", target: Path) -> None:
    """Unpack the wheels among `places`: of each distribution the one that fits this Python on this machine."""
    names = [name for name in places if is_wheel(name)]
    for distribution in sorted({name.partition("-")[0] for name in names}):
        offered = [name for name in names if name.partition("-")[0] == distribution]
        fitting = sorted(filter(fits_here, offered), key=lambda name: name.endswith(f"-any{WHEEL_SUFFIX}"))
        if not fitting:
            here = f"Python {platform.python_version()} on {platform.machine()}"
            remedy = "choose another image, or a version in `packages` in jobs.yaml that has a wheel for it"
            sys.exit(f"package {distribution}: no wheel of it that was packaged fits {here}: {remedy}")
        unpack_wheel(places[fitting[0]], target)


def fits_here(name: str) -> bool:
    """Whether the tags of a wheel's name are for this Python on this machine, of the system that it was locked for."""
    pythons, abis, platforms = name[: -len(WHEEL_SUFFIX)].split("-")[-3:]
    machine, minor = platform.machine().lower(), sys.version_info.minor
    if not any(each == "any" or each.endswith((machine, "universal2")) for each in platforms.split(".")):
        return False
    for python in pythons.split("."):
        found = re.fullmatch(r"(py|cp)3(\d*)", python)
        if found is not None:
            since = int(found[2] or 0)
            later_too = found[1] == "py" or "abi3" in abis.split(".")
            if since == minor or (later_too and since < minor):
                return True
    return False


def unpack_wheel(wheel: Path, target: Path) -> None:
    """Unpack what of a wheel is imported, for which it has up to two places."""
    with zipfile.ZipFile(wheel) as packed:
        for member in packed.infolist():
            top, _, rest = member.filename.partition("/")
            if top.endswith(".data"):
                kind, _, member.filename = rest.partition("/")
                if kind not in ("purelib", "platlib") or not member.filename:
                    continue
            packed.extract(member, target)


def keep_tensorflow_out(unpacked: Path) -> None:
    """Let nothing import TensorFlow by way of TensorBoard, in this process and in those that it starts.

    Stable-Baselines3 imports torch's TensorBoard writer and that TensorFlow, for seconds and threads at best; it goes
    without where there is no tensorboard, but for no other reason.
    """
    own = unpacked / "tensorboard"
    if importlib.util.find_spec("tensorflow") is not None and not own.exists():
        own.mkdir()
        text = 'raise ImportError("tensorboard is kept out of this session: it would import TensorFlow")\n'
        (own / "__init__.py").write_text(text, encoding="utf-8")


def require_gpu(wanted: str) -> None:
    """End the session where a GPU was asked for and there is none: it would train on the CPU for hours."""
    import torch  # noqa: PLC0415 - only where a GPU was asked for

    if torch.cuda.device_count() == 0:
        remedy = "verify your phone number on kaggle.com/settings, or set `kaggle: {accelerator: none}` in jobs.yaml"
        sys.exit(f"accelerator {wanted}: Kaggle gave this session no GPU, and on the CPU it would take long: {remedy}")


def nameless(path: Path) -> str:
    """A path without the name of the account, which stands in one of Kaggle's layouts."""
    return re.sub(r"(?<=/)(datasets|notebooks)/[^/]+(?=/)", r"\1/...", path.as_posix() if os.sep == "/" else str(path))


if __name__ == "__main__":
    main()
