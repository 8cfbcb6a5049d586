"""The section `kaggle` of a job: how its sessions run where the backend is kaggle."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from job.model import Section

Each = TypeVar("Each")
NO_ACCELERATOR, AUTO_ACCELERATOR = "none", "auto"
DEFAULT_GPU = "NvidiaTeslaT4"
"""What is asked for where a GPU is worth it: the machines that it comes with take what torch is built for."""

_ACCELERATOR = re.compile(rf"{NO_ACCELERATOR}|{AUTO_ACCELERATOR}|Nvidia[A-Za-z0-9]+")
_SLUG = re.compile(r"(?=.{6,44}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DATASET = re.compile(rf"{_NAME.pattern}(?:/{_NAME.pattern}(?:/[1-9][0-9]*)?)?")
_MODEL = re.compile(rf"{_NAME.pattern}/{_NAME.pattern}/{_NAME.pattern}/[A-Za-z0-9][A-Za-z0-9._-]*/[1-9][0-9]*")
_IMAGE = re.compile(r"original|latest|[a-z0-9][a-z0-9.:-]*(?:/[a-z0-9._-]+)+(?:@sha256:[0-9a-f]{64}|:[\w.-]+)?")


def _accelerator(value: str) -> str:
    if value.lower().startswith("tpu"):
        raise ValueError("must not be a TPU, which is not supported: torch trains on a GPU or a CPU here")
    if not _ACCELERATOR.fullmatch(value):
        raise ValueError("must be auto, none or a name of Kaggle's, such as NvidiaTeslaT4")
    if value.lower() == "nvidiateslap100":
        raise ValueError("must not be a P100, which current builds of torch cannot use")
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError("must be original, latest, or one of Kaggle's images by its full name")
    return value


def _slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise ValueError("must be lower case letters, digits and single hyphens, 6 to 44 of them, a letter first")
    return value


def _dataset(value: str) -> str:
    if not _DATASET.fullmatch(value):
        raise ValueError("must be owner/dataset or owner/dataset/VERSION, or the name alone of a dataset of your own")
    return value


def _competition(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be the name of a competition as it stands in its address, such as titanic")
    return value


def _model(value: str) -> str:
    if not _MODEL.fullmatch(value):
        raise ValueError("must be owner/model/framework/variation/VERSION")
    return value


_Names = Annotated[
    tuple[Each, ...],
    Field(strict=False, exclude_if=lambda names: not names),
    AfterValidator(lambda names: tuple(dict.fromkeys(names))),
]


class Kaggle(Section):
    """How a session runs on Kaggle.

    `accelerator` is Kaggle's name of the machine's GPU, `none`, or `auto`: a GPU where the job's network is worth one.
    `carry_parent` says how a checkpoint reaches the next session: in its `dataset`, from the output of the `kernel`
    that made it, or `auto`, by size. `image` is `original` (what the job's first session ran in), `latest`, or an
    image's full name. `slug` is what the job's kernel is called, where the job's own name will not do. `datasets`,
    `competitions` and `models` are what of Kaggle's data its sessions mount.
    """

    accelerator: Annotated[str, AfterValidator(_accelerator)] = AUTO_ACCELERATOR
    carry_parent: Literal["auto", "dataset", "kernel"] = "auto"
    image: Annotated[str, AfterValidator(_image)] = "original"
    slug: Annotated[str, AfterValidator(_slug)] | None = None
    datasets: _Names[Annotated[str, AfterValidator(_dataset)]] = ()
    competitions: _Names[Annotated[str, AfterValidator(_competition)]] = ()
    models: _Names[Annotated[str, AfterValidator(_model)]] = ()
