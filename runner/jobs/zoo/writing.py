"""A converted entry as YAML: what became of each line as comments, and the job below."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from runner.jobs.adding import WIDTH, in_blocks

if TYPE_CHECKING:
    from runner.jobs.zoo.conversion import Conversion


def as_yaml(conversion: Conversion, origin: str) -> str:
    """The entry of jobs.yaml, to stand below `jobs:`.

    Args:
        conversion: the job.
        origin: where it is from, for the first line.
    """
    width = max((len(line.key) for line in conversion.lines), default=0)
    comments = [f"# {origin}; each of its lines, and what it is here"]
    for line in conversion.lines:
        said = line.here or f"none: {line.why}"
        comments += textwrap.wrap(
            said, WIDTH, initial_indent=f"#   {line.key:<{width}}  ", subsequent_indent=f"#   {' ' * width}    "
        )
    dumped = in_blocks({conversion.name: conversion.job})
    return textwrap.indent("\n".join([*comments, dumped]), "  ")
