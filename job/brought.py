"""What a session brings along of a user's own: folders of sources, and packages."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from contract.storage.confinement import Strictness, confined

_CLAUSE = r"(?:===?|~=|!=|<=?|>=?) *[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._, -]+\])? *(?:{_CLAUSE}(?: *, *{_CLAUSE})*)?"
)


def _folder_in_project(value: str) -> str:
    """A relative folder with `/` between its parts, so that one job means the same on every system."""
    path = confined(value, Strictness.NO_SYSTEM)
    if path is None or value.startswith("~"):
        raise ValueError("must be a folder inside the project, relative to jobs.yaml, with / between its parts")
    return str(path)


def _requirement(value: str) -> str:
    """A distribution with the versions that will do, and nothing that pip would take for an option or an address."""
    if not _REQUIREMENT.fullmatch(value):
        raise ValueError("must be the name of a package and its versions, such as minigrid==3.0.0 or ale-py>=0.11,<1")
    return "".join(value.split())


Sources = Annotated[
    tuple[Annotated[str, AfterValidator(_folder_in_project)], ...],
    Field(strict=False),
    AfterValidator(lambda folders: tuple(dict.fromkeys(folders))),
]
Packages = Annotated[
    tuple[Annotated[str, AfterValidator(_requirement)], ...],
    Field(strict=False, exclude_if=lambda packages: not packages),
    AfterValidator(lambda packages: tuple(dict.fromkeys(packages))),
]
