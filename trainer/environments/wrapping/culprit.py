"""A job with fewer and fewer of its wrappers: the first whose environments give their state back tells who forgot."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from job.components import Component
    from job.model import Job

WRAPPERS, VEC_WRAPPERS = "env.wrappers", "env.vec_wrappers"


def without_wrappers(job: Job) -> Iterator[tuple[Job, Component, str]]:
    """The job without its outermost wrapper, that wrapper and its key; without the next one too; and so on."""
    bare = job.env
    while bare.vec_wrappers:
        *inner, outermost_of_all = bare.vec_wrappers
        bare = bare.model_copy(update={"vec_wrappers": tuple(inner)})
        yield job.model_copy(update={"env": bare}), outermost_of_all, VEC_WRAPPERS
    while bare.wrappers:
        *within, outermost = bare.wrappers
        bare = bare.model_copy(update={"wrappers": tuple(within)})
        yield job.model_copy(update={"env": bare}), outermost, WRAPPERS
