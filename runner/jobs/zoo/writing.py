"""A converted entry as YAML: what became of each line as comments, and the job below."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from runner.jobs.zoo.conversion import Conversion

_WIDTH = 100


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
            said, _WIDTH, initial_indent=f"#   {line.key:<{width}}  ", subsequent_indent=f"#   {' ' * width}    "
        )
    dumped = yaml.dump({conversion.name: conversion.job}, Dumper=_Dumper, sort_keys=False, width=_WIDTH)
    return textwrap.indent("\n".join([*comments, dumped]), "  ")


class _Dumper(yaml.SafeDumper):
    """Blocks, with lists in one line, as people write jobs."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:  # noqa: ARG002 - PyYAML's
        """A list, in one line."""
        return super().represent_sequence(tag, sequence, flow_style=True)
