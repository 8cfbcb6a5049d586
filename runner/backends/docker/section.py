"""The section `docker` of a job: the container of its sessions where the backend is docker."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from job.model import Section, Size

SMALLEST_MEMORY = 6 << 20
"""What Docker asks for at least."""

_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]{0,511}", re.ASCII)
_USER = re.compile(r"[0-9]{1,9}(?::[0-9]{1,9})?", re.ASCII)


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError("must be the name of an image, such as kaggle-relay:cpu")
    return value


def _user(value: str) -> str:
    if not _USER.fullmatch(value):
        raise ValueError('must be numbers as text, such as "1000" or "1000:1000"')
    return value


class Docker(Section):
    """The container of a session where the backend is docker; what is None is as on Kaggle.

    `memory` and `shm` (of /dev/shm) in bytes, `user` as `uid` or `uid:gid`, None being the image's own.
    """

    image: Annotated[str, AfterValidator(_image)] = "kaggle-relay:cpu"
    memory: Annotated[Size, Field(ge=SMALLEST_MEMORY)] | None = None
    cpus: Annotated[float, Field(ge=0.01)] | None = None
    shm: Size | None = None
    user: Annotated[str, AfterValidator(_user)] | None = None
