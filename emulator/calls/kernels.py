"""The calls about kernels, beside what their sessions print and leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kagglesdk.kernels.types.kernels_api_service import (
    ApiCancelKernelSessionRequest,
    ApiCancelKernelSessionResponse,
    ApiDeleteKernelRequest,
    ApiDeleteKernelResponse,
    ApiGetAcceleratorQuotaStatisticsRequest,
    ApiGetKernelRequest,
    ApiGetKernelResponse,
    ApiGetKernelSessionStatusRequest,
    ApiGetKernelSessionStatusResponse,
    ApiKernelBlob,
    ApiKernelMetadata,
    ApiListKernelsRequest,
    ApiListKernelsResponse,
    ApiSaveKernelRequest,
)
from kagglesdk.kernels.types.kernels_enums import KernelsListSortType, KernelsListViewType, KernelWorkerStatus

from emulator.calls.paging import paginate
from emulator.calls.push import save_kernel
from emulator.calls.wire import ApiError, Call, Caller, denied, moment
from emulator.settings import HOUR
from emulator.store.quota import refresh_time
from emulator.store.values import KernelState

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.store.values import Kernel, Version

_TPU_QUOTA_SECONDS = 20 * HOUR


def visible_kernel(caller: Caller, owner: str, slug: str) -> Kernel:
    """The kernel, if the caller may see it.

    Raises:
        ApiError: it is not there, or somebody else's.
    """
    kernel = caller.emulator.kernels.find(owner or caller.user, slug)
    if kernel is None or not caller.emulator.may_see(caller.user, kernel):
        raise denied("kernels.get")
    return kernel


def version_called(caller: Caller, kernel: Kernel, label: str) -> Version:
    """The version that a label such as `v3` names, or the latest; a bare number is refused, as the client says.

    Raises:
        ApiError: there is no such version.
    """
    number = label.removeprefix("v")
    if label and (not number.isdigit() or number == label):
        raise ApiError(404, "Not found")
    version = caller.emulator.kernels.find_version(kernel.id, int(number) if number else None)
    if version is None:
        raise ApiError(404, "Not found")
    return version


def get_status(caller: Caller, request: Any) -> Any:
    """Where a session stands."""
    kernel = visible_kernel(caller, request.user_name, request.kernel_slug)
    version = version_called(caller, kernel, request.version_label)
    response = ApiGetKernelSessionStatusResponse()
    response.status = KernelWorkerStatus[version.state.value]
    response.failure_message = version.failure_message or None
    # The default, QUEUED, is said out loud: a missing one would be read as QUEUED too.
    return {"status": version.state.value, **response.to_dict()}


def get_kernel(caller: Caller, request: Any) -> Any:
    """The script and the metadata of a version."""
    kernel = visible_kernel(caller, request.user_name, request.kernel_slug)
    if caller.emulator.kernels.find_version(kernel.id) is None:
        raise ApiError(500, "Internal error")
    version = version_called(caller, kernel, request.version_label)
    response = ApiGetKernelResponse()
    response.metadata = _metadata(caller, kernel, version)
    response.blob = ApiKernelBlob()
    response.blob.source = caller.emulator.kernels.source(version.id)
    response.blob.language = version.options.language
    response.blob.kernel_type = version.options.kernel_type
    response.blob.slug = kernel.slug
    return response


def list_kernels(caller: Caller, request: Any) -> Any:
    """The kernels that the caller may see, filtered, sorted and in pages."""
    found = [
        (kernel, version)
        for kernel in caller.emulator.kernels.all()
        if caller.emulator.may_see(caller.user, kernel)
        and (version := caller.emulator.kernels.find_version(kernel.id)) is not None
        and _is_requested(caller, request, kernel, version)
    ]
    if request.sort_by is KernelsListSortType.DATE_CREATED:
        found.sort(key=lambda each: each[0].created_at, reverse=True)
    else:
        found.sort(key=lambda each: each[1].queued_at, reverse=True)
    page, token = paginate(found, request.page_size, request.page_token, request.page)
    response = ApiListKernelsResponse()
    response.kernels = [_metadata(caller, kernel, version) for kernel, version in page]
    response.next_page_token = token
    return response


def _is_requested(caller: Caller, request: Any, kernel: Kernel, version: Version) -> bool:
    options = version.options
    is_everyones = request.group is not KernelsListViewType.PROFILE
    checks: tuple[tuple[str, Callable[[str], bool]], ...] = (
        (request.user, lambda user: kernel.owner == user.lower()),
        (request.search, lambda text: text.lower() in f"{kernel.slug} {kernel.title}".lower()),
        (request.language, lambda language: language in ("all", options.language)),
        (request.kernel_type, lambda kind: kind in ("all", options.kernel_type)),
        (request.dataset, lambda ref: ref in options.dataset_sources),
        (request.competition, lambda ref: ref in options.competition_sources),
        (request.parent_kernel, lambda ref: ref in options.kernel_sources),
    )
    return (is_everyones or kernel.owner == caller.user) and all(check(value) for value, check in checks if value)


def _metadata(caller: Caller, kernel: Kernel, version: Version) -> Any:
    latest = caller.emulator.kernels.find_version(kernel.id)
    options = version.options
    metadata = ApiKernelMetadata()
    metadata.id = kernel.id
    metadata.ref = kernel.ref
    metadata.title = kernel.title
    metadata.author = kernel.owner
    metadata.slug = kernel.slug
    metadata.last_run_time = moment(version.started_at or version.queued_at)
    metadata.language = options.language
    metadata.kernel_type = options.kernel_type
    metadata.is_private = kernel.is_private
    metadata.enable_gpu = options.enable_gpu
    metadata.enable_tpu = options.enable_tpu
    metadata.enable_internet = options.enable_internet
    metadata.category_ids = [*options.keywords]
    metadata.dataset_data_sources = [*options.dataset_sources]
    metadata.kernel_data_sources = [*options.kernel_sources]
    metadata.competition_data_sources = [*options.competition_sources]
    metadata.model_data_sources = [*options.model_sources]
    metadata.current_version_number = latest.number if latest is not None else version.number
    metadata.docker_image = options.image or options.docker_image
    metadata.machine_shape = options.machine_shape
    return metadata


def delete_kernel(caller: Caller, request: Any) -> Any:
    """Remove a kernel with its versions; sessions that still run are ended."""
    kernels = caller.emulator.kernels
    kernel = kernels.find(request.user_name or caller.user, request.kernel_slug)
    if kernel is None or kernel.owner != caller.user:
        raise denied("kernels.delete")
    kernels.delete(kernel.id)
    caller.emulator.on_change()
    return ApiDeleteKernelResponse()


def cancel_session(caller: Caller, request: Any) -> Any:
    """Ask for the end of a session by its number."""
    kernels = caller.emulator.kernels
    try:
        version = kernels.version(request.kernel_session_id)
    except KeyError:
        raise denied("kernelSessions.cancel") from None
    kernel = kernels.by_id(version.kernel_id)
    if kernel is None or kernel.owner != caller.user:
        raise denied("kernelSessions.cancel")
    response = ApiCancelKernelSessionResponse()
    if not version.state.is_active:
        response.error_message = "The session has already ended"
        return response
    kernels.move(version.id, KernelState.CANCEL_REQUESTED)
    caller.emulator.on_change()
    return response


def get_quota(caller: Caller, _request: Any) -> Any:
    """The caller's GPU time of this week, and a TPU quota of which nothing is ever used.

    It is written by hand: the client's own writer loses the days of a time of more than 24 hours.
    """
    emulator = caller.emulator
    now = emulator.clock.now()
    active = [version for owner, version in emulator.kernels.active() if owner == caller.user and version.uses_gpu]
    reserved = sum(
        max(0.0, each.limit_seconds - (now - each.started_at if each.started_at is not None else 0.0))
        for each in active
    )
    used = emulator.gpu_time.used(caller.user, now)
    return {
        "quotaRefreshTime": moment(refresh_time(now)).isoformat(timespec="milliseconds") + "Z",
        "gpuQuota": _quota(used, reserved, emulator.settings.gpu_quota_seconds),
        "tpuQuota": _quota(0.0, 0.0, _TPU_QUOTA_SECONDS),
    }


def _quota(used: float, reserved: float, allowed: float) -> dict[str, Any]:
    return {
        "timeUsed": f"{used:.3f}s",
        "timeReserved": f"{reserved:.3f}s",
        "totalTimeAllowed": f"{allowed:.3f}s",
        "hasEverRun": used > 0,
    }


CALLS = {
    "kernels.KernelsApiService/SaveKernel": Call(ApiSaveKernelRequest, save_kernel),
    "kernels.KernelsApiService/GetKernelSessionStatus": Call(ApiGetKernelSessionStatusRequest, get_status),
    "kernels.KernelsApiService/GetKernel": Call(ApiGetKernelRequest, get_kernel),
    "kernels.KernelsApiService/ListKernels": Call(ApiListKernelsRequest, list_kernels),
    "kernels.KernelsApiService/DeleteKernel": Call(ApiDeleteKernelRequest, delete_kernel),
    "kernels.KernelsApiService/CancelKernelSession": Call(ApiCancelKernelSessionRequest, cancel_session),
    "kernels.KernelsApiService/GetAcceleratorQuotaStatistics": Call(ApiGetAcceleratorQuotaStatisticsRequest, get_quota),
}
