"""What a session of the calibration runs: it tells what it finds, leaves three files, and ends as it is told."""

from __future__ import annotations

from contract.storage.layout import key_line

MARK = "found by the calibration: "
PLAIN, NESTED, ZIPPED = "plain.txt", "deep/nested.txt", "packed.zip"
_SCRIPT = """
KEY = ""
ENDS = {ends!r}
import importlib.metadata, json, os, pathlib, platform, time, zipfile
mounted = pathlib.Path(os.environ.get("RELAY_INPUT", "/kaggle/input"))
working = pathlib.Path(os.environ.get("RELAY_WORKING", "/kaggle/working"))
(working / "deep").mkdir(exist_ok=True)
(working / {plain!r}).write_text(ENDS)
(working / {nested!r}).write_text(ENDS)
with zipfile.ZipFile(working / {zipped!r}, "w") as packed:
    packed.writestr("member.txt", ENDS)
versions = {{}}
for name in {names!r}:
    try:
        versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        versions[name] = None
files = {{path.name: path.stat().st_size for path in mounted.rglob("*") if path.is_file()}}
began = time.monotonic()
try:
    import torch
    imported = round(time.monotonic() - began, 1)
except Exception as error:
    imported = type(error).__name__
zips = [path for path in mounted.rglob({zipped!r}) if zipfile.is_zipfile(path)]
found = dict(python=platform.python_version(), versions=versions, files=files, torch=imported, zips=len(zips))
print({mark!r} + json.dumps(found), flush=True)
if ENDS == "stopped":
    time.sleep(3600)
raise SystemExit(1 if ENDS == "failed" else 0)
"""
LIBRARIES = ("numpy", "torch", "gymnasium", "pydantic", "psutil", "rich", "cloudpickle", "tensorboard", "tensorflow")


def script(key: str, ends: str) -> str:
    """The code of a session.

    Args:
        key: by which it is found again.
        ends: `well`, `failed`, or `stopped` at its time limit.
    """
    text = _SCRIPT.format(ends=ends, names=LIBRARIES, mark=MARK, plain=PLAIN, nested=NESTED, zipped=ZIPPED)
    return text.replace(key_line(""), key_line(key), 1)
