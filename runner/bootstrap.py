"""Starts a packaged session wherever it runs; this file is copied into each package as `script.py`.

It knows the standard library only. It finds the session's input by its key, checks every digest
before it runs anything, unpacks the sources into a temporary folder and hands over to the trainer.
"""

import hashlib
import io
import json
import os
import runpy
import sys
import tempfile
import zipfile
from pathlib import Path

KEY = ""
PAYLOAD_FILE = "payload.json"
SOURCES_BUNDLE = "sources.bundle"
PIECE_BYTES = 1 << 20


def main() -> None:
    """Check the input, unpack the sources, and run the trainer."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    mounted = Path(os.environ.get("RELAY_INPUT", "/kaggle/input"))
    working = Path(os.environ.get("RELAY_WORKING", "/kaggle/working"))
    folder = find_input(mounted)
    contents = check_input(folder)
    unpacked = Path(tempfile.mkdtemp(prefix="relay-sources-"))
    with zipfile.ZipFile(io.BytesIO(contents)) as bundle:
        bundle.extractall(unpacked)
    sys.path.insert(0, str(unpacked))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(unpacked), *filter(None, [os.environ.get("PYTHONPATH")])])
    sys.argv = ["trainer", "--input", str(folder), "--output", str(working)]
    runpy.run_module("trainer", run_name="__main__", alter_sys=False)


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
    seen = ", ".join(str(each.parent) for each in found) or "nothing"
    sys.exit(f"{mounted}: the input planned for this session (key {KEY[:12]}) is not mounted; found {seen}")


def check_input(folder: Path) -> bytes:
    """Compare every file with its digest; return the bundle of sources."""
    listed = json.loads((folder / PAYLOAD_FILE).read_text(encoding="utf-8"))["files"]
    canonical = json.dumps(listed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if hashlib.sha256(canonical.encode()).hexdigest() != KEY:
        sys.exit(f"{folder / PAYLOAD_FILE}: does not add up to the key {KEY[:12]}: package the job again")
    bundle = io.BytesIO()
    for name, entry in listed.items():
        try:
            found = digest_of(folder / name, bundle if name == SOURCES_BUNDLE else None)
        except OSError as error:
            sys.exit(f"{folder / name}: cannot be read ({error.strerror}): package the job again")
        if found != entry["sha256"]:
            sys.exit(f"{folder / name}: is not the file that was packaged: package the job again")
    return bundle.getvalue()


def digest_of(path: Path, kept: io.BytesIO | None) -> str:
    """The sha256 of a file, read in pieces, since replay buffers take gigabytes; the pieces go into `kept` too."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            digest.update(piece)
            if kept is not None:
                kept.write(piece)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
