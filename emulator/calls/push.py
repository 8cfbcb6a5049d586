"""A push: whether it is admitted, and what it makes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelResponse
from kagglesdk.kernels.types.kernels_enums import KernelExecutionType

from emulator.calls.wire import ApiError
from emulator.sessions.accelerators import choose_machine
from emulator.sessions.sources import resolve
from emulator.settings import HOUR, LONGEST_SESSION_SECONDS, BusyAnswer, RefusedPush, SavedPush, WhenFull
from emulator.store.kernels import NewVersion
from emulator.store.values import KernelOptions, KernelState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.calls.wire import Caller
    from emulator.core import Emulator
    from emulator.store.values import Kernel, Version

SHORTEST_TITLE = 5
NOT_FOUND = "Notebook not found"
TOO_LONG = "Session timeout must be lower than the global maximum of {limit:g} seconds"
ONLY_RUNS = "A version of this notebook cannot be saved without running it."
"""Ours: nobody was seen refused so."""
TITLE_TAKEN = "The requested title is already in use by a notebook. Please choose another title."


def slugify(title: str) -> str:
    """The slug that a title becomes: lower case, and hyphens between its words."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def push_options(request: Any) -> KernelOptions:
    """What a push asks for."""
    return KernelOptions(
        language=request.language or "python",
        kernel_type=request.kernel_type or "script",
        enable_gpu=request.enable_gpu,
        enable_tpu=request.enable_tpu,
        enable_internet=request.enable_internet,
        machine_shape=request.machine_shape or "",
        docker_image=request.docker_image or "",
        docker_image_pinning_type=request.docker_image_pinning_type or "",
        dataset_sources=tuple(request.dataset_data_sources or ()),
        kernel_sources=tuple(request.kernel_data_sources or ()),
        competition_sources=tuple(request.competition_data_sources or ()),
        model_sources=tuple(request.model_data_sources or ()),
        keywords=tuple(request.category_ids or ()),
        session_timeout_seconds=request.session_timeout_seconds or None,
    )


def save_kernel(caller: Caller, request: Any) -> Any:
    """Make a kernel or its next version, and queue the session, unless something is in the way."""
    emulator = caller.emulator
    options = push_options(request)
    runs = request.kernel_execution_type is not KernelExecutionType.QUICK_SAVE
    machine = choose_machine(options, emulator.settings.default_gpu)
    if (options.session_timeout_seconds or 0) >= LONGEST_SESSION_SECONDS:
        raise ApiError(400, TOO_LONG.format(limit=LONGEST_SESSION_SECONDS))
    if not runs and emulator.settings.saved_push is SavedPush.REFUSED:
        raise ApiError(400, ONLY_RUNS)
    response = ApiSaveKernelResponse()
    with emulator.database.transaction():
        if _is_anothers(caller, request):
            response.error = NOT_FOUND
            return response
        kernel, slug = _addressed(caller, request)
        if kernel is not None and emulator.kernels.find_version(kernel.id) is None:  # what a refused push has left
            response.error = NOT_FOUND
            return response
        now = emulator.clock.now()
        refusal = _refusal(emulator, caller.user, machine) if runs else None
        if kernel is None and (refusal is None or emulator.settings.refused_push is RefusedPush.SHELL):
            kernel = emulator.kernels.create(caller.user, slug, request.new_title or slug, now)
        if refusal is None and kernel is not None:
            mounts, invalid = resolve(emulator, caller.user, options)
            title = request.new_title or kernel.title
            emulator.kernels.describe(kernel.id, title, is_private=request.is_private)
            limits = [emulator.settings.session_limit_seconds, options.session_timeout_seconds]
            new = NewVersion(
                source=request.text or "",
                options=replace(options, image=_image(emulator, kernel, options)),
                mounts=mounts,
                state=KernelState.QUEUED if runs else KernelState.NEW_SCRIPT,
                machine_shape=machine,
                limit_seconds=min(limit for limit in limits if limit is not None),
                queued_at=now,
            )
            response = _saved(emulator, response, kernel, emulator.kernels.add_version(kernel.id, new), invalid)
    if refusal is None:
        emulator.on_change()
    elif emulator.settings.busy_answer is BusyAnswer.STATUS:
        raise ApiError(412, refusal)
    else:
        response.error = refusal
    return response


def _image(emulator: Emulator, kernel: Kernel, options: KernelOptions) -> str:
    """What a version runs in: what it names, else what the kernel's first one ran in, or the newest there is."""
    if options.docker_image:
        return options.docker_image
    versions = emulator.kernels.list_versions(kernel.id)
    if options.docker_image_pinning_type == "original" and versions and versions[-1].options.image:
        return versions[-1].options.image
    return emulator.settings.image


def _is_anothers(caller: Caller, request: Any) -> bool:
    """Whether the push is about a kernel of somebody else, or about a number of none."""
    if request.id:
        kernel = caller.emulator.kernels.by_id(request.id)
        return kernel is None or kernel.owner != caller.user
    owner = (request.slug or "").rpartition("/")[0].lower()
    return owner not in ("", caller.user)


def _addressed(caller: Caller, request: Any) -> tuple[Kernel | None, str]:
    """The caller's kernel that the push is about, or the slug of a new one."""
    kernels = caller.emulator.kernels
    if request.id:
        kernel = kernels.by_id(request.id)
        return kernel, kernel.slug if kernel is not None else ""
    slug = (request.slug or "").rpartition("/")[2]
    title = request.new_title or ""
    if title and len(title) < SHORTEST_TITLE:
        raise ApiError(400, f"Title must be at least {SHORTEST_TITLE} characters")
    kernel = kernels.find(caller.user, slug)
    if kernel is not None:
        return kernel, kernel.slug
    new = slugify(title or slug)
    if len(new) < SHORTEST_TITLE:
        raise ApiError(400, f"Slug must be at least {SHORTEST_TITLE} characters")
    if kernels.find(caller.user, new) is not None:
        raise ApiError(409, TITLE_TAKEN)
    return None, new


def _refusal(emulator: Emulator, user: str, machine: str) -> str | None:
    """Why no session may be queued now, in Kaggle's words."""
    settings = emulator.settings
    has_gpu = machine.startswith("Nvidia")
    if has_gpu and emulator.gpu_time.used(user, emulator.clock.now()) >= settings.gpu_quota_seconds:
        return f"Maximum weekly GPU quota of {settings.gpu_quota_seconds / HOUR:.2f} hours reached."
    if settings.when_full is WhenFull.QUEUE:
        return None
    slots = settings.gpu_slots if has_gpu else settings.cpu_slots
    taken = sum(owner == user and version.uses_gpu == has_gpu for owner, version in emulator.kernels.active())
    kind = "GPU" if has_gpu else "CPU"
    return f"Maximum batch {kind} session count of {slots} reached." if taken >= slots else None


def _saved(
    emulator: Emulator, response: Any, kernel: Kernel, version: Version, invalid: Mapping[str, list[str]]
) -> Any:
    response.ref = f"/code/{kernel.ref}"
    response.url = emulator.urls.page(f"/code/{kernel.ref}")
    response.version_number = version.number
    response.kernel_id = kernel.id
    for field, refs in invalid.items():
        setattr(response, field, refs)
    return response
