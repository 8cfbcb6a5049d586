"""Which sessions of a command one submission may begin."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

from contract.errors import RelayError
from runner.backends.base import SubmitsTogether

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.backends.opened import OpenBackends
    from runner.doit.graph import Graph

MOST_TOGETHER = 60
"""Sessions that begin in one pass where one submission takes several: each is packaged before the first one begins."""


def one_submission_each(graph: Graph, jobs: Sequence[str], backends: OpenBackends) -> list[list[str]]:
    """Those of some jobs that are about to begin which share a group and a backend that takes several at once.

    Args:
        graph: has their plans.
        jobs: they.
        backends: tells what the backends can do.
    """
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for job in jobs:
        with contextlib.suppress(RelayError):  # the pass says it
            if group := graph.workspace.group(job):
                alike[group, str(graph.plan(job).wanted.job["backend"])].append(job)
    return [each for (_, name), each in alike.items() if len(each) > 1 and _takes_several(backends, name)]


def _takes_several(backends: OpenBackends, name: str) -> bool:
    try:
        return isinstance(backends.get(name), SubmitsTogether)
    except RelayError:  # likewise
        return False
