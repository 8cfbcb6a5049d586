"""Compare an image with a list of Kaggle's: `python3 docker/drift.py [IMAGE]`, or `make image-drift PROFILE=cpu`.

For each package: Kaggle's version, the image's, and whether a session loads it. That is measured: what its packages
import is imported in the image, and what is loaded by then is looked up. There is a list for each Python that Kaggle's
images have had; the image's own decides, or `--list 3.13`. `--list FILE` takes what `pip freeze` prints in any other
image; `--check` ends with 1 where a package that a session loads differs. Which image the account runs is said last.
"""

from __future__ import annotations

import argparse
import ast
import enum
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import account
import kaggle_list

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FOLDER = Path(__file__).resolve().parent
IN_A_SESSION = tuple(FOLDER.parent / name for name in ("contract", "job", "trainer"))
NOT_LOADED_THERE = frozenset({"msgspec", "PIL"})  # documents of the user's side travel along, and no session draws
# Prints, as JSON, the version of Python, of each package, and which of them are loaded with the modules named. A module
# that knows its own build (torch: 2.10.0+cu128) is asked rather than its metadata, which may not.
PROBE = """
import importlib, json, platform, sys
from importlib import metadata
named = [importlib.import_module(name) for name in sys.argv[1:]]
owners = metadata.packages_distributions()
loaded = {owner for name in list(sys.modules) for owner in owners.get(name.partition(".")[0], [])}
packages = {each.metadata["Name"]: each.version for each in metadata.distributions()}
for module in named:
    build = str(getattr(module, "__version__", ""))
    for owner in owners.get(module.__name__, []):
        if build.startswith(packages[owner] + "+"):
            packages[owner] = build
print(json.dumps({"python": platform.python_version(), "packages": packages, "loaded": sorted(loaded)}))
"""


class DriftError(Exception):
    """Why there is no report, as one sentence that says what to do."""


class Verdict(enum.Enum):
    """How an image stands to Kaggle's in one package."""

    SAME = "same"
    BUILD = "same version, another build"
    DIFFERS = "differs"
    MISSING = "missing here"
    EXTRA = "Kaggle lacks it"
    UNLISTED = "not in the list"


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Args:
        name: of the package.
        theirs: Kaggle's version, or None.
        ours: the image's version, or None.
        verdict: what that means.
        matters: whether a session loads it.
    """

    name: str
    theirs: str | None
    ours: str | None
    verdict: Verdict
    matters: bool


def compare(theirs: Mapping[str, kaggle_list.Listed], ours: Mapping[str, str], loaded: Iterable[str]) -> list[Row]:
    """Set a list and an image against each other; what matters comes first.

    Args:
        theirs: Kaggle's list.
        ours: the image's versions by name, `python` among them.
        loaded: the packages that a session loads.
    """
    here = {kaggle_list.normalised(name): version for name, version in ours.items()}
    mattering = {kaggle_list.normalised(name) for name in loaded} | {"python"}
    rows = []
    for name in {*theirs, *here}:
        listed, version = theirs.get(name), here.get(name)
        if listed and listed.version is None and version is None:
            continue
        rows.append(Row(name, listed.version if listed else None, version, judge(listed, version), name in mattering))
    return sorted(rows, key=lambda row: (not row.matters, row.verdict is Verdict.SAME, row.name))


def judge(listed: kaggle_list.Listed | None, ours: str | None) -> Verdict:
    """Judge one package."""
    if listed is None:
        return Verdict.UNLISTED
    if listed.version is None:
        return Verdict.EXTRA
    if ours is None:
        return Verdict.MISSING
    if listed.exact is None:
        return Verdict.SAME if in_range(ours, listed.version) else Verdict.DIFFERS
    if listed.exact == ours:
        return Verdict.SAME
    return Verdict.BUILD if listed.exact.partition("+")[0] == ours.partition("+")[0] else Verdict.DIFFERS


def in_range(version: str, wanted: str) -> bool:
    """Whether a version lies in a range like `>=70.0,<82`; an address is none, and no version lies in it."""

    def numbers(text: str) -> tuple[int, ...]:
        parts = [int(part) for part in text.split(".") if part.isdigit()]
        while parts and parts[-1] == 0:
            parts.pop()
        return tuple(parts)

    tests = {
        ">=": lambda bound: numbers(version) >= bound,
        "<=": lambda bound: numbers(version) <= bound,
        ">": lambda bound: numbers(version) > bound,
        "<": lambda bound: numbers(version) < bound,
    }
    for part in wanted.split(","):
        sign = next((each for each in tests if part.startswith(each)), None)
        if sign is None or not tests[sign](numbers(part.removeprefix(sign))):
            return False
    return True


def imports_of(folders: Collection[Path]) -> list[str]:
    """The modules from outside the standard library that the sources in `folders` import, each other left out."""
    own = {folder.name for folder in folders}
    found: set[str] = set()
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return sorted(found - own - sys.stdlib_module_names - NOT_LOADED_THERE)


def look_into(image: str) -> dict[str, Any]:
    """Run the probe in an image, without a network.

    Raises:
        DriftError: there is no such image, or it cannot import what a session needs.
    """
    command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python", image, "-c", PROBE]
    command += imports_of(IN_A_SESSION)
    try:
        answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        raise DriftError("there is no docker program: install Docker, on Debian with sudo docker/engine.sh") from None
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise DriftError(f"{image} could not be looked into ({last}): build it with make image, then run this again")
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def render(image: str, rows: list[Row]) -> str:
    """The report as a table, and its sum as the last line."""
    header = ("package", "Kaggle", image, "loaded", "verdict")
    lines = [header]
    lines += [
        (row.name, row.theirs or "-", row.ours or "-", "yes" if row.matters else "no", row.verdict.value)
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    table.insert(1, "  ".join("-" * width for width in widths))
    mattering = [row for row in rows if row.matters]
    same = sum(row.verdict in {Verdict.SAME, Verdict.BUILD} for row in mattering)
    summary = f"Of {len(mattering)} packages that a session loads, {same} are Kaggle's."
    return "\n".join([*table, "", summary, ""])


def list_path(wanted: str | None, python: str) -> Path:
    """The list to compare with.

    Args:
        wanted: its name or its path, or None.
        python: the image's, which decides then.
    """
    name = wanted or kaggle_list.name_for(python)
    return FOLDER / kaggle_list.LISTS[name] if name in kaggle_list.LISTS else Path(name)


def main() -> int:
    """Print the report.

    Returns:
        The exit code: 1 where `--check` finds a difference that matters, 2 where there is no report.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("image", nargs="?", default="kaggle-relay:cpu")
    parser.add_argument("--list", metavar="NAME or FILE", help="3.12, 3.13 or a file; left out: by the image's Python")
    parser.add_argument("--check", action="store_true", help="end with 1 where a package that a session loads differs")
    options = parser.parse_args()
    try:
        found = look_into(options.image)
        path = list_path(options.list, found["python"])
        theirs = kaggle_list.read(path)
    except (DriftError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    rows = compare(theirs, {**found["packages"], "python": found["python"]}, found["loaded"])
    sys.stdout.write(render(options.image, rows))
    for sentence in (f"Kaggle's are those of {path.name}.", *account.told(FOLDER.parent, FOLDER)):
        sys.stdout.write(f"{sentence}\n")
    drifted = any(row.matters and row.verdict in {Verdict.DIFFERS, Verdict.MISSING} for row in rows)
    return 1 if options.check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
