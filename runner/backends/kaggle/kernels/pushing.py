"""What a push says: a version that runs as a session, or one that is only saved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
from kagglesdk.kernels.types.kernels_enums import KernelExecutionType

from contract.errors import BackendBusyError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contract.errors import BackendError

BUSY = re.compile(r"maximum .*session count|quota|too ?many ?assignments|precondition failed", re.IGNORECASE)
"""In what Kaggle says when it takes no further session now."""
PRECONDITION_FAILED = 412
"""What Kaggle may say it with, instead of a 200."""
NO_SUCH_NOTEBOOK = re.compile(r"notebook not found", re.IGNORECASE)
FIRST_SCRIPT = (
    "# The kernel of a job of kaggle-relay. Its sessions are the versions after this one, which never runs.\n"
)
"""It states no key: nobody takes it for a session."""


class EmptyNotebookError(RefusedError):
    """Under the kernel's name there is a notebook without a version, and Kaggle takes nothing."""


def run_request(owner: str, slug: str, metadata: Mapping[str, Any], script: str) -> ApiSaveKernelRequest:
    """The request that saves a version and runs it.

    Args:
        owner: the account's name.
        slug: the kernel's.
        metadata: as `kernel-metadata.json` has it, without that name.
        script: the code.
    """
    request = ApiSaveKernelRequest()
    request.slug, request.new_title = f"{owner}/{slug}", metadata["title"]
    request.text, request.language = script, metadata["language"]
    request.kernel_type, request.is_private = metadata["kernel_type"], metadata["is_private"]
    request.enable_gpu, request.enable_tpu = metadata["enable_gpu"], metadata["enable_tpu"]
    request.enable_internet = metadata["enable_internet"]
    request.dataset_data_sources = [each if "/" in each else f"{owner}/{each}" for each in metadata["dataset_sources"]]
    request.kernel_data_sources = [f"{owner}/{each}" for each in metadata["kernel_sources"]]
    request.competition_data_sources = metadata["competition_sources"]
    request.model_data_sources = metadata["model_sources"]
    request.category_ids = metadata["keywords"]
    request.session_timeout_seconds = metadata["session_timeout_seconds"]
    request.machine_shape = metadata.get("machine_shape")
    request.docker_image = metadata.get("docker_image")
    request.docker_image_pinning_type = metadata.get("docker_image_pinning_type")
    return request


def first_request(owner: str, slug: str, metadata: Mapping[str, Any]) -> ApiSaveKernelRequest:
    """The request that makes a kernel by a version that is saved and never run.

    It takes no slot and no quota, so that it cannot be refused for want of them. The first push of a kernel that is
    refused so leaves a notebook without a version, under whose name Kaggle takes nothing any more.
    """
    nothing: dict[str, list[str]] = {f"{kind}_sources": [] for kind in ("dataset", "kernel", "competition", "model")}
    bare = {**metadata, **nothing, "enable_gpu": False, "machine_shape": None}
    request = run_request(owner, slug, bare, FIRST_SCRIPT)
    request.kernel_execution_type = KernelExecutionType.QUICK_SAVE
    return request


def refusal_of_push(slug: str, words: str, *, is_busy: bool = False) -> BackendError:
    """The error that a refused push is.

    Args:
        slug: the kernel's.
        words: Kaggle's own.
        is_busy: whether its answer says in another way that it takes no further session now.
    """
    if is_busy or BUSY.search(words):
        return BackendBusyError("Kaggle", f"takes no further session now: {words.rstrip('.')}")
    if NO_SUCH_NOTEBOOK.search(words):
        return empty_notebook(slug)
    return RefusedError(f"kernel {slug}", f"Kaggle refuses it: {words}", "see docs/kaggle.md")


def empty_notebook(slug: str) -> EmptyNotebookError:
    """The error of a name under which there is a notebook without a version."""
    problem = (
        "Kaggle has a notebook of this name without any version, left by a push that it refused, and takes nothing"
    )
    remedy = (
        "delete it on kaggle.com under Your Work (it may be called [Private Notebook]) and run the same command again, "
        f"or set `kaggle: {{slug: {slug}-2}}` in jobs.yaml"
    )
    return EmptyNotebookError(f"kernel {slug}", problem, remedy)
